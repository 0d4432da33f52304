"""What if: another exit, entry or size, or no trade at all, and how much the policy regrets what it did.

The market is simulated on recorded minutes, and a position moves nothing but by its impact. So what the same decision
would have brought with another order is not estimated: it is replayed, through the one simulator, trade by trade, and
the only uncertainty is that of a mean over trades that share their days. What no replay can tell is answered with
`not identified`: a path over minutes that nobody knows, one that the window ends before, and a size whose impact is no
longer small against the market's own moves, for then the recorded path is not the path that it would have met.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from huracan_assets.settings import AnalystSettings, SimulationSettings
from huracan_assets.shadow.daily_mean import daily_mean, holm
from huracan_assets.simulation.trade_market import TradeMarket
from huracan_assets.simulation.trade_outcomes import outcome_frame

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Kind = Literal["exit", "entry", "size", "no trade"]
Change = Mapping[str, float | str]  # settings of the simulation that differ

LIMIT: Change = {"entry": "limit"}
MARKET: Change = {"entry": "market"}

UNKNOWN = "unknown minutes, the window's end or a refused order"
BROUGHT = ("net_bps", "gross_bps", "filled_share")
NO_BARRIER = 1e6  # sigmas: no price goes there, and a stop below zero is never touched


@dataclass(frozen=True)
class Entries:
    """The trades that are asked about, `as_of` and `side` each, and the market at their bars and perhaps at others.

    `unknown` are the minutes of its path of which nobody knows what happened, (n,). `expired` are orders beside the
    trades that rested and that nothing filled, `as_of` and `side` each.
    """

    trades: pl.DataFrame
    market: TradeMarket
    simulation: SimulationSettings
    unknown: Bools
    expired: pl.DataFrame | None = None

    @property
    def sent(self) -> Entries:
        """All orders that were sent, those that nothing filled with them: to ask the filled alone would select."""
        orders = self.trades.select("as_of", "side")
        if self.expired is not None:
            orders = pl.concat([orders, self.expired.select("as_of", "side")]).sort("as_of")
        return replace(self, trades=orders, expired=None)

    @property
    def day(self) -> Ints:
        """Number of the day of each decision, (m,)."""
        return self.trades["as_of"].dt.epoch("d").to_numpy().astype(np.int64)

    @property
    def rows(self) -> Ints:
        """The market's bar of each trade, (m,)."""
        return np.searchsorted(self.market.as_of, self.trades["as_of"].to_numpy())

    def replay(self, market: TradeMarket | None = None) -> pl.Series:
        """Net bps of a whole position at each trade in another market, (m,); null where nobody knows.

        Nobody knows it where its path holds an unknown minute, where the window ends first, or where the venue would
        have refused the order. An order that was filled in part counts for the part, an expired one brought nothing.
        """
        told = self.outcomes(market or self.market)
        return told.select(replayed=pl.col("net_bps") * pl.col("filled_share"))["replayed"]

    def outcomes(self, market: TradeMarket) -> pl.DataFrame:
        """`net_bps`, `gross_bps` and `filled_share` of each trade in a market, (m,); null where nobody knows."""
        known = outcome_frame(market, self.unknown).filter(~pl.col("crosses_unknown"))
        brought = known.select("as_of", "side", *BROUGHT)
        asked = self.trades.select("as_of", "side")
        return asked.join(brought, on=["as_of", "side"], how="left", maintain_order="left").select(BROUGHT)

    def under(self, change: Change) -> TradeMarket:
        """The market under exits, or entries, that differ from the settings by `change`."""
        other = self.simulation.model_copy(update=dict(change))
        return self.market.with_exits(other).with_entry(other)


class Regret(BaseModel):
    """What an alternative would have brought more than the policy, a trade, in bps of a whole position.

    Both are replayed with the whole position, whatever size a trade had; only another size is held against that.

    Null figures with a `why` are not identified. `distinct`: the difference stands when all alternatives of the table
    are judged together (Holm, 5 %).
    """

    model_config = ConfigDict(frozen=True)
    kind: Kind
    alternative: str
    trades: int
    unknown: int
    net_bps: float | None = None
    regret_bps: float | None = None
    error_bps: float | None = None
    low_bps: float | None = None
    high_bps: float | None = None
    p_value: float | None = None
    distinct: bool = False
    why: str = ""

    @property
    def answer(self) -> str:
        """The regret with its interval, or `not identified` and why."""
        if self.regret_bps is None:
            return f"not identified: {self.why}"
        return f"{self.regret_bps:+.2f} [{self.low_bps:+.2f}, {self.high_bps:+.2f}]"


def held_for(entries: Entries, minutes: Sequence[int]) -> dict[int, pl.Series]:
    """Net bps of each trade had it been closed so many minutes after its entry and by nothing else."""
    free = {"take_profit_sigmas": NO_BARRIER, "stop_loss_sigmas": NO_BARRIER}
    return {held: entries.replay(entries.under(free | {"horizon_minutes": held})) for held in minutes}


