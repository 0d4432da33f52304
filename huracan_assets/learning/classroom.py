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
from huracan_assets.settings import LearningSettings
from huracan_assets.simulation.trade_market import TradeMarket

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Classroom:
    """Rows are decision bars; fold 0 only calibrates, trading starts in fold 1.

    What teaches and what scores are rows with both outcomes alone: only `asked` and the folds' own hold others.
    """

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

    def asked(self) -> NDArray[np.int64]:
        """The rows of all folds, in order, at which models are asked: with a label or not."""
        return np.sort(np.concatenate([fold.asked for fold in self.folds]))

    def out_of_sample(self) -> NDArray[np.int64]:
        """The rows of all folds, in order, that score the answers."""
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


def fill_returns(market: TradeMarket, unknown: NDArray[np.bool_], decision_minutes: int) -> Floats:
    """Log return in bps from the fill of each bar to the fill of the next, (n,); NaN at a gap and at the last bar.

    The funding that a long pays on the way is taken off, which is what a short is paid: right for both sides. As in
    `accounts.py`, it is that of the minutes after the first fill's and up to the second's.

    A fill is that of a market order in the simulator, in its own minute; one that the minute's volume fills in part
    counts as a fill. Bars that are not `decision_minutes` apart have a gap between them, and so have bars whose order
    is refused, or with a minute between them that nobody knows.

    Args:
        market: the minutes, and the n bars.
        unknown: minutes of the market of which nobody knows what happened, (m,).
    """
    decided, price, minutes = market.decided, market.entry_prices(), len(unknown)
    rows = decided + market.rules.latency
    before = np.concatenate([[0], np.cumsum(unknown)])
    begin, end = (np.clip(edge, 0, minutes) for edge in (decided, np.append(rows[1:], rows[-1:])))
    regular = (np.diff(rows, append=rows[-1:]) == decision_minutes) & (before[end] == before[begin])
    following = np.append(price[1:], np.nan)
    held = np.searchsorted(rows, market.path.funding_minute) - 1
    paid = np.bincount(held[held >= 0], market.path.funding_rate[held >= 0], minlength=len(rows))
    return np.where(regular, (np.log(following / price) - paid) * 1e4, np.nan)
