"""What a decision knows of the trade it could open: volatility, barriers, costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.settings import SimulationSettings
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.impact import believed_impact, fitted_impact
from huracan_assets.simulation.quoted_grid import quoted_spread
from huracan_assets.simulation.trailing import trailing_mean

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
    seen_half_spread_bps: Floats  # without a shock of costs: limits stand where the market is, whatever it charges
    impact_bps: Floats  # of the whole order
    taker_bps: Floats  # a market order, all in
    round_trip_bps: Floats  # an entry as the settings say, and a market order out
    impact_coefficient: Floats  # Y of the square-root law that was reckoned with
    impact_fitted: NDArray[np.bool_]  # whether the market's own flow had a say in it
    spread_quoted: NDArray[np.bool_]  # whether an order book told the spread


def trade_conditions(
    grid: MinuteGrid, bars: pl.DataFrame, costs: Costs, simulation: SimulationSettings, position_gbp: float
) -> TradeConditions:
    """Volatility, barriers and costs at each bar, from minutes known at its `as_of` alone.

    sigma: root mean square of the log returns between adjacent present minutes, over the last 240 minutes (at
    least 60 returns), times sqrt(horizon) for the barriers. Impact: daily volatility and daily quote volume
    from the last 1440 minutes (at least 240), the volume scaled to a full day; volume x close where the
    source has no quote volume; the coefficient as in `impact.py`. Spread: of the order book where one is known and
    fresh, else the bars' `spread_bps`, else the floor. The bits do not depend on where the grid starts.
    """
    known = minute_rows(grid, bars["as_of"].to_numpy())
    returns = _returns(grid)
    sigma = np.sqrt(trailing_mean(returns**2, known, SIGMA_MINUTES, SIGMA_LEAST)[0])
    daily_sigma = np.sqrt(trailing_mean(returns**2, known, DAY_MINUTES, DAY_LEAST)[0] * DAY_MINUTES)
    turnover = np.where(np.isfinite(grid.quote_volume), grid.quote_volume, grid.volume * grid.close)
    turnover = np.where(grid.present, turnover, np.nan)
    daily_volume = trailing_mean(turnover, known, DAY_MINUTES, DAY_LEAST)[0] * DAY_MINUTES
    take_profit, stop_loss = barrier_distances(sigma, simulation)
    estimated = bars["spread_bps"].cast(pl.Float64).to_numpy() if "spread_bps" in bars.columns else np.nan
    quoted = quoted_spread(grid, known)
    seen = np.where(np.isfinite(quoted), quoted, estimated)
    half_spread = costs.half_spread_bps(seen)
    fitted, error = fitted_impact(grid, returns, known, daily_volume, daily_sigma)
    coefficient = believed_impact(fitted, error, costs.impact_coefficient, simulation.impact_prior_error)
    impact = costs.impact_bps(position_gbp * simulation.usdt_per_gbp, daily_volume, daily_sigma, coefficient)
    taker = costs.taker_bps(half_spread, impact)
    return TradeConditions(
        sigma=sigma,
        take_profit=take_profit,
        stop_loss=stop_loss,
        half_spread_bps=half_spread,
        seen_half_spread_bps=replace(costs, spread_multiple=1.0).half_spread_bps(seen),
        impact_bps=impact,
        taker_bps=taker,
        round_trip_bps=2.0 * taker if simulation.entry == "market" else costs.maker_fee_bps + taker,
        impact_coefficient=coefficient,
        impact_fitted=np.isfinite(fitted),
        spread_quoted=np.isfinite(quoted),
    )


def barrier_distances(sigma: Floats, simulation: SimulationSettings) -> tuple[Floats, Floats]:
    """Take profit and stop loss as fractions of the entry price (m,): multiples of sigma over the horizon, floored."""
    floor, over_horizon = simulation.barrier_floor_bps / 1e4, sigma * np.sqrt(simulation.horizon_minutes)
    return (
        np.maximum(simulation.take_profit_sigmas * over_horizon, floor),
        np.maximum(simulation.stop_loss_sigmas * over_horizon, floor),
    )


def minute_rows(grid: MinuteGrid, times: Times) -> Ints:
    """The grid row of the minute that opens at each time; it may lie outside the grid."""
    return np.asarray((times.astype("datetime64[us]") - grid.start) // MINUTE, np.int64)


def _returns(grid: MinuteGrid) -> Floats:
    """Log return into each minute (n,), NaN unless it and the minute before are present."""
    returns = np.full(len(grid), np.nan)
    returns[1:] = np.diff(np.log(np.where(grid.present, grid.close, np.nan)))
    return returns
