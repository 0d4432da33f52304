"""From a model's raw scores to probabilities one may size on: a calibrator for each side, segment by segment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.learning.side_calibrator import Record, SideCalibrator, fit_side_calibrator
from huracan_assets.learning.training_set import TrainingSet
from huracan_assets.learning.walk_forward import WalkForward
from huracan_assets.settings import LearningSettings

Floats = NDArray[np.float64]
Names = NDArray[np.str_]

Pair = tuple[SideCalibrator, SideCalibrator]  # long, short


@dataclass(frozen=True)
class Calibrators:
    """Fold 0 has none: nothing out of fold was known before it."""

    per_fold: tuple[Pair | None, ...]
    final: Pair


def apply_pair(pair: Pair, raw: Floats, regime: Names) -> Floats:
    """Raw long and short scores (m, 2) of bars in their regimes (m,) to probabilities (m, 2)."""
    return np.column_stack([pair[side](raw[:, side], regime) for side in range(2)])


def fit_calibrators(walk: WalkForward, raw: Floats, regime: Names, learning: LearningSettings) -> Calibrators:
    """Calibrators for each fold and for the morning after the last one.

    Fold k's see the out-of-fold scores of folds before k, and of those only the rows that may train fold
    k: a label still open when fold k begins is no more known to the calibrator than to the model.

    Args:
        raw: out-of-fold scores (n, 2), NaN outside all tests.
        regime: of each row (n,).

    Raises:
        ContractError: a fold after the first has no scored row to be calibrated on.
    """

    def fit(rows: NDArray[np.int64], whose: str) -> Pair:
        return fit_calibrator_pair(walk.ts, raw, regime, rows, learning, whose)

    per_fold = [fit(walk.known_before(fold), f"the calibrator of fold {fold.index}") for fold in walk.traded]
    return Calibrators((None, *per_fold), fit(walk.record(), "the final calibrator"))


def fit_calibrator_pair(
    ts: TrainingSet, raw: Floats, regime: Names, rows: NDArray[np.int64], learning: LearningSettings, whose: str
) -> Pair:
    """Both sides' calibrators from some rows, in order, and from nothing else.

    Raises:
        ContractError: there are none, or one of them was never scored.
    """
    if len(rows) == 0 or not np.isfinite(raw[rows]).all():
        raise ContractError(f"{whose} has no or unscored out-of-fold rows to calibrate on: train the folds first")
    as_of, known_at, won = ts.as_of[rows], ts.label_end[rows], ts.won[rows].astype(np.float64)
    records = [
        Record(as_of, known_at, raw[rows, side], won[:, side], ts.uniqueness[rows], regime[rows]) for side in range(2)
    ]
    embargo = timedelta(minutes=learning.embargo_minutes)
    long, short = (fit_side_calibrator(record, learning.calibration, embargo) for record in records)
    return long, short


def regime_at(regimes: pl.DataFrame, as_of: NDArray[np.datetime64]) -> Names:
    """The regime of each row (n,).

    Args:
        regimes: the `regimes` frame.
        as_of: decision times (n,) in UTC.

    Raises:
        ContractError: a row has no regime.
    """
    at = pl.Series("as_of", as_of.astype("datetime64[us]")).dt.replace_time_zone("UTC").to_frame()
    found = at.join(regimes.select("as_of", "regime"), on="as_of", how="left", maintain_order="left")["regime"]
    if len(found) != len(as_of) or found.null_count():
        raise ContractError("regimes and outcomes are not of the same bars: materialize regimes again")
    return found.to_numpy().astype(str)
