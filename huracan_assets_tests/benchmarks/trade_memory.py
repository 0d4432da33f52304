"""How quickly trades come into the memory, and how quickly it answers, in a warm embedded Postgres.

Loading is what a night does, on a ledger of 100,000 trades, beside the same rows by `executemany`. Searching is one bar
at a time among 50,000 set-ups: those of ten coins in three regimes, and, harder, all of one coin's.
"""

from __future__ import annotations

import atexit
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.days import DAY
from huracan_assets.memory.recall import recall
from huracan_assets.memory.set_ups import Memory, compare_nights
from huracan_assets.memory.trade_memory import MEMORY_SCHEMA, _memory_rows, replace_ledger
from huracan_assets.resources import postgres
from huracan_assets.resources.migrations import ensure_schema
from huracan_assets_tests.benchmarks.harness import benchmark, seconds
from huracan_assets_tests.memory.ledgers import bars, ledger, points, teach

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

TRADES, SET_UPS = 100_000, 50_000
NIGHT = date(2040, 1, 1)
SPAN = 400_000  # bars that the trades lie on
QUERIES, NEIGHBOURS = 200, 20
PEER_TRADES = 5_000


@contextmanager
def _connection() -> Iterator[Connection]:
    """A connection to a server that this benchmark alone uses."""
    before = os.environ.get("HURACAN_HOME")
    os.environ["HURACAN_HOME"] = str(_home())
    postgres._urls.cache_clear()
    ensure_schema.cache_clear()
    try:
        with postgres.connection() as opened:
            yield opened
    finally:
        if before is None:
            del os.environ["HURACAN_HOME"]
        else:
            os.environ["HURACAN_HOME"] = before
        postgres._urls.cache_clear()
        ensure_schema.cache_clear()


@cache
def _home() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="huracan-bench-", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    return Path(folder.name)


@cache
def _ledger(symbol: str, trades: int) -> tuple[pl.DataFrame, NDArray[np.float32]]:
    """Trades one after the other, as a ledger's are: none is shadowed by another."""
    frame = ledger(symbol, trades, seed=1, span=SPAN)
    return frame.with_columns(exit_at=pl.col("as_of") + timedelta(minutes=15)), points(trades, seed=2)


def executemany() -> float:
    """Rows a second of the same rows by psycopg's `executemany`, prepared and pipelined."""
    from pgvector import Vector

    frame, setups = _ledger("PEER-USDT", PEER_TRADES)
    rows = _memory_rows("PEER-USDT", NIGHT, frame, setups).drop("embedding").rows()
    whole = [(*row, Vector(point)) for row, point in zip(rows, setups, strict=True)]
    places = ", ".join(["%s"] * len(MEMORY_SCHEMA))

    def load(connection: Connection) -> None:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM trade_memory WHERE symbol = 'PEER-USDT'")
            cursor.executemany(f"INSERT INTO trade_memory VALUES ({places})".encode(), whole)

    with _connection() as connection:
        return PEER_TRADES / seconds(lambda: load(connection))


@benchmark(unit="rows/s", bound=4.0, better="higher", peer=("executemany", executemany))
def trade_memory_load_peer() -> float:
    """Rows a second of a ledger of 100,000 trades, checked, encoded, copied and committed."""
    return _loaded()


@benchmark(unit="rows/s", bound=100_000, better="higher")
def trade_memory_load() -> float:
    """The same, against the figure."""
    return _loaded()


def _loaded() -> float:
    frame, setups = _ledger("LOAD-USDT", TRADES)

    def load(connection: Connection) -> None:
        replace_ledger(connection, "LOAD-USDT", NIGHT, frame, setups, "load")
        connection.commit()

    with _connection() as connection:
        connection.execute("DELETE FROM trade_memory WHERE symbol = 'LOAD-USDT'")
        connection.commit()
        rate = TRADES / seconds(lambda: load(connection))
        connection.execute("UPDATE memory_nights SET compared = true WHERE symbol = 'LOAD-USDT'")  # no set-ups of it
        return rate


@benchmark(unit="ms", bound=5.0)
def trade_memory_search() -> float:
    """Median milliseconds of the exact 20 nearest, filtered by symbol, regime and time, among ten coins' 50,000."""
    return _median_ms(_ten_coins)


@benchmark(unit="ms", bound=15.0)
def trade_memory_search_one_coin() -> float:
    """The same where all 50,000 are of the coin that asks."""
    return _median_ms(_one_coin)


@benchmark(unit="s", bound=2.0)
def trade_memory_night() -> float:
    """Seconds in which every bar of a night's 120 days recalls its neighbours among 1,000 set-ups."""
    count = 120 * 96
    _remembered("night", ("NIGHT-USDT",), 1_000, count)
    memory = Memory("NIGHT-USDT", "night", NIGHT + DAY)
    regime = np.random.default_rng(3).choice(["TREND", "RANGE", "PANIC"], count, p=[0.18, 0.79, 0.03])
    with _connection() as connection:
        return seconds(lambda: recall(connection, memory, bars(count), regime, points(count, 4), NEIGHBOURS))


def _median_ms(remember: Callable[[], Memory]) -> float:
    memory = remember()
    rng = np.random.default_rng(5)
    at = bars(SPAN)[rng.integers(SPAN // 5, SPAN, QUERIES)]
    asked = points(QUERIES, seed=6)
    regime = rng.choice(["TREND", "RANGE", "PANIC"], QUERIES)
    with _connection() as connection:
        took = [
            seconds(
                lambda row=row: recall(  # type: ignore[misc]
                    connection, memory, at[row : row + 1], regime[row : row + 1], asked[row : row + 1], NEIGHBOURS
                )
            )
            for row in range(QUERIES)
        ]
    return 1e3 * statistics.median(took)


def _ten_coins() -> Memory:
    coins = tuple(f"COIN{place}-USDT" for place in range(10))
    _remembered("ten coins", coins, SET_UPS // 10, SPAN)
    return Memory(coins[3], "ten coins", NIGHT + DAY)


def _one_coin() -> Memory:
    _remembered("one coin", ("ONE-USDT",), SET_UPS, SPAN)
    return Memory("ONE-USDT", "one coin", NIGHT + DAY)


@cache
def _remembered(map_name: str, symbols: tuple[str, ...], trades: int, span: int) -> None:
    """Set-ups of some coins, and statistics of the table."""
    with _connection() as connection:
        connection.execute("DROP INDEX set_ups_near")  # a graph of many is built at once in a tenth of the time
        for place, symbol in enumerate(symbols):
            frame = ledger(symbol, trades, seed=place, span=span)
            teach(connection, symbol, NIGHT, frame, points(trades, seed=place), map_name)
        compare_nights(connection, NIGHT + DAY)
        connection.execute("CREATE INDEX set_ups_near ON set_ups USING hnsw (embedding vector_l2_ops)")
    with _connection() as connection:
        connection.autocommit = True
        connection.execute("ANALYZE set_ups")
