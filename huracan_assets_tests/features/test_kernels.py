"""The rolling loops against the plainest statement of what they mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from huracan_assets.features import kernels, moment_kernels
from huracan_assets.features.edge import rolling_edge
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
def test_rolling_sums_and_means_equal_the_direct_ones(width: int) -> None:
    x = series(1)
    parts = windows(x, width)
    total = [part.sum() if part.size >= 2 else np.nan for part in parts]
    mean = [part.mean() if part.size >= 2 else np.nan for part in parts]
    np.testing.assert_allclose(kernels.rolling_sum(x, width, 2), total, atol=1e-12)
    np.testing.assert_allclose(kernels.rolling_mean(x, width, 2), mean, atol=1e-12)


@pytest.mark.parametrize("width", [1, 2, 7, 60, 1000])
def test_rolling_extremes_equal_the_direct_ones(width: int) -> None:
    high, low = series(2), series(2) - 1.0
    parts, below = windows(high, width), windows(low, width)
    top = [part.max() if part.size >= 2 else np.nan for part in parts]
    bottom = [part.min() if part.size >= 2 else np.nan for part in below]
    np.testing.assert_array_equal(kernels.rolling_extreme(high, width, 2, 1.0), top)
    np.testing.assert_array_equal(kernels.rolling_extreme(low, width, 2, -1.0), bottom)
    for made, expected in zip(kernels.rolling_range(high, low, width, 2), (top, bottom), strict=True):
        np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize("width", [2, 7, 60])
def test_rolling_moments_equal_scipys(width: int) -> None:
    x = series(3)
    mean, deviation = moment_kernels.rolling_deviation(x, width, 2)
    spread, skew, kurt = moment_kernels.rolling_shape(x, width, 2)
    for i, part in enumerate(windows(x, width)):
        known = part.size >= 2
        np.testing.assert_allclose(mean[i], part.mean() if known else np.nan, atol=1e-12)
        np.testing.assert_allclose([deviation[i], spread[i]], part.std() if known else np.nan, atol=1e-12)
        varied = known and part.std() > 0
        np.testing.assert_allclose(skew[i], stats.skew(part) if varied else np.nan, atol=1e-9)
        np.testing.assert_allclose(kurt[i], stats.kurtosis(part) if varied else np.nan, atol=1e-9)


def test_a_constant_window_has_a_deviation_of_exactly_zero_after_a_crash() -> None:
    x = np.concatenate([np.full(50, 7.1), [1e6], np.full(100, 0.3)])
    assert (moment_kernels.rolling_deviation(x, 20, 10)[1][80:] == 0).all()
    assert np.isnan(moment_kernels.rolling_shape(x, 20, 10)[1][80:]).all()
    assert all((table[80:] == 0).all() for table in moment_kernels.rolling_joint(x, x, 20, 10)[2:])
    assert (moment_kernels.rolling_line(x, 20, 10)[2][80:] == 0).all()


def test_precision_survives_a_step_of_a_thousand_times() -> None:
    rng = np.random.default_rng(8)
    x = np.concatenate([rng.standard_normal(95) + 1e6, rng.standard_normal(200)])
    deviation = moment_kernels.rolling_deviation(x, 60, 30)[1]
    direct = [x[i - 59 : i + 1].std() for i in range(60, x.size)]
    np.testing.assert_allclose(deviation[60:], direct, rtol=1e-11)


def test_joint_moments_equal_numpys_covariance() -> None:
    x, y = series(4), series(5)
    mean_x, mean_y, var_x, var_y, cov = moment_kernels.rolling_joint(x, y, 30, 2)
    for i in range(x.size):
        a, b = x[max(0, i - 29) : i + 1], y[max(0, i - 29) : i + 1]
        both = ~np.isnan(a + b)
        if both.sum() > 1:
            expected = np.cov(a[both], b[both], bias=True)
            made = [[var_x[i], cov[i]], [cov[i], var_y[i]]]
            np.testing.assert_allclose(made, expected, atol=1e-12)
            np.testing.assert_allclose([mean_x[i], mean_y[i]], [a[both].mean(), b[both].mean()], atol=1e-12)
        else:
            assert np.isnan([mean_x[i], var_x[i], cov[i]]).all()


def test_the_rolling_line_equals_polyfit() -> None:
    y = series(9) + 0.01 * np.arange(400)
    slope, off, deviation = moment_kernels.rolling_line(y, 30, 5)
    for i in range(y.size):
        part = y[max(0, i - 29) : i + 1]
        at = np.flatnonzero(~np.isnan(part))
        if at.size < 5:
            assert np.isnan(slope[i])
            continue
        fitted = np.polyfit(at, part[at], 1)
        left = part[at] - np.polyval(fitted, at)
        np.testing.assert_allclose([slope[i], deviation[i]], [fitted[0], left.std()], atol=1e-10)
        np.testing.assert_allclose(off[i], part[-1] - np.polyval(fitted, part.size - 1), atol=1e-10)


def test_sampled_rank_counts_ties_by_half() -> None:
    x = series(6)
    ranks = kernels.sampled_rank(x, 30, 3, 15, 100)
    assert np.isnan(ranks[:100]).all()
    for i in range(100, x.size):
        part = x[i::-3][:30]
        part = part[~np.isnan(part)]
        expected = (np.sum(part < x[i]) + 0.5 * np.sum(part == x[i])) / max(part.size, 1)
        np.testing.assert_allclose(ranks[i], np.nan if np.isnan(x[i]) or part.size < 15 else expected)


@pytest.mark.parametrize("missing", [0.0, 0.3, 0.9])
@pytest.mark.parametrize(("width", "share"), [(1, 0.05), (2, 0.5), (30, 0.05), (30, 0.25), (240, 0.05)])
def test_rolling_quantiles_equal_numpys(width: int, share: float, missing: float) -> None:
    x = series(7, missing=missing)
    low, high = (
        kernels.rolling_low_quantile(x, width, 1, 0, share),
        -kernels.rolling_low_quantile(-x, width, 1, 0, share),
    )
    for i, part in enumerate(windows(x, width)):
        expected = np.quantile(part, [share, 1 - share]) if part.size else np.full(2, np.nan)
        np.testing.assert_allclose([low[i], high[i]], expected, atol=1e-12)


def test_pattern_entropy_equals_counting() -> None:
    code = np.random.default_rng(1).integers(-1, 6, 300)
    made = kernels.rolling_pattern_entropy(code, 6, 50, 10)
    for i in range(300):
        part = code[max(0, i - 49) : i + 1]
        part = part[part >= 0]
        expected = stats.entropy(np.bincount(part, minlength=6)) / np.log(6) if part.size >= 10 else np.nan
        np.testing.assert_allclose(made[i], expected, atol=1e-12)


@given(st.integers(0, 10_000), st.integers(1, 399), st.integers(1, 120))
@settings(max_examples=60)
def test_what_follows_a_minute_cannot_change_it(seed: int, cut: int, width: int) -> None:
    x, y = series(seed), series(seed + 1)
    other_x, other_y = x.copy(), y.copy()
    garbage = np.random.default_rng(seed).choice([np.nan, 1e12, -1e12, 0.0], size=400 - cut)
    other_x[cut:], other_y[cut:] = garbage, garbage[::-1]

    def loops(x: Array, y: Array) -> list[Array]:
        code = np.where(np.isnan(x), -1, (np.nan_to_num(np.sign(x)) + 1).astype(np.int64))
        return [
            kernels.rolling_sum(x, width, 1),
            kernels.rolling_extreme(x, width, 1, 1.0),
            *kernels.rolling_range(x, y, width, 1),
            *moment_kernels.rolling_deviation(x, width, 1),
            *moment_kernels.rolling_shape(x, width, 1),
            *moment_kernels.rolling_joint(x, y, width, 1),
            *moment_kernels.rolling_line(x, width, 1),
            kernels.sampled_rank(x, width, 3, 1, 0),
            kernels.rolling_low_quantile(x, width, 1, 0, 0.05),
            kernels.rolling_pattern_entropy(code, 3, width, 1),
            rolling_edge(np.stack([x, x + 1, x - 1, y], axis=1), width + 1, 1),
        ]

    for one, two in zip(loops(x, y), loops(other_x, other_y), strict=True):
        assert one[:cut].tobytes() == two[:cut].tobytes()
