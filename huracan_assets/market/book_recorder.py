"""Order books as they stand now, written down: no exchange tells of past ones.

The job `record_order_books` appends to the lake's `recorded_order_books`; the asset `order_books` of a day that has
ended takes them from there where the source itself has none.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from huracan_assets.market.order_books import ORDER_BOOKS_SCHEMA, validate_order_books
from huracan_assets.market.source import MarketSource
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.postgres import connection

SPOOL = "recorded_order_books"


def record_order_book(source: MarketSource, lake: Lake, symbol: str, today: date) -> int:
    """Append the book of this moment to its day; of a minute, the last one stays.

    Returns:
        How many books of the day are written down by now; 0 where the source has none.

    Raises:
        MarketError: the source gives no answer.
        CandleError: the book breaks the contract; what was written down before stays.
        StorageError: the lake or Postgres, which holds the lock, is not to be had.
    """
    found = source.order_books(symbol, today, today)
    if found is None or found.is_empty():
        return 0
    day = found["ts"][-1].date()
    with connection() as lock:  # two runs that read the day at once would each write it without the other's book
        lock.execute("SELECT pg_advisory_xact_lock(hashtext('huracan.order_books.' || %s))", (symbol,))
        books = pl.concat([recorded_books(lake, symbol, day), found.filter(pl.col("ts").dt.date() == day)]).sort("ts")
        last = books.group_by(pl.col("ts").dt.truncate("1m").alias("minute"), maintain_order=True).last().drop("minute")
        lake.write_frame(SPOOL, symbol, day, validate_order_books(last, symbol=symbol, origin=source.name))
    return last.height


def recorded_books(lake: Lake, symbol: str, day: date) -> pl.DataFrame:
    """The books of a day that were written down; an empty frame where none was."""
    if not lake.has(SPOOL, symbol, day):
        return pl.DataFrame(schema=ORDER_BOOKS_SCHEMA)
    return lake.read_frame(SPOOL, symbol, day)
