"""What the learners leave in the lake: the models of the night, and when each fit last saw data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from huracan_assets.features.feature_sets import BASELINE, FeatureSet
from huracan_assets.learning.calibration import Pair
from huracan_assets.learning.side_model import SidePair
from huracan_assets.learning.training_set import TrainingSet
from huracan_assets.learning.walk_forward import Fold


class FoldRecord(BaseModel):
    """A walk-forward segment (test_start, test_end], and the newest label that taught its model."""

    model_config = ConfigDict(frozen=True)
    index: int
    test_start: datetime
    test_end: datetime
    train_rows: int
    test_rows: int
    fitted_until: datetime

    @classmethod
    def of(cls, fold: Fold, label_end: NDArray[np.datetime64]) -> FoldRecord:
        """Describe a fold by the rows it was really given."""
        return cls(
            index=fold.index,
            test_start=utc(fold.test_start),
            test_end=utc(fold.test_end),
            train_rows=len(fold.train),
            test_rows=len(fold.test),
            fitted_until=utc(label_end[fold.train].max()),
        )


class LightGBMModel(BaseModel):
    """The night's models, long and short: of each fold and, fitted on everything, the final pair."""

    model_config = ConfigDict(frozen=True)
    names: tuple[str, ...]
    recipe_sha256: str
    folds: tuple[FoldRecord, ...]
    per_fold: tuple[SidePair, ...]
    final: SidePair
    importance: tuple[tuple[str, float], ...]
    out_of_fold_sha256: str

    @property
    def rounds(self) -> tuple[int, ...]:
        """How many rounds early stopping chose, fold by fold, and last for the final pair; both sides have the same."""
        return tuple(pair.long.rounds for pair in (*self.per_fold, self.final))

    @property
    def feature_set(self) -> FeatureSet:
        """What it was trained on."""
        return FeatureSet(name=BASELINE, recipe_sha256=self.recipe_sha256, names=self.names)


class Calibrator(BaseModel):
    """Both sides' calibrators: fold k's from the folds before k, the final pair from all of them."""

    model_config = ConfigDict(frozen=True)
    per_fold: tuple[Pair | None, ...]
    final: Pair
    fitted_until: tuple[datetime | None, ...]

    def of_fold(self, index: int) -> Pair:
        """The maps that may judge fold `index`, which is not the first."""
        pair = self.per_fold[index]
        if pair is None:
            raise ValueError(f"fold {index} calibrates others and has no calibrator of its own")
        return pair


def utc(instant: np.datetime64) -> datetime:
    """An aware datetime of a UTC instant, to the microsecond."""
    plain: datetime = instant.astype("datetime64[us]").item()
    return plain.replace(tzinfo=UTC)


def out_of_fold_lean(
    per_fold: Sequence[SidePair], raw: NDArray[np.float64], folds: Sequence[Fold]
) -> NDArray[np.float64]:
    """How far out-of-fold probabilities (n, 2) lean to long, by their own fold's pair (n,); NaN where none is."""
    lean = np.full(len(raw), np.nan)
    for pair, fold in zip(per_fold, folds, strict=True):
        lean[fold.asked] = pair.lean(raw[fold.asked])
    return lean


def out_of_fold_frame(ts: TrainingSet, folds: list[Fold], raw: NDArray[np.float64]) -> pl.DataFrame:
    """`as_of, fold, long, short`: the raw out-of-fold probabilities, in order of time."""
    fold_of = np.full(len(ts), -1, dtype=np.int32)
    for fold in folds:
        fold_of[fold.asked] = fold.index
    asked = fold_of >= 0
    return pl.DataFrame(
        {
            "as_of": pl.Series(ts.as_of[asked].astype("datetime64[us]")).dt.replace_time_zone("UTC"),
            "fold": fold_of[asked],
            "long": raw[asked, 0],
            "short": raw[asked, 1],
        }
    )
