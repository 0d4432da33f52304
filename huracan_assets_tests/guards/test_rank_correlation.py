"""Rank correlations against scipy, their error against simulation, bars against the clock."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from huracan_assets.guards.rank_correlation import lagged_returns, rank_correlation, ranks, standard_error


@given(st.integers(0, 10_000))
@settings(max_examples=30)
def test_ranks_and_correlation_equal_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = np.round(rng.standard_normal(50), 1), np.round(rng.standard_normal(50), 1)
    np.testing.assert_allclose(ranks(x), stats.rankdata(x))
    found = rank_correlation(ranks(np.stack([x, -y], axis=1)), y)
    np.testing.assert_allclose(found, [stats.spearmanr(x, y).statistic, -1.0], atol=1e-12)


def test_nulls_are_left_out_and_constants_are_unknown() -> None:
    x = np.array([3.0, np.nan, 1.0, 2.0])
    np.testing.assert_array_equal(ranks(x), [3.0, np.nan, 1.0, 2.0])
    table = ranks(np.stack([x, np.ones(4), np.full(4, np.nan)], axis=1))
    np.testing.assert_allclose(rank_correlation(table, np.array([6.0, 0.0, 2.0, 4.0])), [1.0, 0.0, 0.0])


def test_the_error_grows_with_overlap_as_simulation_says() -> None:
    rng = np.random.default_rng(4)
    overlap, found, told = 8, [], []
    for _ in range(300):
        x = np.convolve(rng.standard_normal(1030), np.ones(20), "valid")[:1000]
        y = np.convolve(rng.standard_normal(1030), np.ones(overlap), "valid")[:1000]
        ranked = ranks(x[:, None])
        found.append(rank_correlation(ranked, y)[0])
        told.append(standard_error(ranked, y, overlap)[0])
    assert np.mean(told) == pytest.approx(np.std(found), rel=0.15)
    assert np.mean(told) > 2 / np.sqrt(1000)


def test_returns_are_those_of_the_bar_asked_for_and_no_other() -> None:
    minutes = np.array([0, 15, 30, 60, 75])  # the bar at 45 is missing
    as_of = np.datetime64("2024-01-01", "us") + minutes * np.timedelta64(60_000_000, "us")
    price = np.array([0.0, 1.0, 3.0, 7.0, 12.0])
    np.testing.assert_array_equal(lagged_returns(as_of, price, 1), [1.0, 2.0, np.nan, 5.0, np.nan])
    np.testing.assert_array_equal(lagged_returns(as_of, price, 0), [np.nan, 1.0, 2.0, np.nan, 5.0])
    np.testing.assert_array_equal(lagged_returns(as_of, price, -1), [np.nan, np.nan, 1.0, np.nan, np.nan])
