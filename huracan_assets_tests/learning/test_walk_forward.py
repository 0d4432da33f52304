"""Walk-forward splits against the O(n^2) overlap of every pair of labels."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.errors import ContractError
from huracan_assets.learning.walk_forward import WalkForward, walk_forward, walk_forward_folds
from huracan_assets_tests.learning.small_nights import MINUTE, ORIGIN, QUARTER, learning, night, small, version


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


@settings(max_examples=20)
@given(
    seed=st.integers(0, 1000),
    days=st.integers(5, 10),
    folds=st.integers(2, 3),
    embargo=st.sampled_from([0, 120, 500]),
)
def test_what_is_known_before_a_fold_was_tested_earlier_and_known_an_embargo_ago(
    seed: int, days: int, folds: int, embargo: int
) -> None:
    walk = small(seed, days, folds=folds, embargo_minutes=embargo)
    ts = walk.ts
    for fold in walk.folds:
        expected = [
            row
            for row in range(len(ts))
            if any(row in before.test for before in walk.folds[: fold.index])
            and ts.label_end[row] + embargo * MINUTE <= fold.test_start
        ]
        assert walk.known_before(fold).tolist() == expected


def test_the_first_fold_only_calibrates() -> None:
    walk = small(1)
    assert [fold.index for fold in walk.folds] == [0, 1, 2]
    assert [fold.index for fold in walk.traded] == [1, 2]
    assert walk.known_before(walk.folds[0]).tolist() == []
    first = ORIGIN + 2 * 96 * QUARTER
    assert walk.folds[0].test_start == first
    assert (walk.ts.as_of[walk.folds[0].train] < first).all()


def test_out_of_sample_is_every_row_after_the_first_training_days_once_and_in_order() -> None:
    walk = small(2)
    rows = walk.out_of_sample()
    assert rows.tolist() == np.flatnonzero(walk.ts.as_of > walk.folds[0].test_start).tolist()
    assert walk.folds[-1].test_end == ORIGIN + 8 * 96 * QUARTER


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_a_bar_without_a_label_is_asked_about_and_teaches_and_scores_nothing(seed: int) -> None:
    """What learns and scores are the rows of a night that lacks such bars, to the last one."""
    bars, outcomes = night(seed, 8)
    refused = pl.Series(np.random.default_rng(seed).choice(bars["as_of"].to_numpy(), 200, replace=False))
    gone = pl.col("as_of").is_in(refused.dt.replace_time_zone("UTC").implode())
    left = outcomes.filter(~gone | (pl.col("side") == 1))  # one side alone is no label
    walk = walk_forward(version(8), bars, left, learning())
    plain = walk_forward(version(8), bars.filter(~gone), outcomes.filter(~gone), learning())
    assert walk.ts.as_of.tolist() == bars["as_of"].dt.replace_time_zone(None).to_list()
    after = np.flatnonzero(walk.ts.as_of > walk.folds[0].test_start)
    assert walk.asked().tolist() == np.concatenate([fold.asked for fold in walk.folds]).tolist() == after.tolist()

    def told(one: WalkForward) -> list[list[datetime]]:
        rows = [one.out_of_sample(), one.record()]
        rows += [part for fold in one.folds for part in (fold.train, fold.test, one.known_before(fold))]
        return [one.ts.as_of[part].tolist() for part in rows]

    assert told(walk) == told(plain)


def test_a_window_that_leaves_a_fold_without_rows_is_refused() -> None:
    bars, outcomes = night(3, 4)
    with pytest.raises(ContractError, match="no test row"):
        walk_forward(version(9), bars, outcomes, learning())
