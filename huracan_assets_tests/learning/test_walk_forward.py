"""Walk-forward splits against the O(n^2) overlap of every pair of labels."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.errors import ContractError
from huracan_assets.learning.walk_forward import walk_forward_folds

ORIGIN = np.datetime64("2025-01-01", "us")
MINUTE = np.timedelta64(1, "m")
QUARTER = 15 * MINUTE


@settings(max_examples=150, deadline=None)
@given(
    gaps=st.lists(st.integers(1, 4), min_size=60, max_size=90),
    lengths=st.lists(st.integers(0, 300), min_size=90, max_size=90),
    folds=st.integers(1, 5),
    embargo=st.integers(0, 240),
    first=st.integers(20, 50),
)
def test_no_training_label_overlaps_a_test_label_and_no_honest_row_is_lost(
    gaps: list[int], lengths: list[int], folds: int, embargo: int, first: int
) -> None:
    t0 = ORIGIN + np.cumsum(gaps) * QUARTER
    t1 = t0 + np.array(lengths[: len(t0)]) * MINUTE
    start, end = ORIGIN + first * QUARTER, t0[-1]
    try:
        found = walk_forward_folds(t0, t1, start, end, folds, timedelta(minutes=embargo))
    except ContractError:
        return
    width = (end - start) / folds
    for k, fold in enumerate(found):
        assert fold.index == k
        for i in range(len(t0)):
            inside = fold.test_start < t0[i] <= fold.test_end
            assert (i in fold.test) == bool(inside)
            known = t1[i] + embargo * MINUTE <= fold.test_start
            assert (i in fold.train) == bool(known)
        for i in fold.train:
            for j in fold.test:
                assert t1[i] < t0[j] or t1[j] < t0[i]
        assert abs((fold.test_end - fold.test_start) - width) <= np.timedelta64(1, "us")
    assert found[0].test_start == start
    assert found[-1].test_end == end
    for before, after in pairwise(found):
        assert before.test_end == after.test_start
        assert set(before.train) <= set(after.train)
    tested = np.concatenate([fold.test for fold in found])
    assert tested.tolist() == np.flatnonzero(t0 > start).tolist()


def test_segments_are_whole_days_and_the_midnight_bar_closes_its_own_day() -> None:
    t0 = ORIGIN + np.arange(1, 96 * 10 + 1) * QUARTER
    t1 = t0 + 120 * MINUTE
    day = np.timedelta64(1, "D")
    folds = walk_forward_folds(t0, t1, ORIGIN + 2 * day, ORIGIN + 10 * day, 8, timedelta(minutes=120))
    assert [len(fold.test) for fold in folds] == [96] * 8
    first = folds[0]
    assert t0[first.test[0]] == ORIGIN + 2 * day + QUARTER
    assert t0[first.test[-1]] == ORIGIN + 3 * day
    # The label and the embargo, 240 minutes, are 16 bars: the last is known, and clear, just at the start.
    assert len(first.train) == 2 * 96 - 16
    assert t0[first.train[-1]] == ORIGIN + 2 * day - 240 * MINUTE


def test_a_row_without_a_label_is_asked_about_and_neither_trains_nor_tests() -> None:
    t0 = ORIGIN + np.arange(1, 96 * 6 + 1) * QUARTER
    t1, day = t0 + 120 * MINUTE, np.timedelta64(1, "D")
    ends = (ORIGIN + 2 * day, ORIGIN + 6 * day)
    whole = walk_forward_folds(t0, t1, *ends, 4, timedelta(minutes=120))
    bare = np.random.default_rng(4).random(len(t0)) < 0.3
    labelled = np.flatnonzero(~bare)
    folds = walk_forward_folds(t0, np.where(bare, np.datetime64("NaT"), t1), *ends, 4, timedelta(minutes=120))
    for before, fold in zip(whole, folds, strict=True):
        assert fold.asked.tolist() == before.asked.tolist() == before.test.tolist()
        assert fold.test.tolist() == np.intersect1d(before.test, labelled).tolist()
        assert fold.train.tolist() == np.intersect1d(before.train, labelled).tolist()


def test_a_fold_without_rows_is_an_error_not_an_empty_model() -> None:
    t0 = ORIGIN + np.arange(1, 97) * QUARTER
    hour = np.timedelta64(1, "h")
    with pytest.raises(ContractError, match="no training row"):
        walk_forward_folds(t0, t0 + hour, ORIGIN + hour, ORIGIN + 24 * hour, 2, timedelta(minutes=30))
    with pytest.raises(ContractError, match="no test row"):
        walk_forward_folds(t0, t0 + hour, ORIGIN + 20 * hour, ORIGIN + 48 * hour, 2, timedelta(0))


def test_unordered_or_impossible_labels_are_refused() -> None:
    t0 = ORIGIN + np.arange(1, 97) * QUARTER
    end = ORIGIN + np.timedelta64(1, "D")
    half = ORIGIN + np.timedelta64(12, "h")
    for bad0, bad1 in ((t0[::-1], t0[::-1] + QUARTER), (t0, t0 - QUARTER), (t0, t0[:-1])):
        with pytest.raises(ContractError, match="ascending"):
            walk_forward_folds(bad0, bad1, half, end, 2, timedelta(0))
    with pytest.raises(ContractError, match="nothing to test"):
        walk_forward_folds(t0, t0, end, half, 2, timedelta(0))
