"""What another exit or entry would have brought the whole ledger: a later exit blocks what an earlier leaves free.

The policy's decisions do not depend on its trades, only its book does. So the ledger under other orders is no guess:
the same decisions walk through the same limits with the orders changed, and the days are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from huracan_assets.settings import AnalystSettings, DecisionSettings
from huracan_assets.shadow.counterfactuals import UNKNOWN, Entries, exits, other_entries
from huracan_assets.shadow.daily_mean import daily_mean
from huracan_assets.shadow.ledger import daily_returns, trade
from huracan_assets.simulation.trade_market import TradeMarket


class Sequel(BaseModel):
    """A whole ledger under other orders: its trades, and what it would have brought more, in bps of the position a day.

    Null figures with a `why` are not identified.
    """

    model_config = ConfigDict(frozen=True)
    alternative: str
    trades: int
    gain_bps: float | None = None
    low_bps: float | None = None
    high_bps: float | None = None
    why: str = ""

    @property
    def answer(self) -> str:
        """The gain with its interval, or `not identified` and why."""
        if self.gain_bps is None:
            return f"not identified: {self.why}"
        return f"{self.gain_bps:+.2f} [{self.low_bps:+.2f}, {self.high_bps:+.2f}]"


@dataclass(frozen=True)
class Replayer:
    """The accepted decisions of the ledger's segments, the market at their bars, the limits and the segments' days."""

    accepted: pl.DataFrame
    entries: Entries
    limits: DecisionSettings
    first: date
    last: date

    def daily_bps(self, market: TradeMarket, known: pl.Series) -> tuple[int, NDArray[np.float64]]:
        """How many trades the decisions `known` make in a market, and the net bps of each day, (days,)."""
        ledger = trade("", self.accepted.filter(known), market, self.limits).ledger
        days = daily_returns(ledger, self.first, self.last, self.limits.position_gbp)
        return ledger.height, days["net_return"].to_numpy() * 1e4


def sequels(replayer: Replayer, analysts: AnalystSettings) -> tuple[Sequel, ...]:
    """The ledger under each exit and entry that is tried.

    Decisions whose path nobody knows under the one order or the other are left out of both; where they are too many
    there is no answer.
    """
    entries = replace(replayer.entries, trades=replayer.accepted)
    told, table = entries.replay().is_not_null(), []
    tried = {**exits(analysts), **other_entries(entries.simulation)}
    for name, change in tried.items():
        market = entries.under(change)
        known = told & entries.replay(market).is_not_null()
        table.append(_sequel(name, replayer, market, known, analysts))
    return tuple(table)


def _sequel(name: str, replayer: Replayer, market: TradeMarket, known: pl.Series, analysts: AnalystSettings) -> Sequel:
    unknown = int((~known).sum())
    if unknown > analysts.max_unknown_share * len(known):
        why = f"{unknown} of {len(known)} decisions have no known outcome: {UNKNOWN}"
        return Sequel(alternative=name, trades=0, why=why)
    trades, other = replayer.daily_bps(market, known)
    gain = other - replayer.daily_bps(replayer.entries.market, known)[1]
    mean = daily_mean(gain, np.arange(len(gain)), analysts.least_days)
    touched = int((gain != 0.0).sum())
    if trades == 0 or mean is None or 0 < touched < analysts.least_days:
        why = f"{trades} trades, a difference on {touched} days, and {analysts.least_days} are needed"
        return Sequel(alternative=name, trades=trades, why=why)
    return Sequel(alternative=name, trades=trades, gain_bps=mean.mean, low_bps=mean.low, high_bps=mean.high)


def sequel_rows(table: Sequence[Sequel]) -> list[dict[str, object]]:
    """The ledgers as rows of a table."""
    return [
        {"alternative": line.alternative, "trades": line.trades, "gain, bps a day [95 %]": line.answer}
        for line in table
    ]
