"""Purged, embargoed, anchored walk-forward: the only way in which the past judges a model here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.days import DAY, midnight
from huracan_assets.errors import ContractError
from huracan_assets.features.feature_version import FeatureVersion
from huracan_assets.learning.training_set import TrainingSet, training_set
from huracan_assets.settings import LearningSettings

Times = NDArray[np.datetime64]
Ints = NDArray[np.int64]

NEVER = np.datetime64("9999-12-31", "us")


@dataclass(frozen=True)
class Fold:
    """One test segment and the rows that may teach it.

    A decision belongs to the segment with `test_start < as_of <= test_end`: the bar at 24:00 closes its own
    day. Whether its trade will have an outcome is not known at the decision: models are asked and the ledger decides
    at every bar of the segment, `asked`; whatever scores an answer takes `test`, those of them that have a label.
    """

    index: int
    train: Ints
    test: Ints
    asked: Ints
    test_start: np.datetime64
    test_end: np.datetime64


@dataclass(frozen=True)
class WalkForward:
    """A night's training set and folds, as every learner and every judge sees them.

    Rows are decision bars; fold 0 only calibrates, trading starts in fold 1.

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


def walk_forward(
    version: FeatureVersion, bars: pl.DataFrame, outcomes: pl.DataFrame, learning: LearningSettings
) -> WalkForward:
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
    return WalkForward(ts, folds)


def _instant(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.replace(tzinfo=None), "us")


def walk_forward_folds(
    t0: Times,
    t1: Times,
    first_test: np.datetime64,
    last: np.datetime64,
    folds: int,
    embargo: timedelta,
    teachable: NDArray[np.bool_] | None = None,
) -> list[Fold]:
    """Contiguous test segments of equal calendar length over (first_test, last], each taught by all that came
    before.

    A row trains fold k only if its label was known an embargo before the segment begins: t1 + embargo <=
    test_start. Test labels start after test_start, so no training label [t0, t1] overlaps any test label
    (AFML 7.4.1), which reach past test_end; training only on the past, the embargo after a test block (7.4.2)
    never binds. Training on a label that overlaps the test would show its outcome to the model.

    Args:
        t0: decision times (n,), ascending.
        t1: when each label is known (n,), not before t0; NaT where a row has none, which neither trains nor tests.
        first_test, last: ends of the tested span.
        teachable: rows that may train (n,), all where None; the others are tested alone.

    Raises:
        ContractError: the rows are unordered, the span is empty, or a fold has no training or no test row.
    """
    t0, t1 = np.asarray(t0, "datetime64[us]"), np.asarray(t1, "datetime64[us]")
    if t0.shape != t1.shape or (np.diff(t0) < np.timedelta64(0)).any() or (t1 < t0).any():
        raise ContractError("walk-forward needs one label end per decision, ascending decisions, ends not before them")
    start, end = first_test.astype("datetime64[us]"), last.astype("datetime64[us]")
    if folds < 1 or end <= start or embargo < timedelta(0):
        raise ContractError(f"walk-forward over ({start}, {end}] in {folds} folds, embargo {embargo}: nothing to test")
    edges = [start + (end - start) * step // folds for step in range(folds + 1)]
    known = t1 + np.timedelta64(embargo)
    if teachable is not None:
        known = np.where(teachable, known, NEVER)
    labelled = ~np.isnat(t1)
    return [_fold(index, t0, known, labelled, edges[index], edges[index + 1]) for index in range(folds)]


def _fold(
    index: int, t0: Times, known: Times, labelled: NDArray[np.bool_], start: np.datetime64, end: np.datetime64
) -> Fold:
    train = np.flatnonzero(known <= start)
    asked = np.flatnonzero((t0 > start) & (t0 <= end))
    test = asked[labelled[asked]]
    if len(train) == 0 or len(test) == 0:
        lacking = "training" if len(train) == 0 else "test"
        raise ContractError(
            f"fold {index} over ({start}, {end}] has no {lacking} row: widen the window or heal its days"
        )
    return Fold(index, train, test, asked, start, end)
