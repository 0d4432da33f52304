"""Candles, funding and open interest of the perpetual that belongs to a spot symbol.

Candles pass the same doubts as the spot market's; funding and open interest are ccxt's unified answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

import polars as pl

from huracan_assets.days import DAY
from huracan_assets.market.contract import FUNDING_SCHEMA, TIME, validate_funding
from huracan_assets.market.exchange.days import fetch_spans, joined
from huracan_assets.market.exchange.session import Session, UnsoundAnswer, milliseconds, moment
from huracan_assets.market.open_interest import OPEN_INTEREST_SCHEMA, validate_open_interest
from huracan_assets.market.source import Span

FUNDING_PAGE = 1000
FUNDING_STEP_MS = 3_600_000  # no perpetual is settled more often
COUNTS_PAGE = 500
COUNTS_STEP_MS = 300_000
COUNTS_KEPT_MS = 30 * 86_400_000 - COUNTS_STEP_MS  # Binance refuses a start that lies further back

AskPage = Callable[[int, int], Awaitable[Any]]


async def candles(session: Session, symbol: str, first: date, last: date) -> pl.DataFrame | None:
    """The closed minute candles of the days [first, last]; None where there is no such perpetual, or it has none.

    One that is announced and not yet open is not asked for: exchanges refuse the question. Volumes are as the exchange
    counts them, which is contracts on some; on Binance it is the base coin.

    Raises:
        MarketError: the exchange gave no answer, or a day has not ended by its clock.
        CandleError: bars changed each time they were asked for, or break the contract.
    """
    market = session.markets.get(symbol)
    if market is None or (market.get("created") or 0) > session.closed_ms:
        return None
    found = joined([piece async for piece in fetch_spans(session, [Span(symbol, first, last)], unended=False)])
    return None if found.is_empty() else found


async def funding(session: Session, symbol: str, first: date, last: date) -> pl.DataFrame | None:
    """The funding events of the days [first, last]; None where the exchange has no such perpetual or none of them.

    Raises:
        MarketError: the exchange gave no answer.
        CandleError: the events break the contract.
    """
    market, client = session.markets.get(symbol), session.client
    if market is None or not client.has["fetchFundingRateHistory"]:
        return None

    async def page(since: int, until: int) -> Any:
        return await client.fetch_funding_rate_history(market["symbol"], since, FUNDING_PAGE, {"until": until})

    read = _Reader(session, f"funding of {symbol}", page, FUNDING_PAGE * FUNDING_STEP_MS)
    columns = {"rate": "fundingRate"}
    frame = await read.columns(milliseconds(first), min(milliseconds(last + DAY), session.closed_ms), columns)
    if frame is None:
        return None
    return validate_funding(frame.select(list(FUNDING_SCHEMA)), symbol=symbol, origin=session.name)


async def open_interest(session: Session, symbol: str, first: date, last: date) -> pl.DataFrame | None:
    """The open interest every five minutes, as far back as the exchange keeps it; None where it has none.

    Raises:
        MarketError: the exchange gave no answer.
        CandleError: the counts break the contract.
    """
    market, client = session.markets.get(symbol), session.client
    if market is None or not client.has["fetchOpenInterestHistory"]:
        return None

    async def page(since: int, until: int) -> Any:
        return await client.fetch_open_interest_history(market["symbol"], "5m", since, COUNTS_PAGE, {"until": until})

    kept = -(-(session.closed_ms - COUNTS_KEPT_MS) // COUNTS_STEP_MS) * COUNTS_STEP_MS
    read = _Reader(session, f"open interest of {symbol}", page, COUNTS_PAGE * COUNTS_STEP_MS)
    columns = {"open_interest": "openInterestAmount", "open_interest_value": "openInterestValue"}
    frame = await read.columns(
        max(milliseconds(first), kept), min(milliseconds(last + DAY), session.closed_ms), columns
    )
    if frame is None:
        return None
    # A period is counted at its begin and published after it.
    known = pl.col("ts") + timedelta(milliseconds=COUNTS_STEP_MS)
    counts = frame.with_columns(known_at=known).select(list(OPEN_INTEREST_SCHEMA))
    return validate_open_interest(counts, symbol=symbol, origin=session.name)


@dataclass(frozen=True)
class _Reader:
    """Reads ccxt's unified rows window after window; a window is what fits on one page."""

    session: Session
    what: str
    page: AskPage
    window_ms: int

    async def columns(self, begin: int, end: int, columns: dict[str, str]) -> pl.DataFrame | None:
        """`ts` and the named numbers of every row with `begin` <= timestamp < `end`; None where there is none."""
        found: list[dict[str, Any]] = []
        since = begin
        while since < end:
            until = min(end, since + self.window_ms) - 1
            rows = await self.session.ask(partial(self.page, since, until), self.what, partial(_rows, since, until))
            found += rows
            since = rows[-1]["timestamp"] + 1 if rows else until + 1
        if not found:
            return None
        numbers = {name: [row[key] for row in found] for name, key in columns.items()}
        opened = pl.Series("ts", [row["timestamp"] for row in found], pl.Int64) * 1000
        return pl.DataFrame(
            [opened.cast(TIME), *(pl.Series(name, cells, pl.Float64) for name, cells in numbers.items())]
        )


def _rows(since: int, until: int, answer: Any) -> list[dict[str, Any]]:
    """The rows of a page, in order and of the stretch that was asked for."""
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise UnsoundAnswer(f"it is cut off or no list: {str(answer)[:100]!r}")
    times = [row.get("timestamp") for row in answer]
    if any(not isinstance(time, int) for time in times):
        raise UnsoundAnswer("a row has no time")
    if times != sorted(set(times)) or (times and not since <= times[0] <= times[-1] <= until):
        raise UnsoundAnswer(f"its rows are not in order, or not of {moment(since)} to {moment(until)}")
    return answer
