"""Drift against ten lines of numpy, and its null against markets that remember and do not drift."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from huracan_assets.errors import ContractError
from huracan_assets.guards.drift import DRIFT_SCHEMA, EPS, drift

BARS_A_DAY = 24
Array = NDArray[np.float64]


def bars(**columns: Array) -> pl.DataFrame:
    n = next(iter(columns.values())).size
    start = datetime(2024, 1, 1, tzinfo=UTC)
    as_of = [start + timedelta(hours=i + 1) for i in range(n)]
    frame = pl.DataFrame({"as_of": as_of, **columns}, schema_overrides={"as_of": pl.Datetime("us", "UTC")})
    return frame.with_columns(pl.exclude("as_of").fill_nan(None))


def oracle(reference: Array, current: Array, bins: int) -> float:
    edges = np.quantile(reference, np.linspace(0, 1, bins + 1))
    edges[0], edges[-1] = -np.inf, np.inf
    p = np.histogram(reference, edges)[0] / reference.size
    q = np.histogram(current, edges)[0] / current.size
    p, q = np.maximum(p, EPS), np.maximum(q, EPS)
    return float(np.sum((q - p) * np.log(q / p)))


@given(st.integers(0, 10_000), st.integers(2, 20), st.floats(-3, 3))
@settings(max_examples=30)
def test_psi_equals_the_plain_formula_and_ks_scipys(seed: int, bins: int, shift: float) -> None:
    x = np.random.default_rng(seed).standard_normal(30 * BARS_A_DAY)
    x[-5 * BARS_A_DAY :] += shift
    made = drift(bars(x=x), 5, bins, 100, 1)
    old, new = x[: -5 * BARS_A_DAY], x[-5 * BARS_A_DAY :]
    assert made["psi"][0] == pytest.approx(oracle(old, new, bins), abs=1e-12)
    expected = ks_2samp(old, new, method="asymp")
    assert made["ks"][0] == pytest.approx(expected.statistic, abs=1e-12)
    assert made["ks_p"][0] == pytest.approx(expected.pvalue, abs=1e-12)
    assert made.select("n_reference", "n_current").row(0) == (25 * BARS_A_DAY, 5 * BARS_A_DAY)


def test_the_null_is_the_psi_of_runs_of_reference_days() -> None:
    x = np.random.default_rng(5).standard_normal(20 * BARS_A_DAY)
    made = drift(bars(x=x), 4, 10, 4000, 1)
    days = x[: 16 * BARS_A_DAY].reshape(16, BARS_A_DAY)
    runs = [oracle(days.ravel(), days[np.arange(first, first + 4) % 16].ravel(), 10) for first in range(16)]
    # 4,000 draws of 16 starts hold each about 250 times: the percentile is the largest one.
    assert made["psi_null_99"][0] == pytest.approx(max(runs), abs=1e-12)


def test_a_feature_that_remembers_raises_few_alarms_without_drift_and_one_with() -> None:
    alarms = 0
    rng = np.random.default_rng(11)
    for _ in range(100):
        x = np.empty(150 * BARS_A_DAY)
        x[0], phi = 0.0, 0.5 ** (1 / BARS_A_DAY)  # a half-life of a day
        noise = rng.standard_normal(x.size)
        for i in range(1, x.size):
            x[i] = phi * x[i - 1] + noise[i]
        row = drift(bars(x=x, moved=np.where(np.arange(x.size) < 145 * BARS_A_DAY, x, x + 40)), 5, 10, 300, 3)
        alarms += row["psi"][0] > row["psi_null_99"][0]
        assert row["psi"][1] > row["psi_null_99"][1]
    assert alarms <= 8


def test_constants_dead_and_dying_features_are_told_apart() -> None:
    n, current = 30 * BARS_A_DAY, 5 * BARS_A_DAY
    newest = np.arange(n) >= n - current
    noise = np.random.default_rng(2).standard_normal(n)
    made = drift(
        bars(
            constant=np.full(n, 3.0),
            rose=np.where(newest, 3.1, 3.0),
            fell=np.where(newest, 2.9, 3.0),
            dead=np.full(n, np.nan),
            died=np.where(newest, np.nan, noise),
            woke=np.where(newest, noise, np.nan),
        ),
        5, 10, 200, 1,
    )  # fmt: skip
    psi = dict(zip(made["feature"], made["psi"], strict=True))
    assert psi["constant"] == psi["dead"] == 0.0
    assert min(psi["rose"], psi["fell"], psi["died"], psi["woke"]) > 5.0
    row = made.filter(pl.col("feature") == "died").row(0, named=True)
    assert (row["null_share_reference"], row["null_share_current"], row["ks"], row["n_current"]) == (
        0.0,
        1.0,
        None,
        0,
    )
    assert made.schema == DRIFT_SCHEMA


def test_the_bar_at_midnight_belongs_to_the_day_it_ends() -> None:
    x = np.zeros(12 * BARS_A_DAY)
    x[-BARS_A_DAY:] = 1.0
    made = drift(bars(x=x), 1, 2, 100, 1)
    assert made.select("n_reference", "n_current").row(0) == (11 * BARS_A_DAY, BARS_A_DAY)


def test_the_same_seed_draws_the_same_null_and_too_few_days_are_refused() -> None:
    frame = bars(x=np.random.default_rng(0).standard_normal(20 * BARS_A_DAY))
    assert drift(frame, 5, 10, 200, 9).equals(drift(frame, 5, 10, 200, 9))
    with pytest.raises(ContractError, match="over 20 days of bars, there are 20"):
        drift(frame, 10, 10, 200, 9)
