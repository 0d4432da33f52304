"""Counting by bisection is counting every pair; purged folds are clean."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from huracan_assets.guards.label_overlap import Split, label_overlap
from huracan_assets_tests.guards.leaky_features import AS_OF, MINUTE


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=80)
def test_label_overlap_counts_what_comparing_every_pair_counts(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    start = np.datetime64("2024-01-01", "us")

    def intervals(count: int) -> tuple[NDArray[np.datetime64], NDArray[np.datetime64]]:
        begin = rng.integers(0, 300, count)
        return start + begin * MINUTE, start + (begin + rng.integers(0, 12, count)) * MINUTE

    (a0, a1), (b0, b1) = intervals(n), intervals(m)
    direct = sum(bool(((b0 <= a1[i]) & (b1 >= a0[i])).any()) for i in range(n))
    found = label_overlap([Split("fold 3", a0, a1, b0, b1)])
    assert [finding.figure for finding in found] == ([float(direct)] if direct else [])


def test_unpurged_folds_are_found_and_purged_ones_are_not() -> None:
    end = AS_OF + 120 * MINUTE
    train, test = np.arange(100), np.arange(100, 200)
    purged = train[end[train] <= AS_OF[99]]
    splits = [
        Split(name, AS_OF[rows], end[rows], AS_OF[test], end[test])
        for name, rows in (("raw", train), ("purged", purged))
    ]
    (finding,) = label_overlap(splits)
    assert (finding.subject, finding.figure) == ("raw", 8.0)