def regrets(entries: Entries, analysts: AnalystSettings) -> tuple[Regret, ...]:
    """The policy against every alternative of the settings, each over the same entries, trade by trade.

    Another entry is asked of all orders that were sent. One that nothing fills brings nothing, and counts.

    Where the actual trade itself crossed unknown minutes its own result is no yardstick, and it is left out of all.
    """
    actual = entries.replay()
    table = [_regret("no trade", "no trade", entries, pl.zeros(len(actual), eager=True), actual, analysts)]
    for name, change in exits(analysts).items():
        table.append(_regret("exit", name, entries, entries.replay(entries.under(change)), actual, analysts))
    sent = entries.sent
    for name, change in other_entries(entries.simulation).items():
        table.append(_regret("entry", name, sent, sent.replay(sent.under(change)), sent.replay(), analysts))
    table += [_size(entries, size, actual, analysts) for size in analysts.sizes]
    return _judged_together(table)


def exits(analysts: AnalystSettings) -> Mapping[str, Change]:
    """The exits that are tried: a name, and the settings of the simulation that differ."""
    tried: dict[str, Change] = {f"horizon {m} min": {"horizon_minutes": m} for m in analysts.horizons}
    tried |= {f"take profit {sigmas:g} sigma": {"take_profit_sigmas": sigmas} for sigmas in analysts.take_profits}
    return tried | {f"stop {sigmas:g} sigma": {"stop_loss_sigmas": sigmas} for sigmas in analysts.stop_losses}


def other_entries(simulation: SimulationSettings) -> Mapping[str, Change]:
    """The entries that are tried: the kind of order that the settings do not use."""
    return {"market order": MARKET} if simulation.entry == "limit" else {"resting limit": LIMIT}


def _size(entries: Entries, size: float, actual: pl.Series, analysts: AnalystSettings) -> Regret:
    """One size for all trades against the sizes that they had, by the impact model and in bps of a whole position."""
    larger, rows = entries.market.with_size(size), entries.rows
    horizon_bps = larger.conditions.sigma[rows] * np.sqrt(larger.rules.horizon) * 1e4
    moved = larger.conditions.impact_bps[rows] > analysts.max_impact_sigmas * horizon_bps
    name = f"{size:g} positions"
    if moved.sum() > analysts.max_unknown_share * len(moved):
        why = f"in {moved.mean():.0%} of the trades its impact is over {analysts.max_impact_sigmas:g} sigma"
        return Regret(kind="size", alternative=name, trades=0, unknown=len(moved), why=why)
    replayed = pl.Series(np.where(moved, np.nan, entries.replay(larger).fill_null(np.nan).to_numpy()))
    held = pl.col("net_bps") * (pl.col("size_gbp") / entries.market.position_gbp)
    brought = entries.trades.select(pl.when(actual.is_not_null()).then(held)).to_series()
    return _regret("size", name, entries, replayed.fill_nan(None) * size, brought, analysts)


def _regret(
    kind: Kind, name: str, entries: Entries, other: pl.Series, actual: pl.Series, analysts: AnalystSettings
) -> Regret:
    gain = other - actual
    known = gain.is_not_null().to_numpy()
    unknown = int((~known).sum())
    blank = Regret(kind=kind, alternative=name, trades=int(known.sum()), unknown=unknown)
    if unknown > analysts.max_unknown_share * len(known):
        why = f"{unknown} of {len(known)} trades have no known outcome: {UNKNOWN}"
        return blank.model_copy(update={"why": why})
    difference = gain.drop_nulls().to_numpy()
    found = daily_mean(difference, entries.day[known], analysts.least_days)
    touched = len(np.unique(entries.day[known][difference != 0.0]))
    if found is None or 0 < touched < analysts.least_days:
        why = f"it differs on {touched} days, and {analysts.least_days} are needed"
        return blank.model_copy(update={"why": why})
    return blank.model_copy(
        update={
            "net_bps": float(other.to_numpy()[known].mean()),
            "regret_bps": found.mean,
            "error_bps": found.error,
            "low_bps": found.low,
            "high_bps": found.high,
            "p_value": found.p_value,
        }
    )


def _judged_together(table: Sequence[Regret]) -> tuple[Regret, ...]:
    """Mark the differences that stand among all the alternatives that were tried and identified."""
    told = [place for place, line in enumerate(table) if line.p_value is not None]
    fallen = holm(np.array([table[place].p_value for place in told], np.float64))
    stands = {place for place, fell in zip(told, fallen, strict=True) if fell}
    return tuple(line.model_copy(update={"distinct": place in stands}) for place, line in enumerate(table))


def regret_rows(table: Sequence[Regret], kinds: Sequence[Kind]) -> list[dict[str, object]]:
    """The regrets of some kinds as rows of a table, the largest first, what is not identified last."""
    ordered = sorted(table, key=lambda line: -(line.regret_bps if line.regret_bps is not None else -np.inf))
    return [
        {
            "alternative": line.alternative,
            "net bps": line.net_bps,
            "regret, bps a trade [95 %]": line.answer,
            "stands among all": None if line.regret_bps is None else line.distinct,
        }
        for line in ordered
        if line.kind in kinds
    ]
