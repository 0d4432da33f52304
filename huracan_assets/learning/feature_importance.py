"""What the models stand on: gain, variance and permutation importance, feature by feature and family by family.

Gain and variance share say what a fit used; permutation importance says what that was worth on rows the fit had not
seen (Breiman 2001). A permutation is a circular shift of the test segment: the feature keeps its autocorrelation and
loses its alignment with everything else. Features that say the same thing stand in for each other, so a family is
also shifted as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from huracan_assets.guards.rank_correlation import ranks
from huracan_assets.learning.linear_model import probability, share
from huracan_assets.learning.side_model import SideModel, SidePair, together
from huracan_assets.learning.training_set import TrainingSet
from huracan_assets.learning.walk_forward import Fold
from huracan_assets.resources.lake import content_hash

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

METRIC = "rise of the log loss, weighted by uniqueness, mean of long and short, in nats"
LEAST_PROBABILITY = 1e-9


class Line(BaseModel):
    """One feature or one family; shares are of 1, `loss` is in `METRIC` and may be negative."""

    model_config = ConfigDict(frozen=True)
    name: str
    family: str
    gain: float  # of the trees' split gain, mean over folds
    variance: float  # of the variance of the line's score, mean over folds
    loss: float  # permutation importance, mean over folds
    loss_error: float | None  # its standard error between folds; None of one fold
    loss_by_fold: tuple[float, ...]


class Stability(BaseModel):
    """Mean rank correlation of the features' importance between folds; None where no two folds have any."""

    model_config = ConfigDict(frozen=True)
    gain: float | None
    variance: float | None
    loss: float | None


class FeatureImportance(BaseModel):
    """The importance of a night's features, on the folds' own models and test segments."""

    model_config = ConfigDict(frozen=True)
    symbol: str
    day: date
    feature_set: str
    metric: str
    shifts: int
    log_loss: tuple[float, ...]  # of each fold, nothing shifted
    features: tuple[Line, ...]  # in the order of the columns
    families: tuple[Line, ...]
    stability: Stability


@dataclass(frozen=True)
class Importance:
    """Tables of k folds: f features, g families."""

    gain: Floats  # (k, f)
    variance: Floats  # (k, f)
    loss: Floats  # (k, f)
    family_loss: Floats  # (k, g)
    log_loss: Floats  # (k,)


def seed_of(partition: str, seed: int) -> np.random.Generator:
    """The generator of a symbol-day: the same for the same partition and engine seed, another for another."""
    return np.random.default_rng([seed, int(content_hash(partition.encode())[:16], 16)])


