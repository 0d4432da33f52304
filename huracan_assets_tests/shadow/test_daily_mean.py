"""The interval of a mean over trades: the formula, its coverage where days hang together, and Holm's procedure."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.shadow.daily_mean import PROJECTIONS, daily_mean, holm


def clustered(seed: int, days: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Values of mean zero and their days: a common shock a day that lingers, some days without any value."""
    rng = np.random.default_rng(seed)
    shock = rng.standard_normal(days)
    for later in range(1, days):
        shock[later] += 0.3 * shock[later - 1]
    day = np.repeat(np.arange(days) + 20_000, rng.poisson(3.0, days))
    return shock[day - 20_000] + 2.0 * rng.standard_t(4, len(day)), day


def test_the_error_is_that_of_the_cosine_projections() -> None:
    from scipy.fft import dct

    values, day = clustered(1)
    found = daily_mean(values, day, 3)
    assert found is not None
    span = day.max() - day.min() + 1
    terms = np.array([(values[day == d] - values.mean()).sum() for d in range(day.min(), day.max() + 1)])
    freedom = int(PROJECTIONS * span ** (2 / 3))
    projected = dct(terms, type=2)[1 : freedom + 1] / 2.0  # scipy's is twice the sum of x cos(pi k (n + 1/2) / N)
    assert found.error == pytest.approx(np.sqrt(span * np.mean(2.0 / span * projected**2)) / len(values))
    assert found.mean == pytest.approx(values.mean())
    assert (found.count, found.days) == (len(values), len(set(day)))


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    intervals = [daily_mean(*clustered(seed), 3) for seed in range(600)]
    covered = np.mean([i is not None and i.low <= 0.0 <= i.high for i in intervals])
    assert 0.925 <= covered <= 0.975


def test_the_p_value_falls_below_its_level_where_the_interval_leaves_zero() -> None:
    for seed in range(40):
        values, day = clustered(seed)
        found = daily_mean(values + 0.8, day, 3)
        assert found is not None
        assert (found.p_value < 0.05) == (not found.low <= 0.0 <= found.high)


def test_too_few_days_have_no_mean_and_what_never_varies_has_no_error() -> None:
    assert daily_mean(np.ones(50), np.repeat([1, 2, 3, 4], [20, 10, 10, 10]), 5) is None
    assert daily_mean(np.empty(0), np.empty(0, np.int64), 5) is None
    exact = daily_mean(np.zeros(50), np.arange(50), 5)
    assert exact is not None
    assert (exact.mean, exact.error, exact.low, exact.high, exact.p_value) == (0.0, 0.0, 0.0, 0.0, 1.0)


@given(st.lists(st.floats(0.0, 0.06), min_size=1, max_size=5))
def test_holm_is_the_closed_test_by_bonferroni(p_values: list[float]) -> None:
    """A hypothesis falls if every set of hypotheses that holds it is rejected at 5 % by its smallest p-value."""
    p = np.array(p_values)
    sets = [s for size in range(1, len(p) + 1) for s in combinations(range(len(p)), size)]
    rejected = {s: p[list(s)].min() <= (1.0 - 0.95) / len(s) for s in sets}
    assert holm(p).tolist() == [all(rejected[s] for s in sets if i in s) for i in range(len(p))]
