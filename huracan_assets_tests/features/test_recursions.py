"""The recursions against the plainest statement of what they mean."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.features import recursions
from huracan_assets.features.kernels import Array
from huracan_assets_tests.features.test_kernels import series

SPANS = ((5, 21), (8, 34), (12, 26))


def test_ema_leaves_out_missing_minutes() -> None:
    x = np.array([np.nan, 2.0, np.nan, 4.0, 8.0])
    np.testing.assert_allclose(recursions.ema(x, 0.5, 2), [np.nan, np.nan, np.nan, 3.0, 5.5])


@pytest.mark.parametrize("span", [2, 21, 60])
def test_ema_equals_pandas(span: int) -> None:
    x = series(1)
    expected = pd.Series(x).ewm(span=span, adjust=False, ignore_na=True, min_periods=span).mean()
    np.testing.assert_allclose(recursions.ema(x, 2 / (span + 1), span), expected, rtol=1e-10)


def test_gaps_of_emas_are_differences_of_emas() -> None:
    x = series(2)
    for gap, (fast, slow) in zip(recursions.ema_gaps(x, SPANS), SPANS, strict=True):
        expected = recursions.ema(x, 2 / (fast + 1), fast) - recursions.ema(x, 2 / (slow + 1), slow)
        np.testing.assert_array_equal(gap, expected)


@pytest.mark.parametrize(("silent", "remembers"), [(recursions.LAST_PRICE_LIMIT, True), (61, False)])
def test_a_silence_of_more_than_an_hour_ends_a_recursion(silent: int, remembers: bool) -> None:
    x = np.concatenate([np.full(10, 1.0), np.full(silent, np.nan), np.full(10, 5.0)])
    made = recursions.ema(x, 0.1, 2)
    assert np.isnan(made[10 + silent]) != remembers
    assert (made[-1] == 5.0) != remembers


def test_carry_forward_ends_after_its_limit() -> None:
    x = np.array([np.nan, 1.0, np.nan, np.nan, np.nan, 5.0])
    np.testing.assert_array_equal(recursions.carry_forward(x, 2), [np.nan, 1.0, 1.0, 1.0, np.nan, 5.0])


def test_the_true_range_reaches_to_the_last_close_and_over_no_gap() -> None:
    high, low = np.array([2.0, 5.0, 9.0, 9.0]), np.array([1.0, 4.0, 8.0, 8.0])
    close = np.array([1.5, np.nan, 8.5, 8.5])
    np.testing.assert_array_equal(recursions.true_range(high, low, close), [1.0, 3.5, 1.0, 1.0])


def test_what_is_left_of_moves_long_past_is_stillness() -> None:
    """Else their ratio would remember for ever what its parts have forgotten."""
    n = 1500
    rng = np.random.default_rng(3)
    close = 100.0 * np.exp(np.concatenate([np.cumsum(1e-3 * rng.standard_normal(n)), np.zeros(n)]))
    close[n:] = close[n - 1]
    moved, still = slice(100, n), slice(n + 600, None)
    for share in recursions.wilder_shares(close, (7, 14)):
        assert (share[still] == 0.5).all() and np.std(share[moved]) > 0.05
    assert (recursions.average_true_range(close, close, close, 14)[still] == 0.0).all()
    assert recursions.average_directional_index(close, close, 14)[-1] < 1e-12


@given(st.integers(0, 10_000), st.integers(1, 399))
@settings(max_examples=40)
def test_what_follows_a_minute_cannot_change_it(seed: int, cut: int) -> None:
    x, y = series(seed) + 10.0, series(seed + 1) + 10.0
    other_x, other_y = x.copy(), y.copy()
    garbage = np.random.default_rng(seed).choice([np.nan, 1e12, 0.0], size=400 - cut)
    other_x[cut:], other_y[cut:] = garbage, garbage[::-1]

    def loops(x: Array, y: Array) -> list[Array]:
        return [
            recursions.ema(x, 0.1, 1),
            *recursions.ema_gaps(x, SPANS),
            recursions.carry_forward(x, 5),
            *recursions.wilder_shares(x, (7, 14)),
            recursions.average_directional_index(x, x, 14),
            recursions.average_true_range(x, y, x, 14),
        ]

    for one, two in zip(loops(x, y), loops(other_x, other_y), strict=True):
        assert one[:cut].tobytes() == two[:cut].tobytes()
