"""Trailing means against a plain loop, and their bits against grids that start on other days."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.simulation.trailing import trailing_mean

DAY = 1440


@given(
    seed=st.integers(0, 1000),
    n=st.integers(1, 400),
    window=st.integers(1, 300),
    least=st.integers(1, 60),
    data=st.data(),
)
def test_the_mean_is_that_of_a_loop(seed: int, n: int, window: int, least: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    values = np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n))
    ends = np.array(data.draw(st.lists(st.integers(-5, n + 5), min_size=1, max_size=20)))
    means, counts = trailing_mean(values, ends, window, least)
    for mean, count, end in zip(means, counts, ends, strict=True):
        seen = [v for v in values[max(0, end - window) : max(end, 0)] if np.isfinite(v)]
        assert count == len(seen)
        if len(seen) < least:
            assert np.isnan(mean)
        else:
            np.testing.assert_allclose(mean, np.mean(seen), rtol=1e-12, atol=1e-12)


def test_the_bits_do_not_depend_on_the_day_on_which_the_values_begin() -> None:
    values = np.random.default_rng(1).normal(size=4 * DAY)
    ends = np.arange(2 * DAY, 4 * DAY, 7)
    for window in (240, 1000, DAY):
        whole, _ = trailing_mean(values, ends, window, 1)
        later, _ = trailing_mean(values[DAY:], ends - DAY, window, 1)
        np.testing.assert_array_equal(whole, later)
