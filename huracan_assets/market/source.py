"""The door to the market: one protocol, three sources behind it.

What a source lacks is absent from the frame. Whether that matters is for the caller, with `require_days`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from typing import NamedTuple, Protocol

import numpy as np
import polars as pl

from huracan_assets.days import DAY, MINUTES_PER_DAY, days_between, midnight, steps, utc_now
from huracan_assets.errors import CandleError, MarketError, MissingDays, SettingsError
from huracan_assets.market.contract import empty_candles
from huracan_assets.settings import Settings

LIKE, NAMED = 0.75, 20  # how alike a name is to be meant; symbols named where none is
INVENTED = "synthetic market"  # begins the name of one
PIECE_DAYS = 31  # of a file source's piece: a month is read about as quickly as a day


class Span(NamedTuple):
    """Days of a symbol that are asked for, both ends included."""

    symbol: str
    first: date
    last: date


class Piece(NamedTuple):
    """Days of a symbol as they arrived: their candles, or why there are none.

    `first` and `last` lie within the span that was asked for, and every day of it stands in one piece.
    """

    symbol: str
    first: date
    last: date
    candles: pl.DataFrame | MarketError


class MarketSource(Protocol):
    """What is known of many symbols; None where a source has nothing of a kind at all."""

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

    def stream(self, spans: Sequence[Span]) -> Iterator[Piece]:
        """The candles of many symbols, piece by piece as they arrive, in no promised order of symbols.

        A piece holds some days at most, so that memory does not grow with the number of days. What cannot be
        had is a piece with its error, and stops no other symbol. A day that has not ended is such an error.
        """
        ...

    def hourly(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """The source's own closed hourly candles of the days [first, last], as in `HOURLY_SCHEMA`, validated.

        They are a second view of the market: never made from the minutes. None where the source has none.
        """
        ...

    def funding(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """The funding events of the days [first, last]; None where the source has none of them."""
        ...

    def open_interest(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """The open interest of the perpetual, as in `open_interest.py`; None where the source has none."""
        ...

    def perpetual_candles(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """Closed minute candles of the perpetual on the symbol's coin, quoted as the symbol is.

        Of the days [first, last], as in `CANDLE_SCHEMA`, validated; None where the source has none.
        """
        ...

    def order_books(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """Snapshots of the best bid and ask, as in `order_books.py`; None where the source has none."""
        ...

    def trades(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """Trades, as in `trades.py`; None where the source has none."""
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
        from huracan_assets.market.archive.source import ArchiveSource

        if market.archive is None or not market.archive.is_dir():
            raise SettingsError(f"{market.archive} is not a folder: set HURACAN_MARKET__ARCHIVE to the archive's")
        return ArchiveSource(market.archive)
    if market.source == "ccxt":
        from huracan_assets.market.exchange.source import ExchangeSource

        return ExchangeSource(market.exchange, seed=settings.seed)
    from huracan_assets.market.synthetic import SyntheticSource

    return SyntheticSource(
        symbols=market.symbol_names(),
        benchmark=market.benchmark,
        first=market.first_day,
        seed=market.synthetic.seed,
        edge=market.synthetic.edge,
    )


def one_after_the_other(source: MarketSource, spans: Iterable[Span]) -> Iterator[Piece]:
    """`MarketSource.stream` of a source that reads no faster together: some days of one symbol after the other.

    Where a stretch cannot be read, its days are asked for one by one, so that only the bad ones are missing.
    """
    for symbol, first, last in spans:
        for begin, end in steps(first, last, PIECE_DAYS):
            piece = _read(source, symbol, begin, end)
            if isinstance(piece.candles, CandleError) and begin < end:
                yield from (_read(source, symbol, day, day) for day in days_between(begin, end))
            else:
                yield piece


def _read(source: MarketSource, symbol: str, first: date, last: date) -> Piece:
    try:
        refuse_future(days_between(first, last), utc_now())
        return Piece(symbol, first, last, source.candles(symbol, first, last))
    except MarketError as error:
        return Piece(symbol, first, last, error)


def split_days(frame: pl.DataFrame, days: Iterable[date]) -> dict[date, pl.DataFrame]:
    """The candles of each of `days`; a day without a candle has an empty frame.

    Args:
        frame: candles sorted by `ts`.
    """
    wanted = list(days)
    open_us = frame["ts"].to_physical().to_numpy()
    begins = np.searchsorted(open_us, [_microseconds(day) for day in wanted])
    ends = np.searchsorted(open_us, [_microseconds(day + DAY) for day in wanted])
    return {
        day: frame.slice(begin, end - begin) if end > begin else empty_candles()
        for day, begin, end in zip(wanted, begins.tolist(), ends.tolist(), strict=True)
    }


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
    """The error for a symbol that `source` lacks, with the names nearest in spelling, else those that it has."""
    bare = {_bare(name): name for name in sorted(known)}
    near = get_close_matches(_bare(symbol), bare, n=3, cutoff=LIKE)
    meant = [bare[name] for name in (near[:1] if _bare(symbol) in bare else near)]
    more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
    has = ", ".join(sorted(known)[:NAMED]) + more or "no symbol at all"
    hint = f"did you mean {' or '.join(meant)}?" if meant else f"it has {has}"
    return MarketError(f"{source} does not know the symbol {symbol.strip() or repr(symbol)}: {hint}")


def _bare(symbol: str) -> str:
    """A symbol however it is spelt: `btcusdt` and `BTC/USDT` are `BTC-USDT`."""
    return "".join(letter for letter in symbol.upper() if letter.isalnum())
