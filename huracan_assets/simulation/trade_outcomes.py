"""What every possible trade would have brought: the labels of all learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.settings import SimulationSettings
from huracan_assets.simulation.barriers import REASONS, SIDES
from huracan_assets.simulation.conditions import MINUTE
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.trade_market import TradeMarket, both_sides
from huracan_assets.simulation.uniqueness import label_uniqueness

if TYPE_CHECKING:
    from huracan_assets.market.grid import MinuteGrid

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
    "filled_share": pl.Float64(),
    "gross_bps": pl.Float64(),
    "fee_bps": pl.Float64(),
    "half_spread_bps": pl.Float64(),
    "impact_bps": pl.Float64(),
    "cost_bps": pl.Float64(),
    "funding_bps": pl.Float64(),
    "net_bps": pl.Float64(),
    "slippage_bps": pl.Float64(),
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
    """`outcome_frame` of the market of these minutes; arguments as `TradeMarket.of` and `outcome_frame`."""
    return outcome_frame(TradeMarket.of(grid, bars, funding, costs, simulation, position_gbp), unknown)


def outcome_frame(market: TradeMarket, unknown: Bools | None = None) -> pl.DataFrame:
    """The outcome of a long and a short at every decision bar whose horizon lies inside the market's minutes.

    Costs are stated by kind in bps of the entry's notional (`accounts.py`). Entry, stop and time exits
    are market orders at the spread and impact known at the decision; a take-profit is a resting limit.
    `exit_at` is the close of the exit minute, when the outcome is known. A trade that is open at a funding
    time pays side x rate.

    An outcome whose path holds an unknown minute stays, as no trader could know that a gap would come, but says
    so: it must not teach. The path counts to the vertical barrier even where another was touched before, for
    sparing just the quick outcomes would select on the result.

    Args:
        unknown: minutes of the path of which nobody knows what happened (n,); none where None.

    Returns:
        Rows of `OUTCOME_SCHEMA`, sorted by `as_of`, the long before the short; both sides of a bar or none.
    """
    found, made = market.every_trade()
    kept = both_sides(found)
    entry, exit_ = found.entry[kept], found.exit[kept]
    starts, entry_at = market.as_of[kept], market.start + entry * MINUTE
    exit_at = market.start + (exit_ + 1) * MINUTE
    crosses = _crosses_unknown(unknown, market.decided[kept], entry, exit_, market.rules.horizon)
    columns = {
        "as_of": np.repeat(starts, 2),
        "side": np.tile(np.array(SIDES, np.int8), len(starts)),
        "entry_at": entry_at.ravel(),
        "exit_at": exit_at.ravel(),
        "entry_price": found.entry_price[kept].ravel(),
        "exit_price": found.exit_price[kept].ravel(),
        "exit_reason": np.array(REASONS)[found.reason[kept].ravel()],
        "filled_share": found.filled[kept].ravel(),
        **{f"{name}_bps": column[kept].ravel() for name, column in made._asdict().items()},
        "cost_bps": (made.fee + made.half_spread + made.impact)[kept].ravel(),
        "mfe_bps": found.mfe[kept].ravel() * 1e4,
        "mae_bps": found.mae[kept].ravel() * 1e4,
        "uniqueness": np.repeat(label_uniqueness(starts, exit_at.max(axis=1)), 2),
        "crosses_unknown": np.repeat(crosses, 2),
    }
    series = [
        pl.Series(name, columns[name]).dt.replace_time_zone("UTC").cast(dtype)
        if dtype == TIME_TYPE
        else pl.Series(name, columns[name], dtype=dtype)
        for name, dtype in OUTCOME_SCHEMA.items()
    ]
    return pl.DataFrame(series)


def _crosses_unknown(unknown: Bools | None, decided: Ints, entry: Ints, exit_: Ints, horizon: int) -> Bools:
    """Whether a minute from the decision to the vertical barrier, or to a later exit, is unknown; (kept,)."""
    if unknown is None:
        return np.zeros(len(decided), np.bool_)
    last = np.maximum(entry.max(axis=1, initial=-1) + horizon - 1, exit_.max(axis=1, initial=-1))
    before = np.concatenate([[0], np.cumsum(unknown)])
    return np.asarray(before[last + 1] > before[decided])
