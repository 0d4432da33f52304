"""What every possible trade would have brought: the labels of all learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.settings import SimulationSettings
from huracan_assets.simulation.accounts import Accounts
from huracan_assets.simulation.barriers import REASONS, SIDES, Outcomes
from huracan_assets.simulation.conditions import MINUTE
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.fills import EXPIRED, REJECTIONS, Rules
from huracan_assets.simulation.trade_market import TradeMarket, both_sides
from huracan_assets.simulation.uniqueness import label_uniqueness

if TYPE_CHECKING:
    from huracan_assets.market.grid import MinuteGrid

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

TIME_TYPE = pl.Datetime("us", "UTC")
EXPIRED_REASON = REJECTIONS[EXPIRED]

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

    Costs are stated by kind in bps of the entry's notional (`accounts.py`). Stop and time exits, and the entry where
    the rules know no patience, are market orders at the spread and impact known at the decision; a take-profit is a
    resting limit. `exit_at` is the close of the exit minute, when the outcome is known. A trade that is open at a
    funding time pays side x rate.

    An entry's limit that nothing filled is an outcome as any other: `exit_reason` is `expired`, the filled share and
    every figure are 0, and `exit_at` is when its patience ended. It teaches that the decision brought nothing. Were
    such rows left out, what remains would be chosen by what the market did after the decision.

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
    starts, entry_at, exit_at = market.as_of[kept], market.start + entry * MINUTE, market.start + (exit_ + 1) * MINUTE
    crosses = _crosses_unknown(unknown, market.decided[kept], entry, exit_, market.rules)
    reasons, figures = _results(found, made, kept)
    columns = {
        "as_of": np.repeat(starts, 2),
        "side": np.tile(np.array(SIDES, np.int8), len(starts)),
        "entry_at": entry_at.ravel(),
        "exit_at": exit_at.ravel(),
        "entry_price": found.entry_price[kept].ravel(),
        "exit_price": found.exit_price[kept].ravel(),
        "exit_reason": reasons,
        "filled_share": found.filled[kept].ravel(),
        **figures,
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


def _results(found: Outcomes, made: Accounts, kept: Bools) -> tuple[NDArray[np.str_], dict[str, Floats]]:
    """What closed the trades of the bars that are kept, and their accounts by column; what expired has zeros."""
    expired = found.code[kept].ravel() == EXPIRED
    figures = {f"{name}_bps": np.where(expired, 0.0, column[kept].ravel()) for name, column in made._asdict().items()}
    figures["cost_bps"] = figures["fee_bps"] + figures["half_spread_bps"] + figures["impact_bps"]
    return np.where(expired, EXPIRED_REASON, np.array(REASONS)[found.reason[kept].ravel()]), figures


def _crosses_unknown(unknown: Bools | None, decided: Ints, entry: Ints, exit_: Ints, rules: Rules) -> Bools:
    """Whether a minute from the decision to the vertical barrier, or to a later exit, is unknown; (kept,).

    The barrier of a resting limit is the latest that it could have, whether and whenever it was filled.
    """
    if unknown is None:
        return np.zeros(len(decided), np.bool_)
    begin = entry.max(axis=1, initial=-1) if not rules.patience else decided + rules.latency + rules.patience - 1
    last = np.maximum(begin + rules.horizon - 1, exit_.max(axis=1, initial=-1))
    before = np.concatenate([[0], np.cumsum(unknown)])
    return np.asarray(before[last + 1] > before[decided])
