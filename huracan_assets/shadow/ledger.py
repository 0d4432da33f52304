"""How the policy would have traded: one position at a time, in order, within its own limits.

Each trade goes through the one simulator, as those of `trade_outcomes` do: of the whole position they are the same
rows, to the bit. A record holds what the trade was; the features of its decision are the row of `decision_bars` with
its `as_of`, and are not copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.decision.ensemble import SOURCES
from huracan_assets.errors import ContractError
from huracan_assets.settings import DecisionSettings
from huracan_assets.shadow.sequential import LIMITS, Walk, walk
from huracan_assets.simulation.barriers import REASONS
from huracan_assets.simulation.conditions import MINUTE
from huracan_assets.simulation.fills import REJECTIONS
from huracan_assets.simulation.trade_market import TradeMarket

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
    "filled_share": pl.Float64,
    "gross_bps": pl.Float64,
    "fee_bps": pl.Float64,
    "half_spread_bps": pl.Float64,
    "impact_bps": pl.Float64,
    "cost_bps": pl.Float64,
    "funding_bps": pl.Float64,
    "net_bps": pl.Float64,
    "slippage_bps": pl.Float64,
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

LIMITED_SCHEMA: dict[str, Any] = {"as_of": TIME, "refused_by": pl.String}


@dataclass(frozen=True)
class Traded:
    """The trades, and what refused the others: how often, and at which of the accepted decisions a limit did."""

    ledger: pl.DataFrame
    refusals: Mapping[str, int]
    limited: pl.DataFrame  # as_of, refused_by


def trade(symbol: str, decisions: pl.DataFrame, market: TradeMarket, limits: DecisionSettings) -> Traded:
    """Walk through `decisions` in time and take what the limits and the market allow.

    A decision whose trade the market's minutes do not hold to its end (the newest ones) is not traded. Where an order
    was filled in part, the position is the smaller for it: `size_gbp` is what was filled, `filled_share` says of what.

    Args:
        decisions: rows of `decision.policy.decide`, sorted by as_of, with a column `fold`, at bars of the market.

    Raises:
        ContractError: a decision was taken at none of the market's bars.
    """
    accepted = decisions.filter("accepted")
    rows = _rows(symbol, accepted["as_of"].to_numpy(), market)
    orders = market.orders(rows, accepted["side"].to_numpy(), accepted["size_gbp"].to_numpy())
    found = walk(market.path, market.rules, orders, limits)
    limited = _limited(accepted["as_of"], found)
    refused = pl.concat([decisions.filter(~pl.col("accepted"))["refused_by"], limited["refused_by"]])
    counts = refused.value_counts(name="count").sort("refused_by")
    return Traded(_ledger(symbol, accepted, market, found), dict(counts.iter_rows()), limited)


def _limited(as_of: pl.Series, found: Walk) -> pl.DataFrame:
    """What refused accepted decisions: a limit of the book, or the market."""
    names = np.full(len(as_of), "", dtype=object)
    for reasons, column in ((REJECTIONS, found.outcomes.code), (LIMITS, found.limit)):
        for code, reason in enumerate(reasons):
            names[column == code] = reason
    frame = pl.DataFrame({"as_of": as_of, "refused_by": pl.Series(names, dtype=pl.String)}, schema=LIMITED_SCHEMA)
    return frame.filter(pl.col("refused_by") != "")


def _rows(symbol: str, as_of: NDArray[np.datetime64], market: TradeMarket) -> NDArray[np.int64]:
    rows = np.searchsorted(market.as_of, as_of)
    known = market.as_of[np.minimum(rows, len(market.as_of) - 1)] == as_of if len(market.as_of) else rows < 0
    if not known.all():
        stray = as_of[~known][0]
        raise ContractError(f"{symbol} was decided on at {stray}, which is no bar of the market: decide at its bars")
    return rows


def _ledger(symbol: str, accepted: pl.DataFrame, market: TradeMarket, found: Walk) -> pl.DataFrame:
    taken, outcomes, accounts = found.taken, found.outcomes, found.accounts
    minutes = {"entry_at": outcomes.entry, "exit_at": outcomes.exit + 1}
    columns: dict[str, NDArray[Any]] = {f"{name}_bps": column for name, column in accounts._asdict().items()}
    columns |= {"cost_bps": accounts.fee + accounts.half_spread + accounts.impact}
    columns |= {"mfe_bps": outcomes.mfe, "mae_bps": outcomes.mae, "filled_share": outcomes.filled}
    columns |= {"entry_price": outcomes.entry_price, "exit_price": outcomes.exit_price}
    made = pl.DataFrame({name: column[taken] for name, column in columns.items()}).with_columns(
        pl.Series(name, market.start + column[taken] * MINUTE).dt.replace_time_zone("UTC")
        for name, column in minutes.items()
    )
    ledger = accepted.filter(pl.Series(taken)).hstack(made)
    size = pl.col("size_gbp") * pl.col("filled_share")
    return ledger.with_columns(
        symbol=pl.lit(symbol),
        mfe_bps=pl.col("mfe_bps") * 1e4,
        mae_bps=pl.col("mae_bps") * 1e4,
        exit_reason=pl.Series(np.array(REASONS)[outcomes.reason[taken]], dtype=pl.String),
        size_gbp=size,
        pnl_gbp=pl.col("net_bps") * size / 1e4,
    ).select(pl.col(name).cast(dtype) for name, dtype in LEDGER_SCHEMA.items())


def of_a_position(position_gbp: float) -> pl.Expr:
    """What a trade brought, as a fraction of the whole position, of which it may have held a part."""
    return pl.col("pnl_gbp") / position_gbp


def daily_returns(ledger: pl.DataFrame, first: date, last: date, position_gbp: float) -> pl.DataFrame:
    """Net return of each UTC day by exit, days without a trade at 0; an exit at 24:00 is the ending day's.

    Returns:
        day, net_return: a fraction of `position_gbp`, one row a day from `first` to `last`.
    """
    days = pl.DataFrame({"day": pl.date_range(first, last, eager=True)})
    booked = ledger.group_by((pl.col("exit_at") - INSTANT).dt.date().alias("day")).agg(
        of_a_position(position_gbp).sum().alias("net_return")
    )
    return days.join(booked, on="day", how="left", maintain_order="left").with_columns(
        pl.col("net_return").fill_null(0.0)
    )
