"""The training set and the folds of a night, as every learner and every judge sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.days import DAY, midnight
from huracan_assets.features.feature_version import FeatureVersion
from huracan_assets.learning.training_set import TrainingSet, training_set
from huracan_assets.learning.walk_forward import Fold, walk_forward_folds
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.settings import LearningSettings
from huracan_assets.simulation.conditions import minute_rows

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Classroom:
    """Rows are decision bars with both outcomes; fold 0 only calibrates, trading starts in fold 1."""

    ts: TrainingSet
    folds: list[Fold]

    @property
    def traded(self) -> list[Fold]:
        """The folds over which the ledger runs."""
        return self.folds[1:]

    def known_before(self, fold: Fold) -> NDArray[np.int64]:
        """Rows of earlier folds whose outcome was known, an embargo ago, when `fold` begins."""
        earlier = [before.test for before in self.folds[: fold.index]]
        return np.intersect1d(np.concatenate([np.empty(0, np.int64), *earlier]), fold.train)

    def out_of_sample(self) -> NDArray[np.int64]:
        """Rows of all folds, in order."""
        return np.sort(np.concatenate([fold.test for fold in self.folds]))

    def record(self) -> NDArray[np.int64]:
        """The rows of all folds that may teach what follows them, in order."""
        rows = self.out_of_sample()
        return rows[self.ts.teachable[rows]]


def classroom(
    version: FeatureVersion, bars: pl.DataFrame, outcomes: pl.DataFrame, learning: LearningSettings
) -> Classroom:
    """The night's rows and folds: the first `first_train_days` of the window teach only."""
    ts = training_set(bars, outcomes)
    first, last = version.window[0], version.window[-1]
    folds = walk_forward_folds(
        ts.as_of,
        ts.label_end,
        _instant(midnight(first + DAY * learning.first_train_days)),
        _instant(midnight(last + DAY)),
        learning.folds,
        timedelta(minutes=learning.embargo_minutes),
        ts.teachable,
    )
    return Classroom(ts, folds)


def _instant(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.replace(tzinfo=None), "us")


def fill_returns(
    grid: MinuteGrid,
    unknown: NDArray[np.bool_],
    as_of: NDArray[np.datetime64],
    latency_minutes: int,
    decision_minutes: int,
) -> Floats:
    """Log return in bps from the fill of each bar to the fill of the next, (n,); NaN at a gap and at the last bar.

    A fill is the open of the minute that begins `latency_minutes` after the decision. Bars that are not
    `decision_minutes` apart have a gap between them, and so have bars with a minute between them that nobody knows.

    Args:
        unknown: minutes of the grid of which nobody knows what happened, (m,).
        as_of: decision times (n,), ascending.
    """
    decided = minute_rows(grid, as_of)
    rows = decided + latency_minutes
    inside = (rows >= 0) & (rows < len(grid))
    price = np.full(len(as_of), np.nan)
    price[inside] = grid.open[rows[inside]]
    before = np.concatenate([[0], np.cumsum(unknown)])
    begin, end = (np.clip(edge, 0, len(grid)) for edge in (decided, np.append(rows[1:], rows[-1:])))
    regular = (np.diff(rows, append=rows[-1:]) == decision_minutes) & (before[end] == before[begin])
    following = np.append(price[1:], np.nan)
    return np.where(regular, np.log(following / price) * 1e4, np.nan)
