"""The loops against the plainest statement of what they mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.features import kernels
from huracan_assets.features.kernels import Array


def series(seed: int, n: int = 400, missing: float = 0.1) -> Array:
    rng = np.random.default_rng(seed)
    x = np.round(rng.standard_normal(n), 2)
    x[rng.random(n) < missing] = np.nan
    return x


def windows(x: Array, width: int) -> list[Array]:
    cut = [x[max(0, i - width + 1) : i + 1] for i in range(x.size)]
    return [part[~np.isnan(part)] for part in cut]


@pytest.mark.parametrize("width", [1, 2, 7, 60, 399, 400, 1000])
def test_rolling_sum_and_count_equal_the_direct_ones(width: int) -> None:
    x = series(1)
    total, count = kernels.rolling_sum(x, width)
    np.testing.assert_allclose(total, [part.sum() for part in windows(x, width)], atol=1e-12)
    np.testing.assert_array_equal(count, [part.size for part in windows(x, width)])


@pytest.mark.parametrize("width", [1, 2, 7, 60, 1000])
def test_rolling_max_equals_the_direct_one(width: int) -> None:
    x = series(2)
    expected = [part.max() if part.size >= 2 else np.nan for part in windows(x, width)]
    np.testing.assert_array_equal(kernels.rolling_max(x, width, 2), expected)


@pytest.mark.parametrize("width", [2, 7, 60])
def test_rolling_moments_equal_scipys(width: int) -> None:
    x = series(3)
    table = kernels.rolling_moments(x, width)
    for i, part in enumerate(windows(x, width)):
        centre = part.mean() if part.size else 0.0
        powers = [np.sum((part - centre) ** k) for k in (2, 3, 4)]
        np.testing.assert_allclose(table[i], [part.size, centre, *powers], atol=1e-10)


def test_a_constant_window_has_a_deviation_of_exactly_zero_after_a_crash() -> None:
    x = np.concatenate([np.full(50, 7.1), [1e6], np.full(100, 0.3)])
    assert (kernels.rolling_moments(x, 20)[80:, 2] == 0).all()
    assert (kernels.rolling_pairs(x, x, 20)[80:, 5] == 0).all()


def test_rolling_pairs_equal_numpys_covariance() -> None:
    x, y = series(4), series(5)
    table = kernels.rolling_pairs(x, y, 30)
    for i in range(x.size):
        a, b = x[max(0, i - 29) : i + 1], y[max(0, i - 29) : i + 1]
        both = ~np.isnan(a + b)
        if both.sum() > 1:
            expected = np.cov(a[both], b[both], bias=True) * both.sum()
            np.testing.assert_allclose(table[i, 3:], [expected[0, 0], expected[1, 1], expected[0, 1]], atol=1e-10)


def test_rolling_rank_counts_ties_by_half() -> None:
    x = series(6)
    ranks = kernels.rolling_rank(x, 30, 15, 100)
    assert np.isnan(ranks[:100]).all()
    for i in range(100, x.size):
        part = windows(x, 30)[i]
        expected = (np.sum(part < x[i]) + 0.5 * np.sum(part == x[i])) / part.size
        np.testing.assert_allclose(ranks[i], np.nan if np.isnan(x[i]) or part.size < 15 else expected)


def test_ema_leaves_out_missing_minutes() -> None:
    x = np.array([np.nan, 2.0, np.nan, 4.0, 8.0])
    np.testing.assert_allclose(kernels.ema(x, 0.5, 2), [np.nan, np.nan, np.nan, 3.0, 5.5])


def test_carry_forward_ends_after_its_limit() -> None:
    x = np.array([np.nan, 1.0, np.nan, np.nan, np.nan, 5.0])
    np.testing.assert_array_equal(kernels.carry_forward(x, 2), [np.nan, 1.0, 1.0, 1.0, np.nan, 5.0])


@given(st.integers(0, 10_000), st.integers(1, 399), st.integers(1, 120))
@settings(max_examples=60)
def test_what_follows_a_minute_cannot_change_it(seed: int, cut: int, width: int) -> None:
    x, y = series(seed), series(seed + 1)
    other_x, other_y = x.copy(), y.copy()
    garbage = np.random.default_rng(seed).choice([np.nan, 1e12, -1e12, 0.0], size=400 - cut)
    other_x[cut:], other_y[cut:] = garbage, garbage[::-1]
    for one, two in (
        (kernels.rolling_sum(x, width)[0], kernels.rolling_sum(other_x, width)[0]),
        (kernels.rolling_max(x, width, 1), kernels.rolling_max(other_x, width, 1)),
        (kernels.rolling_moments(x, width), kernels.rolling_moments(other_x, width)),
        (kernels.rolling_pairs(x, y, width), kernels.rolling_pairs(other_x, other_y, width)),
        (kernels.rolling_rank(x, width, 1, 0), kernels.rolling_rank(other_x, width, 1, 0)),
        (kernels.ema(x, 0.1, 1), kernels.ema(other_x, 0.1, 1)),
        (kernels.carry_forward(x, 5), kernels.carry_forward(other_x, 5)),
    ):
        assert one[:cut].tobytes() == two[:cut].tobytes()
