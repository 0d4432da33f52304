"""What a decision knows of the trade it could open: volatility, barriers, costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from huracan_assets.settings import SimulationSettings
from huracan_assets.simulation.costs import Costs

if TYPE_CHECKING:
    from huracan_assets.market.grid import MinuteGrid

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Times = NDArray[np.datetime64]

MINUTE = np.timedelta64(1, "m")
SIGMA_MINUTES, SIGMA_LEAST = 240, 60
DAY_MINUTES, DAY_LEAST = 1440, 240


@dataclass(frozen=True)
class TradeConditions:
    """What is known at each decision (m,) of the trade it could open; NaN where the history is too short."""

    sigma: Floats  # log-return volatility of a minute, fraction
    take_profit: Floats  # distance of the barrier, fraction of the entry price
    stop_loss: Floats
    half_spread_bps: Floats
    impact_bps: Floats
    taker_bps: Floats  # a market order, all in


def trade_conditions(
    grid: MinuteGrid, bars: pl.DataFrame, costs: Costs, simulation: SimulationSettings, position_gbp: float
) -> TradeConditions:
    """Volatility, barriers and costs at each bar, from minutes known at its `as_of` alone.

    sigma: root mean square of the log returns between adjacent present minutes, over the last 240 minutes (at
    least 60 returns), times sqrt(horizon) for the barriers. Impact: daily volatility and daily quote volume
    from the last 1440 minutes (at least 240), the volume scaled to a full day; volume x close where the
    source has no quote volume. Spread: the bars' `spread_bps` where there is one. Each sum runs over its own
    window alone, so the bits do not depend on where the grid starts.
    """
    known = minute_rows(grid, bars["as_of"].to_numpy())
    squared = _squared_returns(grid)
    sigma = _trailing(squared, known, SIGMA_MINUTES, SIGMA_LEAST)
    daily = _trailing(squared, known, DAY_MINUTES, DAY_LEAST)
    quote = np.where(np.isfinite(grid.quote_volume), grid.quote_volume, grid.volume * grid.close)
    per_minute = _trailing(np.where(grid.present, quote, np.nan), known, DAY_MINUTES, DAY_LEAST)
    sigma, daily_sigma = np.sqrt(sigma), np.sqrt(daily * DAY_MINUTES)
    floor = simulation.barrier_floor_bps / 1e4
    over_horizon = sigma * np.sqrt(simulation.horizon_minutes)
    estimate = bars["spread_bps"].cast(pl.Float64).to_numpy() if "spread_bps" in bars.columns else np.nan
    half_spread = costs.half_spread_bps(np.broadcast_to(np.asarray(estimate, np.float64), sigma.shape))
    impact = costs.impact_bps(position_gbp * simulation.usdt_per_gbp, per_minute * DAY_MINUTES, daily_sigma)
    return TradeConditions(
        sigma=sigma,
        take_profit=np.maximum(simulation.take_profit_sigmas * over_horizon, floor),
        stop_loss=np.maximum(simulation.stop_loss_sigmas * over_horizon, floor),
        half_spread_bps=half_spread,
        impact_bps=impact,
        taker_bps=costs.taker_bps(half_spread, impact),
    )


def minute_rows(grid: MinuteGrid, times: Times) -> Ints:
    """The grid row of the minute that opens at each time; it may lie outside the grid."""
    return np.asarray((times.astype("datetime64[us]") - grid.start) // MINUTE, np.int64)


def _squared_returns(grid: MinuteGrid) -> Floats:
    """Squared log return into each minute (n,), NaN unless it and the minute before are present."""
    squared = np.full(len(grid), np.nan)
    squared[1:] = np.diff(np.log(np.where(grid.present, grid.close, np.nan))) ** 2
    return squared


@njit(cache=True)
def _trailing(values, ends, window, least):  # type: ignore[no-untyped-def]
    """Mean of the finite values in the `window` rows before each end; NaN below `least` of them."""
    means = np.full(len(ends), np.nan)
    for b in range(len(ends)):
        total, count = 0.0, 0
        for i in range(max(0, ends[b] - window), min(len(values), ends[b])):
            if values[i] == values[i]:
                total += values[i]
                count += 1
        if count >= least:
            means[b] = total / count
    return means
