"""How the policy would have traded: one position at a time, in order, within its own limits.

Each trade is a row of `trade_outcomes`, so the ledger, the labels and the stress tests share one simulator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from huracan_assets.decision.ensemble import SOURCES
from huracan_assets.settings import DecisionSettings

OUTCOME_COLUMNS = (
    "entry_at",
    "exit_at",
    "entry_price",
    "exit_price",
    "exit_reason",
    "gross_bps",
    "cost_bps",
    "funding_bps",
    "net_bps",
    "mfe_bps",
    "mae_bps",
)
TIME = pl.Datetime("us", "UTC")
# An exit is known at the close of its minute: one at 24:00 belongs to the day that ends with it.
INSTANT = timedelta(microseconds=1)
LEDGER_SCHEMA: dict[str, Any] = {
    "symbol": pl.String,
    "as_of": TIME,
    "side": pl.Int8,
    "entry_at": TIME,
    "exit_at": TIME,
    "entry_price": pl.Float64,
    "exit_price": pl.Float64,
    "exit_reason": pl.String,
    "size_gbp": pl.Float64,
    "gross_bps": pl.Float64,
    "cost_bps": pl.Float64,
    "funding_bps": pl.Float64,
    "net_bps": pl.Float64,
    "pnl_gbp": pl.Float64,
    "regime": pl.String,
    "engine": pl.String,
    "confidence": pl.Float64,
    "expected_net_bps": pl.Float64,
    "agreement": pl.Float64,
    **dict.fromkeys(SOURCES, pl.Float64),
    "mfe_bps": pl.Float64,
    "mae_bps": pl.Float64,
    "fold": pl.Int32,
}


@dataclass
class Book:
    """The state that earlier trades leave behind."""

    limits: DecisionSettings
    free_at: datetime | None = None
    cool_until: datetime | None = None
    equity_bps: float = 0.0
    peak_bps: float = 0.0
    day_bps: dict[date, float] = field(default_factory=dict)

    def refusal(self, as_of: datetime) -> str:
        """The limit that forbids an entry at `as_of`, '' where none does."""
        if self.free_at is not None and as_of < self.free_at:
            return "exposure"
        if self.peak_bps - self.equity_bps >= self.limits.max_drawdown_bps:
            return "drawdown"
        if self.cool_until is not None and as_of < self.cool_until:
            return "cool_down"
        if self.day_bps.get(as_of.date(), 0.0) <= -self.limits.max_daily_loss_bps:
            return "daily_loss"
        return ""

    def close(self, exit_at: datetime, weighted_bps: float) -> None:
        """Book a finished trade."""
        self.free_at = exit_at
        self.equity_bps += weighted_bps
        self.peak_bps = max(self.peak_bps, self.equity_bps)
        day = (exit_at - INSTANT).date()
        self.day_bps[day] = self.day_bps.get(day, 0.0) + weighted_bps
        if weighted_bps < 0.0:
            self.cool_until = exit_at + timedelta(minutes=self.limits.cool_down_minutes)


@dataclass(frozen=True)
class Traded:
    """The trades, and what refused the others."""

    ledger: pl.DataFrame
    refusals: Mapping[str, int]


def trade(symbol: str, decisions: pl.DataFrame, outcomes: pl.DataFrame, limits: DecisionSettings) -> Traded:
    """Walk through `decisions` in time and take what the limits allow.

    Args:
        decisions: rows of `decision.policy.decide`, sorted by as_of, with a column `fold`.
        outcomes: `trade_outcomes` of the same bars; a decision without an outcome (the data end before its exit)
            is not traded.
    """
    candidates = decisions.filter("accepted").join(
        outcomes.select("as_of", "side", *OUTCOME_COLUMNS), on=["as_of", "side"], how="inner", maintain_order="left"
    )
    refusals = dict(decisions.filter(~pl.col("accepted")).group_by("refused_by").len().sort("refused_by").iter_rows())
    book = Book(limits)
    rows: list[dict[str, Any]] = []
    for row in candidates.iter_rows(named=True):
        reason = book.refusal(row["as_of"])
        if reason:
            refusals[reason] = refusals.get(reason, 0) + 1
            continue
        book.close(row["exit_at"], row["net_bps"] * row["size_gbp"] / limits.position_gbp)
        rows.append(row | {"symbol": symbol, "pnl_gbp": row["net_bps"] * row["size_gbp"] / 1e4})
    ledger = pl.DataFrame(rows, schema=LEDGER_SCHEMA) if rows else pl.DataFrame(schema=LEDGER_SCHEMA)
    return Traded(ledger, refusals)


def daily_returns(ledger: pl.DataFrame, first: date, last: date, position_gbp: float) -> pl.DataFrame:
    """Net return of each UTC day by exit, days without a trade at 0; an exit at 24:00 is the ending day's.

    Returns:
        day, net_return: a fraction of `position_gbp`, one row a day from `first` to `last`.
    """
    days = pl.DataFrame({"day": pl.date_range(first, last, eager=True)})
    booked = ledger.group_by((pl.col("exit_at") - INSTANT).dt.date().alias("day")).agg(
        (pl.col("pnl_gbp").sum() / position_gbp).alias("net_return")
    )
    return days.join(booked, on="day", how="left", maintain_order="left").with_columns(
        pl.col("net_return").fill_null(0.0)
    )
