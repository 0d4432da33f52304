"""Trades and the order book of a spot market."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from huracan_assets.days import DAY
from huracan_assets.market.contract import TIME
from huracan_assets.market.exchange.session import Session, UnsoundAnswer, milliseconds
from huracan_assets.market.order_books import LEVELS, ORDER_BOOKS_SCHEMA, validate_order_books
from huracan_assets.market.trades import TRADES_SCHEMA, validate_trades

TRADES_PAGE = 1000
HOUR_MS = 3_600_000
_TRADES = pl.DataFrame(
    schema={"number": pl.Int64, "time": pl.Int64, "price": pl.String, "size": pl.String, "maker": pl.Boolean}
)


async def order_books(session: Session, symbol: str, first: date, last: date) -> pl.DataFrame | None:
    """The book of this moment, by the exchange's clock; None where that does not lie on the days asked for.

    Raises:
        MarketError: the exchange gave no answer.
        CandleError: the book breaks the contract.
    """
    if not first <= datetime.fromtimestamp(session.closed_ms / 1000, UTC).date() <= last:
        return None
    market, client = session.market(symbol), session.client
    what = f"the order book of {symbol}"
    begun = await session.clock_ms()
    book = await session.ask(lambda: client.fetch_order_book(market["symbol"], LEVELS), what, _book)
    known = await session.clock_ms()
    # The exchange tells no time of a spot book: it stood at some moment between the two looks at its clock.
    row: dict[str, Any] = {"ts": int(begun), "known_at": int(known), **book}
    times = {name: (pl.col(name) * 1000).cast(TIME) for name in ("ts", "known_at")}
    frame = (
        pl.DataFrame([row])
        .with_columns(**times)
        .select(pl.col(name).cast(kind) for name, kind in ORDER_BOOKS_SCHEMA.items())
    )
    return validate_order_books(frame, symbol=symbol, origin=session.name)


async def trades(session: Session, symbol: str, first: date, last: date) -> pl.DataFrame | None:
    """Binance's aggregate trades of the days [first, last]; None on other exchanges.

    Their numbers have no holes, so a page that lost some is noticed.

    Raises:
        MarketError: the symbol is unknown, or the exchange gave no answer.
        CandleError: trades are missing or break the contract.
    """
    if not session.binance:
        return None
    end = min(milliseconds(last + DAY), session.closed_ms)
    pages: list[pl.DataFrame] = []
    page = await _first_trades(session, symbol, milliseconds(first), end)
    while not page.is_empty():
        pages.append(page.filter(pl.col("time") < end))
        if pages[-1].height < page.height:
            break
        number = int(page["number"][-1])
        again = await _page_of_trades(session, symbol, {"fromId": number}, number)
        page = again.slice(1)  # the last trade came again
    return validate_trades(_to_trades(pages), symbol=symbol, origin=session.name)


async def _first_trades(session: Session, symbol: str, begin: int, end: int) -> pl.DataFrame:
    """The first page of trades in [begin, end), both in ms; looked for hour by hour."""
    page = _TRADES
    for since in range(begin, end, HOUR_MS):
        until = min(end, since + HOUR_MS) - 1
        page = await _page_of_trades(session, symbol, {"startTime": since, "endTime": until}, None)
        if not page.is_empty():
            break
    return page


async def _page_of_trades(session: Session, symbol: str, query: dict[str, int], number: int | None) -> pl.DataFrame:
    """A page of trades without a hole; it begins with the trade `number` where one is given."""

    def read(rows: Any) -> pl.DataFrame:
        if not isinstance(rows, list):
            raise UnsoundAnswer(f"it is cut off or no list: {str(rows)[:100]!r}")
        try:
            page = pl.DataFrame([[row[key] for key in "aTpqm"] for row in rows], schema=_TRADES.schema, orient="row")
            page = page.with_columns(pl.col("price", "size").cast(pl.Float64))
        except (KeyError, TypeError, pl.exceptions.PolarsError) as error:
            raise UnsoundAnswer(f"it has an unreadable trade: {error}") from error
        begins = page["number"][0] if page.height else None
        if (page["number"].diff().drop_nulls() != 1).any() or (number is not None and begins != number):
            raise UnsoundAnswer(f"trades are missing in it, or it does not begin with trade {number}")
        return page

    asked = {"symbol": session.market(symbol)["id"], "limit": TRADES_PAGE, **query}
    what = f"trades of {symbol} from {query}"
    return await session.ask(lambda: session.client.publicGetAggTrades(asked), what, read)


def _to_trades(pages: list[pl.DataFrame]) -> pl.DataFrame:
    """In the contract's words. The buyer was the maker: then the taker sold."""
    at = (pl.col("time") * 1000).cast(TIME)
    side = pl.when(pl.col("maker")).then(pl.lit("sell")).otherwise(pl.lit("buy"))
    return (
        pl.concat([_TRADES.with_columns(pl.col("price", "size").cast(pl.Float64)), *pages])
        .with_columns(id=pl.col("number").cast(pl.String), ts=at, known_at=at, side=side)
        .select(pl.col(name).cast(kind) for name, kind in TRADES_SCHEMA.items())
    )


def _book(answer: Any) -> dict[str, list[float]]:
    """The levels of both sides, best first."""
    sides = {side: answer.get(f"{side}s") if isinstance(answer, dict) else None for side in ("bid", "ask")}
    if not all(isinstance(levels, list) and levels for levels in sides.values()):
        raise UnsoundAnswer("a side of it is empty")
    book: dict[str, list[float]] = {}
    for side, levels in sides.items():
        best = (levels or [])[:LEVELS]
        book |= {f"{side}_prices": [level[0] for level in best], f"{side}_sizes": [level[1] for level in best]}
    return book
