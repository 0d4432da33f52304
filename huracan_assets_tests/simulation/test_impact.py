"""The fitted coefficient of the square-root law: recovered where it was planted, believed as far as it is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.settings import read_settings
from huracan_assets.simulation.conditions import trade_conditions
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.impact import believed_impact, fitted_impact
from huracan_assets_tests.real_candles import SPOT_2023
from huracan_assets_tests.simulation.random_path import START

SIMULATION = read_settings("local").simulation.model_copy(
    update={"impact_coefficient": 1.0, "impact_prior_error": 0.25}
)
DAY = 1440
SIGMA, TURNOVER = 0.03, 1e8


def planted(y: float, days: int = 3, seed: int = 1) -> tuple[MinuteGrid, np.ndarray]:
    """A market whose takers move it by y sigma_D sqrt(|f| / V_D), beside noise as large; and its flow."""
    rng = np.random.default_rng(seed)
    n = days * DAY
    turnover = TURNOVER / DAY * rng.gamma(2.0, 0.5, n)
    share = np.clip(rng.normal(0.0, 0.4, n), -1.0, 1.0)
    flow = share * turnover
    noise = rng.normal(0.0, 0.7 * SIGMA / np.sqrt(DAY), n)
    returns = y * SIGMA * np.sign(flow) * np.sqrt(np.abs(flow) / TURNOVER) + noise
    close = 100.0 * np.exp(np.cumsum(returns))
    opened = np.concatenate([[100.0], close[:-1]])
    volume = turnover / close
    taker = 0.5 * volume * (1.0 + share)
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    grid = MinuteGrid(START, opened, high, low, close, volume, turnover, volume, taker, np.ones(n, np.bool_))
    return grid, flow


def _part(grid: MinuteGrid, arrays: list[str]) -> dict[str, Any]:
    return {name: getattr(grid, name)[DAY:] for name in arrays}


def fit(grid: MinuteGrid, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """With the volume and the volatility that were planted."""
    returns = np.diff(np.log(grid.close), prepend=np.nan)
    return fitted_impact(grid, returns, known, np.full(len(known), TURNOVER), np.full(len(known), SIGMA))


@pytest.mark.parametrize("y", [0.5, 1.0, 2.0])
def test_a_planted_coefficient_is_recovered_within_its_error(y: float) -> None:
    off = []
    for seed in range(12):
        found, error = fit(planted(y, seed=seed)[0], np.array([2 * DAY, 3 * DAY]))
        assert (error < 0.06).all()
        off += ((found - y) / error).tolist()
    assert np.abs(off).max() < 4.0
    assert 0.6 < np.std(off) < 1.5


def test_the_exponent_of_the_planted_flow_is_a_half() -> None:
    grid, flow = planted(1.0, days=60)
    size, moved = np.abs(flow) / TURNOVER, np.sign(flow) * np.diff(np.log(grid.close), prepend=np.log(100.0))
    bins = np.digitize(size, np.quantile(size, np.linspace(0.1, 0.99, 10)))
    mean_size, mean_move = (np.array([x[bins == k].mean() for k in range(1, 10)]) for x in (size, moved))
    assert np.polyfit(np.log(mean_size), np.log(mean_move), 1)[0] == pytest.approx(0.5, abs=0.05)


def test_minutes_after_the_decision_and_the_start_of_the_grid_do_not_matter() -> None:
    grid, _ = planted(1.0)
    arrays = [name for name, value in vars(grid).items() if isinstance(value, np.ndarray)]
    cut = 2 * DAY + 45
    later: dict[str, Any] = {
        name: np.concatenate([getattr(grid, name)[:cut], 2.0 * getattr(grid, name)[cut:]]) for name in arrays[:-1]
    }
    known = np.array([2 * DAY + 30, cut])
    short = replace(grid, start=grid.start + np.timedelta64(1, "D"), **_part(grid, arrays))
    plain, changed = fit(grid, known), fit(replace(grid, **later), known)
    moved = fit(short, known - DAY)
    np.testing.assert_array_equal(plain, changed)
    np.testing.assert_array_equal(plain, moved)


def test_without_the_volume_of_takers_the_setting_stands_and_it_is_said_so() -> None:
    grid, _ = planted(2.0)
    as_of = pl.Series("as_of", START + np.arange(2 * DAY, 3 * DAY, 15) * np.timedelta64(1, "m"))
    bars, costs = as_of.dt.replace_time_zone("UTC").to_frame(), Costs.of(SIMULATION)
    silent = replace(grid, taker_buy_volume=np.full(len(grid), np.nan))
    told, untold = (trade_conditions(g, bars, costs, SIMULATION, 1000.0) for g in (grid, silent))
    assert told.impact_fitted.all()
    assert not untold.impact_fitted.any()
    assert (untold.impact_coefficient == 1.0).all()
    assert (told.impact_coefficient > 1.4).all()
    np.testing.assert_allclose(told.impact_bps / untold.impact_bps, told.impact_coefficient, rtol=1e-12)


def test_a_fit_is_believed_as_far_as_it_is_known_and_never_to_be_free() -> None:
    fitted, error = np.array([2.0, 2.0, 2.0, np.nan, -1.0]), np.array([1e-9, 0.25, 1e9, np.nan, 1e-9])
    found = believed_impact(fitted, error, 1.0, 0.25)
    np.testing.assert_allclose(found, [2.0, 1.5, 1.0, 1.0, 0.5], rtol=1e-6)


@pytest.mark.skipif(not SPOT_2023.is_dir(), reason=f"no recorded candles at {SPOT_2023}")
@pytest.mark.parametrize("symbol", ["BTC-USDT", "ETH-USDT", "SOL-USDT", "ARB-USDT"])
def test_on_recorded_candles_the_coefficient_is_of_the_order_of_one(symbol: str) -> None:
    first, last = date(2023, 5, 1), date(2023, 5, 10)
    grid = MinuteGrid.from_candles(ArchiveSource(SPOT_2023).candles(symbol, first, last), first, last)
    as_of = pl.Series("as_of", grid.known_at[DAY - 1 :: 60]).dt.replace_time_zone("UTC").to_frame()
    found = trade_conditions(grid, as_of, Costs.of(SIMULATION), SIMULATION, 1000.0)
    assert found.impact_fitted.all()
    assert ((found.impact_coefficient > 0.6) & (found.impact_coefficient < 1.6)).all()
    assert timedelta(days=8) < as_of["as_of"][-1] - as_of["as_of"][0]
