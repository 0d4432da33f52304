"""What a source may lack: hourly candles, funding, open interest, the perpetual's candles, order books, trades.

A day of it is the rows that the source has, or an empty frame whose file says `huracan.available` = false and whose
metadata says why. Absence is never written as zeros, and never as an older day's rows. A day that is empty because the
settings kept it from being asked for says so too (`huracan.asked` = false), and is made again when they do no more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

import polars as pl

from huracan_assets.days import DAY, midnight
from huracan_assets.errors import ContractError
from huracan_assets.market.book_recorder import recorded_books
from huracan_assets.market.contract import (
    CANDLE_SCHEMA,
    FUNDING_SCHEMA,
    HOURLY_SCHEMA,
    validate_funding,
    validate_hourly,
    validate_perpetual,
)
from huracan_assets.market.open_interest import OPEN_INTEREST_SCHEMA, validate_open_interest
from huracan_assets.market.order_books import ORDER_BOOKS_SCHEMA, validate_order_books
from huracan_assets.market.source import MarketSource
from huracan_assets.market.trades import TRADES_SCHEMA, validate_trades
from huracan_assets.resources.lake import Lake
from huracan_assets.settings import MarketSettings

AVAILABLE_TAG = "huracan.available"
ASKED_TAG = "huracan.asked"
# What an exchange is asked for only where its own settings say so.
SWITCHES = dict.fromkeys(("funding_rates", "open_interest", "perpetual_candles"), "perpetuals") | {"trades": "trades"}


class Validate(Protocol):
    """Holds the rows to their contract and returns them."""

    def __call__(self, frame: pl.DataFrame, *, symbol: str, origin: str) -> pl.DataFrame:
        """Raises a CandleError that names origin, symbol, row and rule."""
        ...


@dataclass(frozen=True)
class Expansion:
    """A kind of rows that a source may lack; `days_at_once` are asked for together, so that memory stays flat.

    `recorded` reads what the engine wrote down itself of a day, for which the source has nothing any more.
    """

    asset: str
    words: str
    schema: Mapping[str, pl.DataType]
    ask: Callable[[MarketSource, str, date, date], pl.DataFrame | None]
    validate: Validate
    days_at_once: int
    recorded: Callable[[Lake, str, date], pl.DataFrame] | None = None


HOURLY = Expansion(
    "hourly_candles", "hourly candles", HOURLY_SCHEMA, lambda source, *span: source.hourly(*span), validate_hourly, 31
)

EXPANSIONS: Mapping[str, Expansion] = {
    expansion.asset: expansion
    for expansion in (
        Expansion(
            "funding_rates",
            "funding",
            FUNDING_SCHEMA,
            lambda source, *span: source.funding(*span),
            validate_funding,
            366,
        ),
        Expansion(
            "open_interest",
            "open interest",
            OPEN_INTEREST_SCHEMA,
            lambda source, *span: source.open_interest(*span),
            validate_open_interest,
            31,
        ),
        Expansion(
            "perpetual_candles",
            "perpetual candles",
            CANDLE_SCHEMA,
            lambda source, *span: source.perpetual_candles(*span),
            validate_perpetual,
            31,
        ),
        Expansion(
            "order_books",
            "order books",
            ORDER_BOOKS_SCHEMA,
            lambda source, *span: source.order_books(*span),
            validate_order_books,
            7,
            recorded_books,
        ),
        Expansion("trades", "trades", TRADES_SCHEMA, lambda source, *span: source.trades(*span), validate_trades, 1),
    )
}


def left_out_by(asset: str, market: MarketSettings) -> str | None:
    """Which setting keeps an expansion from being asked for, in words; None where none does."""
    if asset not in market.collect:
        return f"market.collect does not name {asset}"
    switch = SWITCHES.get(asset)
    if market.source == "ccxt" and switch is not None and not getattr(market.exchange, switch):
        return f"market.exchange.{switch} is false"
    return None


def unasked_days(asset: str) -> Callable[[Lake, str, Sequence[date], MarketSettings], list[date]]:
    """Finds the days of an expansion that the lake lacks, or holds empty because nobody asked, if the settings ask now.

    An empty day whose file does not tell whether it was asked for was not.
    """

    def find(lake: Lake, symbol: str, days: Sequence[date], market: MarketSettings) -> list[date]:
        absent = lake.missing(asset, symbol, days)
        if left_out_by(asset, market) is not None:
            return absent
        gone = set(absent)
        return [day for day in days if day in gone or _is_unasked(lake.frame_tags(asset, symbol, day) or {})]

    return find


def _is_unasked(tags: Mapping[str, str]) -> bool:
    return tags.get(AVAILABLE_TAG) == "false" and tags.get(ASKED_TAG) != "true"


def make_days(
    expansion: Expansion,
    source: MarketSource,
    lake: Lake,
    symbol: str,
    days: Sequence[date],
    *,
    left_out: str | None = None,
) -> dict[date, dict[str, Any]]:
    """Fetch days of one symbol, in order, and write each; the metadata of each says whether it was there.

    A day is the same whichever other days are asked for with it.

    Args:
        left_out: which setting does not want it; the source is asked where none is named.

    Raises:
        MarketError: the source cannot be read.
        CandleError: rows break the contract; nothing of the days asked for together is written.
    """
    made: dict[date, dict[str, Any]] = {}
    for asked in _stretches(days, expansion.days_at_once):
        found = expansion.ask(source, symbol, asked[0], asked[-1]) if left_out is None else None
        rows = pl.DataFrame(schema=expansion.schema) if found is None else found
        expansion.validate(rows, symbol=symbol, origin=source.name)
        for day in asked:
            frame = rows.filter(_within(day))
            if frame.is_empty() and left_out is None and expansion.recorded is not None:
                frame = expansion.recorded(lake, symbol, day)
            tags = {AVAILABLE_TAG: _said(not frame.is_empty()), ASKED_TAG: _said(left_out is None)}
            digest = lake.write_frame(expansion.asset, symbol, day, frame, tags)
            made[day] = {
                "content_sha256": digest,
                "dagster/row_count": frame.height,
                "available": not frame.is_empty(),
            }
            if frame.is_empty():
                made[day]["reason"] = left_out or f"{source.name} has no {expansion.words} of {symbol} on {day}"
    return made


def validate_day(expansion: Expansion, lake: Lake, symbol: str, day: date, frame: pl.DataFrame) -> None:
    """Hold a day that lies in the lake to its contract, its day, and what its file says of its availability.

    Raises:
        CandleError: a row breaks the contract.
        ContractError: a row lies outside the day, or the file says available of none, or absent of some.
    """
    origin = str(lake.path(expansion.asset, symbol, day))
    expansion.validate(frame, symbol=symbol, origin=origin)
    again = f"materialise {expansion.asset} of {day}|{symbol} again"
    outside = frame.filter(~_within(day))
    if not outside.is_empty():
        raise ContractError(f"{origin}: {outside['ts'][0]} lies outside the day: {again}")
    said = lake.frame_tag(expansion.asset, symbol, day, AVAILABLE_TAG)
    if said != _said(not frame.is_empty()):
        raise ContractError(f"{origin} has {frame.height} rows and says {AVAILABLE_TAG} = {said}: {again}")


def _said(truth: bool) -> str:
    return "true" if truth else "false"


def _within(day: date) -> pl.Expr:
    return (pl.col("ts") >= midnight(day)) & (pl.col("ts") < midnight(day + DAY))


def _stretches(days: Sequence[date], most: int) -> list[list[date]]:
    """The days in order, as spans of at most `most` days; a span may hold days that were not asked for."""
    stretches: list[list[date]] = []
    for day in days:
        if stretches and day - stretches[-1][0] < timedelta(days=most):
            stretches[-1].append(day)
        else:
            stretches.append([day])
    return stretches
