"""What every possible trade would have brought: the labels of all learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.settings import SimulationSettings
from huracan_assets.simulation.barriers import (
    REASONS,
    SIDES,
    TAKE_PROFIT,
    BarrierOutcomes,
    barrier_outcomes,
)
from huracan_assets.simulation.conditions import MINUTE, TradeConditions, minute_rows, trade_conditions
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.uniqueness import label_uniqueness

if TYPE_CHECKING:
    from huracan_assets.market.grid import MinuteGrid

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

TIME_TYPE = pl.Datetime("us", "UTC")

OUTCOME_SCHEMA: dict[str, pl.DataType] = {
    "as_of": TIME_TYPE,
    "side": pl.Int8(),
    "entry_at": TIME_TYPE,
    "exit_at": TIME_TYPE,
    "entry_price": pl.Float64(),
    "exit_price": pl.Float64(),
    "exit_reason": pl.String(),
    "gross_bps": pl.Float64(),
    "cost_bps": pl.Float64(),
    "funding_bps": pl.Float64(),
    "net_bps": pl.Float64(),
    "mfe_bps": pl.Float64(),
    "mae_bps": pl.Float64(),
    "uniqueness": pl.Float64(),
    "crosses_unknown": pl.Boolean(),
}


def trade_outcomes(
    grid: MinuteGrid,
    bars: pl.DataFrame,
    funding: pl.DataFrame | None,
    costs: Costs,
    simulation: SimulationSettings,
    position_gbp: float,
    unknown: Bools | None = None,
) -> pl.DataFrame:
    """The outcome of a long and a short at every decision bar whose horizon lies inside the grid.

    A leg's cost is taken on that leg's notional and stated in bps of the entry's. Entry, stop and time exits
    are market orders at the spread and impact known at the decision; a take-profit is a resting limit.
    `exit_at` is the close of the exit minute, when the outcome is known. A trade that is open at a funding
    time pays side x rate.

    An outcome whose path holds an unknown minute stays, as no trader could know that a gap would come, but says
    so: it must not teach. The path counts to the vertical barrier even where another was touched before, for
    sparing just the quick outcomes would select on the result.

    Args:
        grid: the symbol's minutes.
        bars: `as_of` ascending, and `spread_bps` (nullable) where the features have it.
        funding: `ts`, `rate`; None where the market has none.
        position_gbp: notional of the trade.
        unknown: minutes of the grid of which nobody knows what happened (n,); none where None.

    Returns:
        Rows of `OUTCOME_SCHEMA`, sorted by `as_of`, the long before the short; both sides of a bar or none.

    Raises:
        ContractError: `bars` is not strictly ascending in `as_of`.
    """
    as_of = bars["as_of"].to_numpy()
    if (np.diff(as_of) <= np.timedelta64(0)).any():
        raise ContractError("the decision bars are not strictly ascending in as_of: sort them before simulating")
    known = trade_conditions(grid, bars, costs, simulation, position_gbp)
    tradable = np.isfinite(known.taker_bps)
    found = barrier_outcomes(
        (grid.open, grid.high, grid.low, grid.close),
        grid.present,
        minute_rows(grid, as_of) + simulation.latency_minutes,
        np.where(tradable, known.take_profit, np.nan),
        known.stop_loss,
        simulation.horizon_minutes,
    )
    kept = found.entry >= 0
    crosses = _crosses_unknown(unknown, minute_rows(grid, as_of)[kept], found, kept, simulation.horizon_minutes)
    return _frame(grid, as_of, kept, found, known, funding, costs, crosses)


def _crosses_unknown(unknown: Bools | None, decided: Ints, found: BarrierOutcomes, kept: Bools, horizon: int) -> Bools:
    """Whether a minute from the decision to the vertical barrier, or to a later exit, is unknown; (kept,)."""
    if unknown is None:
        return np.zeros(len(decided), np.bool_)
    last = np.maximum(found.entry[kept] + horizon - 1, found.exit[kept].max(axis=1, initial=-1))
    before = np.concatenate([[0], np.cumsum(unknown)])
    return np.asarray(before[last + 1] > before[decided])


def _frame(
    grid: MinuteGrid,
    as_of: Times,
    kept: Bools,
    found: BarrierOutcomes,
    known: TradeConditions,
    funding: pl.DataFrame | None,
    costs: Costs,
    crosses: Bools,
) -> pl.DataFrame:
    entry_price, exit_price = found.entry_price[kept, None], found.exit_price[kept]
    entry_at = grid.start + found.entry[kept] * MINUTE
    exit_at = grid.start + (found.exit[kept] + 1) * MINUTE
    sides = np.array(SIDES, np.float64)
    ratio = exit_price / entry_price
    taker = known.taker_bps[kept, None]
    reason = found.reason[kept]
    gross = sides * (ratio - 1.0) * 1e4
    cost = taker + np.where(reason == TAKE_PROFIT, costs.maker_fee_bps, taker) * ratio
    paid = sides * 1e4 * _funding_sum(funding, entry_at[:, None], exit_at)
    starts = as_of[kept].astype("datetime64[us]")
    unique = label_uniqueness(starts, np.maximum(exit_at[:, 0], exit_at[:, 1]))
    columns = {
        "as_of": np.repeat(starts, 2),
        "side": np.tile(np.array(SIDES, np.int8), len(starts)),
        "entry_at": np.repeat(entry_at, 2),
        "exit_at": exit_at.ravel(),
        "entry_price": np.repeat(found.entry_price[kept], 2),
        "exit_price": exit_price.ravel(),
        "exit_reason": np.array(REASONS)[reason.ravel()],
        "gross_bps": gross.ravel(),
        "cost_bps": cost.ravel(),
        "funding_bps": paid.ravel(),
        "net_bps": (gross - cost - paid).ravel(),
        "mfe_bps": found.mfe[kept].ravel() * 1e4,
        "mae_bps": found.mae[kept].ravel() * 1e4,
        "uniqueness": np.repeat(unique, 2),
        "crosses_unknown": np.repeat(crosses, 2),
    }
    series = [
        pl.Series(name, columns[name]).dt.replace_time_zone("UTC").cast(dtype)
        if dtype == TIME_TYPE
        else pl.Series(name, columns[name], dtype=dtype)
        for name, dtype in OUTCOME_SCHEMA.items()
    ]
    return pl.DataFrame(series)


def _funding_sum(funding: pl.DataFrame | None, entry_at: Times, exit_at: Times) -> Floats:
    """Sum of the rates of the funding times after `entry_at` and before `exit_at`, a fraction per unit long.

    A position entered at the funding minute's own open was not held before it, one known closed at it is no
    more.
    """
    if funding is None or funding.is_empty():
        return np.zeros(exit_at.shape)
    ordered = funding.sort("ts")
    # Exchanges stamp funding some milliseconds late.
    at = ordered["ts"].dt.truncate("1m").to_numpy()
    sums = np.concatenate([[0.0], np.cumsum(ordered["rate"].to_numpy())])
    from_ = np.searchsorted(at, entry_at, side="right")
    until = np.maximum(np.searchsorted(at, exit_at, side="left"), from_)
    return np.asarray(sums[until] - sums[from_])