def measure_importance(
    ts: TrainingSet,
    folds: Sequence[Fold],
    models: Sequence[SidePair],
    groups: Sequence[Ints],
    shifts: int,
    least_shift: int,
    rng: np.random.Generator,
) -> Importance:
    """Importance of every column, and of every group of columns together.

    Args:
        models: of each fold, fitted without its test rows.
        groups: columns of each family.
        shifts: circular shifts of each test segment; all columns see the same ones.
        least_shift: rows by which a shift moves at least; half of the segment where that is less.
    """
    columns = [np.array([column]) for column in range(len(ts.names))]
    rows: list[tuple[Floats, Floats, Floats, Floats, float]] = []
    for fold, pair in zip(folds, models, strict=True):
        least = min(least_shift, len(fold.test) // 2)
        by = rng.integers(least, len(fold.test) - least, size=shifts, endpoint=True)
        sides = [
            _Side(side, ts.features[fold.test], ts.won[fold.test, k], ts.uniqueness[fold.test])
            for k, side in enumerate(pair.sides)
        ]
        alone, together = (
            np.array([np.mean([side.rise(group, by) for side in sides]) for group in wanted])
            for wanted in (columns, groups)
        )
        gain = np.mean([share(side.gain) for side in sides], axis=0)
        variance = np.mean([np.asarray(side.linear.share) for side in pair.sides], axis=0)
        rows.append((gain, variance, alone, together, float(np.mean([side.log_loss for side in sides]))))
    gain, variance, loss, family_loss, log_loss = (np.array(table) for table in zip(*rows, strict=True))
    return Importance(gain, variance, loss, family_loss, log_loss)


class _Side:
    """One side's model on its test segment, asked about shifted columns without asking the rest again."""

    def __init__(self, model: SideModel, features: NDArray[np.float32], won: NDArray[np.bool_], weight: Floats) -> None:
        from lightgbm import Booster

        self._booster = Booster(model_str=model.booster)
        self._linear = model.linear
        self._features = np.asarray(features, np.float64)
        self._won, self._weight = won, weight / weight.sum()
        self.gain = model.gain
        self._trees = self._ask_trees(self._features)
        self._score = model.linear.score(features)
        self.log_loss = self._loss(self._trees, self._score)
        self._asked: dict[tuple[tuple[int, ...], int], Floats] = {}

    def rise(self, columns: Ints, shifts: Ints) -> float:
        """Mean rise of the log loss when `columns` are shifted together; 0 where the model does not read them."""
        in_trees = tuple(int(column) for column in columns if self.gain[column] > 0.0)
        in_line = [column for column in columns if self._linear.coefficient[column] != 0.0]
        if not in_trees and not in_line:
            return 0.0
        parts = {column: self._linear.part(column, self._features[:, column]) for column in in_line}
        rises = []
        for shift in shifts.tolist():
            score = self._score + sum((np.roll(part, shift) - part for part in parts.values()), np.zeros(1))
            rises.append(self._loss(self._shifted_trees(in_trees, shift), score) - self.log_loss)
        return float(np.mean(rises))

    def _shifted_trees(self, columns: tuple[int, ...], shift: int) -> Floats:
        """The trees' answers; of most families they read one column only, which was asked about already."""
        if not columns:
            return self._trees
        if (columns, shift) not in self._asked:
            kept = self._features[:, columns]
            self._features[:, columns] = np.roll(kept, shift, axis=0)
            self._asked[columns, shift] = self._ask_trees(self._features)
            self._features[:, columns] = kept
        return self._asked[columns, shift]

    def _ask_trees(self, features: Floats) -> Floats:
        return np.asarray(self._booster.predict(features, num_threads=1), np.float64)

    def _loss(self, trees: Floats, score: Floats) -> float:
        told = together(trees, probability(score))
        right = np.clip(np.where(self._won, told, 1.0 - told), LEAST_PROBABILITY, 1.0)
        return float(-(self._weight @ np.log(right)))


def agreement(table: Floats) -> float | None:
    """Mean rank correlation (Spearman) between the rows of (k, f), of those rows that vary; None of fewer than two."""
    varying = table[np.ptp(table, axis=1) > 0.0]
    if len(varying) < 2:
        return None
    together = np.atleast_2d(np.corrcoef(ranks(varying.T), rowvar=False))
    return float(together[np.triu_indices(len(varying), 1)].mean())


def members(families: Sequence[str]) -> list[Ints]:
    """Columns of each family, the families in the order in which they first occur."""
    return [
        np.array([column for column, each in enumerate(families) if each == family])
        for family in dict.fromkeys(families)
    ]


def importance_rows(lines: Sequence[Line]) -> list[dict[str, object]]:
    """Lines as rows of a table, the most important first; loss and its error in 1e-4."""
    return [
        {
            "feature": line.name,
            "family": line.family,
            "gain %": 100.0 * line.gain,
            "variance %": 100.0 * line.variance,
            "loss": 1e4 * line.loss,
            "error": None if line.loss_error is None else 1e4 * line.loss_error,
        }
        for line in sorted(lines, key=lambda line: -line.loss)
    ]


def describe(
    names: Sequence[str], families: Sequence[str], found: Importance
) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    """Lines of the features and of the families.

    Args:
        families: of each feature; the families stand in the order in which they first occur.
    """
    order = list(dict.fromkeys(families))
    member = np.array([[family == each for each in order] for family in families], np.float64)
    features = tuple(
        _line(name, family, found.gain[:, k], found.variance[:, k], found.loss[:, k])
        for k, (name, family) in enumerate(zip(names, families, strict=True))
    )
    gain, variance = found.gain @ member, found.variance @ member
    grouped = tuple(
        _line(family, family, gain[:, k], variance[:, k], found.family_loss[:, k]) for k, family in enumerate(order)
    )
    return features, grouped


def _line(name: str, family: str, gain: Floats, variance: Floats, loss: Floats) -> Line:
    return Line(
        name=name,
        family=family,
        gain=float(gain.mean()),
        variance=float(variance.mean()),
        loss=float(loss.mean()),
        loss_error=float(loss.std(ddof=1) / np.sqrt(len(loss))) if len(loss) > 1 else None,
        loss_by_fold=tuple(loss.tolist()),
    )


def since(before: FeatureImportance, now: FeatureImportance) -> float | None:
    """Rank correlation of the permutation importance of two nights, over the features that both have."""
    earlier = {line.name: line.loss for line in before.features}
    pairs = [(earlier[line.name], line.loss) for line in now.features if line.name in earlier]
    return agreement(np.array(pairs).T) if pairs else None
