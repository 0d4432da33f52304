"""A stretch of minutes in which decisions become money: the one way into the simulator.

The labels take every trade of every bar from it, the ledger those that its book allows, PPO's bars the entries.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.settings import SimulationSettings
from huracan_assets.simulation.accounts import Accounts, accounts
from huracan_assets.simulation.barriers import STOPPED_FIRST, Outcomes, every_trade
from huracan_assets.simulation.conditions import TradeConditions, barrier_distances, minute_rows, trade_conditions
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.fills import EXPIRED, FILLED, REJECTIONS, Rules, entries, patience_of, rules_of
from huracan_assets.simulation.limit_price import NONE_RESTS, Resting, resting_limits
from huracan_assets.simulation.path import Path, path_of

if TYPE_CHECKING:
    from huracan_assets.market.grid import MinuteGrid

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Times = NDArray[np.datetime64]


class Orders(NamedTuple):
    """Orders with a bracket (k,), in time: market orders, or limits where the market's rules know a patience."""

    decided: Ints  # the minute that opens at the decision
    side: NDArray[np.int8]  # 1 or -1
    quote: Floats  # size in the quote coin
    share: Floats  # size as a share of the whole position
    take_profit: Floats
    stop_loss: Floats
    half_spread_bps: Floats
    impact_bps: Floats  # of an order of this size
    resting: Resting = NONE_RESTS


@dataclass(frozen=True)
class TradeMarket:
    """Minutes, rules, and what is known at each of m decision bars, ascending."""

    path: Path
    rules: Rules
    start: np.datetime64  # the open of the path's first minute
    as_of: Times  # (m,)
    decided: Ints  # (m,) the minute that opens at the decision
    conditions: TradeConditions
    position_gbp: float
    quote: float  # the position in the quote coin

    @classmethod
    def of(
        cls,
        grid: MinuteGrid,
        bars: pl.DataFrame,
        funding: pl.DataFrame | None,
        costs: Costs,
        simulation: SimulationSettings,
        position_gbp: float,
    ) -> TradeMarket:
        """The market of these minutes, for orders of `position_gbp` or a part of it.

        Args:
            grid: the symbol's minutes; a `QuotedGrid` where order books were recorded.
            bars: `as_of` ascending, and `spread_bps` (nullable) where the features have it.
            funding: `ts`, `rate`; None where the market has none.

        Raises:
            ContractError: `bars` is not strictly ascending in `as_of`.
        """
        as_of = bars["as_of"].to_numpy()
        if (np.diff(as_of) <= np.timedelta64(0)).any():
            raise ContractError("the decision bars are not strictly ascending in as_of: sort them before simulating")
        return cls(
            path=path_of(grid, funding),
            rules=rules_of(simulation, costs),
            start=grid.start,
            as_of=as_of.astype("datetime64[us]"),
            decided=minute_rows(grid, as_of),
            conditions=trade_conditions(grid, bars, costs, simulation, position_gbp),
            position_gbp=position_gbp,
            quote=position_gbp * simulation.usdt_per_gbp,
        )

    def with_exits(self, simulation: SimulationSettings) -> TradeMarket:
        """The same minutes, orders and costs under the barriers and the horizon of other settings."""
        take_profit, stop_loss = barrier_distances(self.conditions.sigma, simulation)
        known = replace(self.conditions, take_profit=take_profit, stop_loss=stop_loss)
        return replace(self, rules=self.rules._replace(horizon=simulation.horizon_minutes), conditions=known)

    def with_entry(self, simulation: SimulationSettings) -> TradeMarket:
        """The same minutes, exits and costs for entries by the kind of order of other settings."""
        offset = simulation.limit_offset_half_spreads
        return replace(self, rules=self.rules._replace(patience=patience_of(simulation), offset=offset))

    def with_size(self, size: float) -> TradeMarket:
        """The same minutes for orders `size` times as large, whose impact is as the square root of it."""
        impact = replace(self.conditions, impact_bps=self.conditions.impact_bps * np.sqrt(size))
        return replace(self, conditions=impact, quote=self.quote * size, position_gbp=self.position_gbp * size)

    @property
    def take_profit(self) -> Floats:
        """Distance of the barrier (m,), NaN where nothing can be traded: unknown conditions, a day without volume."""
        return np.where(np.isfinite(self.conditions.taker_bps), self.conditions.take_profit, np.nan)

    @property
    def resting(self) -> Resting:
        """The limits of the bars' entries (m,); none where entries are market orders."""
        if not self.rules.patience:
            return NONE_RESTS
        return resting_limits(self.path, self.decided, self.conditions.seen_half_spread_bps, self.rules.offset)

    def orders(self, rows: Ints, side: NDArray[np.int8], size_gbp: Floats) -> Orders:
        """Orders of these sizes (k,) at the bars `rows`; a smaller order has the smaller impact of the root law."""
        known, share = self.conditions, size_gbp / self.position_gbp
        return Orders(
            decided=self.decided[rows],
            side=side,
            quote=self.quote * share,
            share=share,
            take_profit=self.take_profit[rows],
            stop_loss=known.stop_loss[rows],
            half_spread_bps=known.half_spread_bps[rows],
            impact_bps=known.impact_bps[rows] * np.sqrt(share),
            resting=Resting(*(column[rows] for column in self.resting)) if self.rules.patience else NONE_RESTS,
        )

    def entry_prices(self) -> Floats:
        """At what a market order of each bar is filled (m,); NaN where it is refused or waits for a later minute.

        Market orders whatever the rules say of entries: who goes from bar to bar, as PPO's agents do, changes its
        position at each of them, and a limit that may or may not be filled has no return from fill to fill.
        """
        minute, _ = entries(self.path, self.rules, self.decided, self.quote)
        in_time = minute == self.decided + self.rules.latency
        return np.where(in_time, self.path.open[np.where(in_time, minute, 0)], np.nan)

    def every_trade(self) -> tuple[Outcomes, Accounts]:
        """A long and a short of the whole position from every bar, each by itself."""
        known = self.conditions
        quote = np.full(len(self.decided), self.quote)
        exits = self.take_profit, known.stop_loss
        found = every_trade(self.path, self.rules, self.decided, *exits, quote, self.resting)
        return found, accounts(self.path, self.rules, found, self.decided, known.half_spread_bps, known.impact_bps)


def both_sides(found: Outcomes) -> Bools:
    """Which bars have an outcome of the long and of the short (m,): it was filled, or a limit rested and expired.

    To keep only what was filled would select on the result: a limit is filled where the market comes to it.
    """
    return np.asarray(((found.code == FILLED) | (found.code == EXPIRED)).all(axis=1))


def rejections(found: Outcomes) -> dict[str, int]:
    """How many orders were refused, by reason; none where none was."""
    counts = {name: int((found.code == code).sum()) for code, name in enumerate(REJECTIONS)}
    return {name: count for name, count in counts.items() if count}


def double_touches(found: Outcomes) -> int:
    """How many trades were stopped in a minute that touched both barriers, of which the worse was taken."""
    return int(((found.code == FILLED) & (found.reason == STOPPED_FIRST)).sum())
