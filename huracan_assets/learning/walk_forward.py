"""Purged, embargoed, anchored walk-forward: the only way in which the past judges a model here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from huracan_assets.errors import ContractError

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
