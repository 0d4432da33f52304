"""Drift reports: their thresholds on markets that remember and do not drift, and on features that break."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from huracan_assets.errors import ContractError
from huracan_assets.guards.drift import DRIFT_SCHEMA, drift, prediction_limit
from huracan_assets_tests.experiments.autoregression import autoregression
from huracan_assets_tests.guards.test_distance import oracle

BARS_A_DAY = 24
Array = NDArray[np.float64]


def bars(**columns: Array) -> pl.DataFrame:
    n = next(iter(columns.values())).size
    start = datetime(2024, 1, 1, tzinfo=UTC)
    as_of = [start + timedelta(hours=i + 1) for i in range(n)]
    frame = pl.DataFrame({"as_of": as_of, **columns}, schema_overrides={"as_of": pl.Datetime("us", "UTC")})
    return frame.with_columns(pl.exclude("as_of").fill_nan(None))


def test_the_newest_days_are_held_against_the_days_before() -> None:
    x = np.random.default_rng(8).standard_normal(30 * BARS_A_DAY)
    x[-5 * BARS_A_DAY :] += 2.0
    row = drift(bars(x=x), 5, 10, 0.99).row(0, named=True)
    old, new = x[: -5 * BARS_A_DAY], x[-5 * BARS_A_DAY :]
    assert row["psi"] == pytest.approx(oracle(old, new, 10), abs=1e-12)
    assert row["ks"] == pytest.approx(ks_2samp(old, new).statistic, abs=1e-12)
    assert (row["n_reference"], row["n_current"], row["alarm"]) == (25 * BARS_A_DAY, 5 * BARS_A_DAY, True)


@pytest.mark.parametrize("half_life_hours", [0.0, 1.0, 24.0])
def test_a_feature_that_remembers_raises_few_alarms_without_drift_and_one_with(half_life_hours: float) -> None:
    rng = np.random.default_rng(11)
    n, features = 150 * BARS_A_DAY, 300
    series = autoregression(rng, half_life_hours, n, features)
    calm = {f"calm_{i}": series[:, i] for i in range(features)}
    newest = np.arange(n) >= n - 7 * BARS_A_DAY
    moved = {f"moved_{i}": np.where(newest, series[:, i] + 6.0, series[:, i]) for i in range(20)}
    report = drift(bars(**calm, **moved), 7, 10, 0.99)
    # 6 of 300 are twice nominal; above 9 a rate of 1.5 % would lie two deviations off.
    assert report["alarm"][:features].sum() <= 9
    assert report["alarm"][features:].all()


@given(seed=st.integers(0, 1000), spread=st.floats(0.05, 1.5), middle=st.floats(-4.0, 1.0), bound=st.floats(0.5, 10.0))
def test_the_limit_lies_between_the_null_and_the_bound_and_rises_with_the_quantile(
    seed: int, spread: float, middle: float, bound: float
) -> None:
    odds = np.random.default_rng(seed).normal(middle, spread, 20)
    null = bound / (1.0 + np.exp(-odds))
    limits = [prediction_limit(null, bound, 20.0, quantile) for quantile in (0.6, 0.95, 0.99, 0.995)]
    assert np.median(null) * 0.5 < limits[0] < limits[1] < limits[2] < limits[3] < bound
    assert prediction_limit(null * 3.0, bound * 3.0, 20.0, 0.99) == pytest.approx(3.0 * limits[2])


def test_the_limit_is_passed_by_one_more_value_at_its_nominal_rate() -> None:
    rng = np.random.default_rng(4)
    null = 1.0 / (1.0 + np.exp(-rng.normal(-2.0, 0.7, (4000, 21))))
    passed = sum(row[20] > prediction_limit(row[:20], 1.0, 20.0, 0.95) for row in null)
    assert passed == pytest.approx(200, abs=45)


def test_constants_dead_and_dying_features_are_told_apart() -> None:
    n, current = 30 * BARS_A_DAY, 5 * BARS_A_DAY
    newest = np.arange(n) >= n - current
    noise = np.random.default_rng(2).standard_normal(n)
    rare = np.where(np.arange(n) % 31 == 0, 1.0, 0.0)
    made = drift(
        bars(
            constant=np.full(n, 3.0),
            dead=np.full(n, np.nan),
            rare=rare,
            rose=np.where(newest, 3.1, 3.0),
            fell=np.where(newest, 2.9, 3.0),
            died=np.where(newest, np.nan, noise),
            woke=np.where(newest, noise, np.nan),
            stuck=np.where(newest, noise[-1], noise),
            stopped=np.where(newest, 0.0, rare),
        ),
        5, 10, 0.99,
    )  # fmt: skip
    calm, broken = made[:3], made[3:]
    assert calm["psi"].to_numpy().max() < 0.01
    assert not calm["alarm"].any()
    assert broken["alarm"].all(), broken
    row = made.filter(pl.col("feature") == "died").row(0, named=True)
    assert (row["null_share_reference"], row["null_share_current"], row["ks"], row["n_current"]) == (
        0.0,
        1.0,
        None,
        0,
    )
    assert made.schema == DRIFT_SCHEMA
    assert made["psi_threshold"].to_numpy().min() > 0


def test_a_slow_feature_that_stands_still_is_found() -> None:
    n, current = 150 * BARS_A_DAY, 7 * BARS_A_DAY
    series = autoregression(np.random.default_rng(6), 48.0, n, 40)
    series[-current:] = series[-current]
    assert drift(bars(**{str(i): series[:, i] for i in range(40)}), 7, 10, 0.99)["alarm"].all()


def test_the_bar_at_midnight_belongs_to_the_day_it_ends() -> None:
    x = np.zeros(12 * BARS_A_DAY)
    x[-BARS_A_DAY:] = 1.0
    made = drift(bars(x=x), 1, 2, 0.99)
    assert made.select("n_reference", "n_current").row(0) == (11 * BARS_A_DAY, BARS_A_DAY)


def test_too_few_days_are_refused() -> None:
    frame = bars(x=np.random.default_rng(0).standard_normal(20 * BARS_A_DAY))
    with pytest.raises(ContractError, match="over 20 days of bars, there are 20"):
        drift(frame, 10, 10, 0.99)
