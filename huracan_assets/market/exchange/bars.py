"""Bars of a stretch of time, page after page; of a spot market or of a perpetual, as the session's markets are.

Binance's klines are read raw, since ccxt's unified candles drop quote volume, trades and taker-buy volume; other
exchanges give the unified ones, and these columns are null. A page that cannot be read, is out of order, or is of
another stretch than was asked for is asked for again and refused in the end; what its bars say is for others to
judge. Each page begins with the last bar of the one before; where that bar comes back changed, its hour is torn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from huracan_assets.market.contract import CANDLE_SCHEMA, OPTIONAL, REQUIRED, TIME, empty_candles
from huracan_assets.market.exchange.session import Market, Session, UnsoundAnswer, moment

PAGE = 1000
SMALLEST_PAGE = 100  # of the exchanges that ccxt knows; an empty page of theirs says nothing of what comes after it
# Places in a raw kline: open time, OHLCV, (close time), quote volume, trades, taker-buy base volume.
KLINE_PLACES = dict(zip((*REQUIRED, *OPTIONAL), (0, 1, 2, 3, 4, 5, 7, 8, 9), strict=True))
UNIFIED_PLACES = dict(zip(REQUIRED, range(6), strict=True))
WHOLE = ("ts", "trades")


class Interval(NamedTuple):
    """The length of a bar, in ccxt's word and in milliseconds."""

    word: str
    ms: int


MINUTE = Interval("1m", 60_000)
HOUR = Interval("1h", 3_600_000)


async def fetch_bars(
    session: Session, market: Market, interval: Interval, begin: int, end: int
) -> tuple[pl.DataFrame, set[int]]:
    """Every bar with `begin` <= open < `end`, both in ms, in strict order; and the torn hours, in ms.

    Of a bar that two pages tell differently the later telling stands.

    Raises:
        CandleError: a page stayed unsound.
        MarketError: the exchange gave no answer.
    """
    parts: list[pl.DataFrame] = []
    torn: set[int] = set()
    since, overlaps = begin, False
    while since < end:
        page = await _page(session, market, interval, since, end, overlaps=overlaps)
        if overlaps and not page.head(1).equals(parts[-1].tail(1)):
            torn.add(since // HOUR.ms * HOUR.ms)
        if page.height > overlaps:
            parts[-1:] = [parts[-1].head(-1), page] if overlaps else [*parts[-1:], page]
            opened = _open_ms(page.tail(1))
            since, overlaps = (opened, True) if opened + interval.ms < end else (end, True)
        elif overlaps:
            # Nothing after the overlapping bar: the end, or an exchange that gives one bar a page.
            since, overlaps = since + interval.ms, False
        elif session.binance:
            break  # it answers with the bars after a hole: none means that there are no more
        else:
            since += SMALLEST_PAGE * interval.ms
    return (pl.concat(parts) if parts else empty_candles()), torn


async def first_bar_ms(session: Session, market: Market) -> int | None:
    """When the first minute bar of a market opens, in ms; None where it has none.

    Raises:
        MarketError: as `fetch_bars`.
    """

    def read(answer: Any) -> int | None:
        rows = _rows(answer)
        return int(_columns(rows, {"ts": 0})["ts"][0]) if rows else None

    return await session.ask(
        _call(session, market, MINUTE, 0, None, 1), f"the first candle of {market['symbol']}", read
    )


async def _page(
    session: Session, market: Market, interval: Interval, since: int, end: int, *, overlaps: bool
) -> pl.DataFrame:
    """The bars of one answer; where it `overlaps` the one before, it has the bar at `since`."""

    def read(rows: Any) -> pl.DataFrame:
        places = KLINE_PLACES if session.binance else UNIFIED_PLACES
        page = _frame(_rows(rows), places, interval, since, end, bounded=session.binance)
        if overlaps and (page.is_empty() or _open_ms(page.head(1)) != since):
            raise UnsoundAnswer(f"the bar of {moment(since)}, which the page before had, is gone")
        return page

    limit = min(PAGE, (end - since) // interval.ms)
    what = f"{interval.word} candles of {market['symbol']} from {moment(since)}"
    return await session.ask(_call(session, market, interval, since, end, limit), what, read)


def _call(
    session: Session, market: Market, interval: Interval, since: int, end: int | None, limit: int
) -> Callable[[], Any]:
    client = session.client
    if not session.binance:
        return lambda: client.fetch_ohlcv(market["symbol"], interval.word, since=since, limit=limit)
    query = {"symbol": market["id"], "interval": interval.word, "startTime": since, "limit": limit}
    if end is not None:
        query["endTime"] = end - 1
    klines = client.publicGetKlines if session.kind == "spot" else client.fapiPublicGetKlines
    return lambda: klines(query)


def _rows(answer: Any) -> list[Sequence[Any]]:
    if not isinstance(answer, list):
        raise UnsoundAnswer(f"it is cut off or no list: {str(answer)[:100]!r}")
    return answer


def _frame(
    rows: list[Sequence[Any]], places: dict[str, int], interval: Interval, since: int, end: int, *, bounded: bool
) -> pl.DataFrame:
    """Rows as candles; bars from `end` on are not closed and left out.

    Args:
        bounded: whether `end` was part of the question, so that only later bars are an answer to another one.
    """
    if not rows:
        return empty_candles()
    columns = _columns(rows, places)
    opens = columns["ts"]
    if (np.diff(opens) <= 0).any():
        raise UnsoundAnswer("its bars are not in order, or one of them comes twice")
    first, last = np.searchsorted(opens, (since, end))
    if first > 0 or (bounded and last == 0):
        raise UnsoundAnswer(f"its bars begin at {moment(opens[0])}: it does not heed the start of a page")
    ts = pl.Series("ts", opens[:last] * 1000).cast(TIME)
    told = {"ts": ts, "known_at": ts + timedelta(milliseconds=interval.ms)}
    for name, kind in CANDLE_SCHEMA.items():
        if name not in told:
            values = columns[name][:last] if name in columns else [None] * int(last)
            told[name] = pl.Series(name, values, kind)
    return pl.DataFrame(told)


def _columns(rows: list[Sequence[Any]], places: dict[str, int]) -> dict[str, np.ndarray[Any, Any]]:
    try:
        cells = list(zip(*rows, strict=True))
        return {
            name: _whole(cells[place]) if name in WHOLE else np.array(list(map(float, cells[place])))
            for name, place in places.items()
        }
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise UnsoundAnswer(f"it has an unreadable bar: {error}") from error


def _whole(cells: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Integers, or their digits; never a fraction cut short."""
    values = np.array(cells)
    if values.dtype.kind == "f" and (values % 1 != 0).any():
        raise ValueError("a time or a count is no whole number")
    return values.astype(np.int64)


def _open_ms(bar: pl.DataFrame) -> int:
    return int(bar["ts"].dt.epoch("ms")[0])
