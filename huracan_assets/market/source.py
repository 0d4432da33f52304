"""The door to candles and funding: one protocol, three sources behind it.

What a source lacks is absent from the frame. Whether that matters is for the caller, with `require_days`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from typing import Protocol

import polars as pl

from huracan_assets.days import DAY, MINUTES_PER_DAY, midnight
from huracan_assets.errors import MarketError, MissingDays, SettingsError
from huracan_assets.market.contract import empty_candles
from huracan_assets.settings import Settings


class MarketSource(Protocol):
    """Candles and funding of many symbols."""

    @property
    def name(self) -> str:
        """What it is, for messages and manifests."""
        ...

    def candles(self, symbol: str, first: date, last: date) -> pl.DataFrame:
        """Every closed candle of the days [first, last] that the source has, validated, sorted by `ts`.

        Raises:
            MarketError: the symbol is unknown, or the source cannot be read.
            CandleError: rows break the contract.
        """
        ...

    def funding(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """The funding events of the days [first, last]; None where the source has none of them."""
        ...

    def first_day(self, symbol: str) -> date | None:
        """The day of the first candle, which may be incomplete; None where the source lacks the symbol."""
        ...


def open_source(settings: Settings) -> MarketSource:
    """The source that `settings.market.source` names.

    Raises:
        SettingsError: the archive's folder is not set or does not exist.
    """
    market = settings.market
    if market.source == "archive":
        from huracan_assets.market.archive import ArchiveSource

        if market.archive is None or not market.archive.is_dir():
            raise SettingsError(f"{market.archive} is not a folder: set HURACAN_MARKET__ARCHIVE to the archive's")
        return ArchiveSource(market.archive)
    if market.source == "ccxt":
        from huracan_assets.market.exchange import ExchangeSource

        return ExchangeSource(market.exchange, seed=settings.seed)
    from huracan_assets.market.synthetic import SyntheticSource

    return SyntheticSource(
        symbols=market.symbol_names(),
        benchmark=market.benchmark,
        first=market.first_day,
        seed=market.synthetic.seed,
        edge=market.synthetic.edge,
    )


def split_days(frame: pl.DataFrame, days: Iterable[date]) -> dict[date, pl.DataFrame]:
    """The candles of each of `days`; a day without a candle has an empty frame.

    Args:
        frame: candles sorted by `ts`.
    """
    open_us = frame["ts"].dt.epoch("us")
    split: dict[date, pl.DataFrame] = {}
    for day in days:
        begin = open_us.search_sorted(_microseconds(day))
        end = open_us.search_sorted(_microseconds(day + DAY))
        split[day] = frame.slice(begin, end - begin) if end > begin else empty_candles()
    return split


def _microseconds(day: date) -> int:
    return (day - date(1970, 1, 1)).days * MINUTES_PER_DAY * 60_000_000


def require_days(
    candles: pl.DataFrame | Mapping[date, pl.DataFrame],
    symbol: str,
    days: Sequence[date],
    source: MarketSource,
) -> dict[date, pl.DataFrame]:
    """The candles of each of `days`, in the order of `days`, each with one candle at least.

    Raises:
        MissingDays: names the days without a candle and the first day that the source has.
    """
    split = split_days(candles, days) if isinstance(candles, pl.DataFrame) else candles
    missing = [day for day in days if day not in split or split[day].is_empty()]
    if missing:
        raise MissingDays(symbol, missing, source.name, _where_to_look(symbol, missing, source))
    return {day: split[day] for day in days}


def _where_to_look(symbol: str, missing: Sequence[date], source: MarketSource) -> str:
    begins = source.first_day(symbol)
    if begins is None:
        return f"It has no {symbol} at all: take it off market.symbols, or choose another market.source"
    if min(missing) < begins:
        return f"Its first day of {symbol} is {begins}: choose a later day, or lower look_back_days"
    return f"Its {symbol} begins on {begins}: add these days to the source, or choose another market.source"


def refuse_future(days: Collection[date], now: datetime) -> None:
    """Refuses days that have not ended at `now` (UTC): their last candle is not closed.

    Raises:
        MarketError: names the days, and when the last of them can be had.
    """
    unended = sorted(day for day in days if midnight(day + DAY) > now)
    if unended:
        named = ", ".join(day.isoformat() for day in unended[:10])
        raise MarketError(
            f"candles of {named} are not closed at {now:%Y-%m-%d %H:%M} UTC: "
            f"ask again after {unended[-1] + DAY} 00:00 UTC, or for an earlier day"
        )


def unknown_symbol(symbol: str, known: Collection[str], source: str) -> MarketError:
    """The error for a symbol that `source` lacks, with the names nearest in spelling."""
    near = get_close_matches(symbol, sorted(known), n=3, cutoff=0.5)
    has = ", ".join(sorted(known)[:20]) or "no symbol at all"
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {has}"
    return MarketError(f"{source} does not know the symbol {symbol}: {hint}")
