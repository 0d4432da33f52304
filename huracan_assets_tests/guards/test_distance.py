"""PSI and KS against ten lines of numpy, scipy, and the law of PSI where nothing drifts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chi2, ks_2samp, kstest

from huracan_assets.guards.distance import (
    EPS,
    daily_counts,
    ks,
    ks_of_runs,
    psi,
    psi_of_runs,
    psi_of_standing_still,
    quantile_edges,
)

Array = NDArray[np.float64]


def oracle(reference: Array, current: Array, bins: int) -> float:
    """PSI in ten lines: the reference's quantiles, outer edges infinite, a floor on empty bins."""
    edges = np.quantile(reference, np.linspace(0, 1, bins + 1))
    edges[0], edges[-1] = -np.inf, np.inf
    p = np.histogram(reference, edges)[0] / reference.size
    q = np.histogram(current, edges)[0] / current.size
    p, q = np.maximum(p, EPS), np.maximum(q, EPS)
    return float(np.sum((q - p) * np.log(q / p)))


def counts(values: Array, edges: Array) -> Array:
    found: Array = daily_counts(values, np.zeros(values.size, np.int64), 1, edges)[0]
    return found


def pair(reference: Array, current: Array, bins: int = 10) -> float:
    edges = quantile_edges(reference, bins)
    return float(psi(counts(reference, edges), counts(current, edges)))


@given(seed=st.integers(0, 10_000), bins=st.integers(2, 20), shift=st.floats(-3, 3), n=st.integers(20, 400))
@settings(max_examples=50)
def test_psi_is_the_plain_formula_and_ks_scipys(seed: int, bins: int, shift: float, n: int) -> None:
    rng = np.random.default_rng(seed)
    reference, current = rng.standard_normal(n), shift + rng.standard_normal(n // 2)
    assert pair(reference, current, bins) == pytest.approx(oracle(reference, current, bins), abs=1e-12)
    assert ks(reference, current) == pytest.approx(ks_2samp(reference, current).statistic, abs=1e-12)
    tied = np.round(reference), np.round(current)
    assert ks(*tied) == pytest.approx(ks_2samp(*tied).statistic, abs=1e-12)


def test_without_drift_and_memory_psi_has_its_chi_square_law() -> None:
    n, m, bins = 5000, 700, 10
    rng = np.random.default_rng(3)
    found = [pair(rng.standard_normal(n), rng.standard_normal(m), bins) for _ in range(500)]
    assert kstest(np.array(found) / (1 / n + 1 / m), chi2(bins - 1).cdf).pvalue > 0.01


days_of_values = st.lists(
    st.lists(st.one_of(st.just(float("nan")), st.integers(-3, 3).map(float)), min_size=1, max_size=6),
    min_size=3,
    max_size=9,
)


@given(days=days_of_values, data=st.data())
def test_runs_are_each_held_against_all_other_days(days: list[list[float]], data: st.DataObject) -> None:
    length = data.draw(st.integers(1, len(days) - 1))
    of_bar = np.repeat(np.arange(len(days)), [len(day) for day in days])
    values = np.concatenate([np.array(day) for day in days])
    edges = quantile_edges(values, 4)
    psis = psi_of_runs(daily_counts(values, of_bar, len(days), edges), length)
    statistics = ks_of_runs(values, of_bar, len(days), length)
    for first in range(len(days)):
        inside = np.isin(of_bar, [(first + ahead) % len(days) for ahead in range(length)])
        run, rest = values[inside], values[~inside]
        assert psis[first] == pytest.approx(float(psi(counts(rest, edges), counts(run, edges))), abs=1e-12)
        expected = ks(rest[~np.isnan(rest)], run[~np.isnan(run)])
        assert statistics[first] == pytest.approx(expected, abs=1e-12, nan_ok=True)


@given(seed=st.integers(0, 1000), share=st.floats(0.3, 0.99))
def test_what_leaves_an_atom_is_seen_on_either_side(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    indicator = np.where(rng.random(2000) < share, 0.0, rng.random(2000))
    assert pair(indicator, indicator) == 0.0
    dead, busier = np.zeros(500), np.where(rng.random(500) < share / 2, 0.0, rng.random(500))
    at_zero = np.nextafter(np.zeros(2), np.array([-1.0, 1.0]))
    for current in (dead, busier):
        coarse = float(psi(counts(indicator, at_zero), counts(current, at_zero)))  # finer bins see no less, but floors
        assert pair(indicator, current) > 0.5 * coarse > 0.0
    constant = np.full(100, 3.0)
    assert min(pair(constant, constant + 1e-9), pair(constant, constant - 1e-9)) > 5.0


@given(seed=st.integers(0, 1000))
def test_nothing_with_values_is_farther_off_than_standing_still_in_the_rarest_bin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference = rng.standard_normal(1000)
    edges = quantile_edges(reference, 10)
    bound = psi_of_standing_still(counts(reference, edges))
    current = rng.normal(rng.normal(0, 2), rng.exponential(), 200)
    assert pair(reference, current) <= bound + 1e-12
    assert pair(reference, np.full(50, reference.max())) == pytest.approx(bound, rel=0.01)
