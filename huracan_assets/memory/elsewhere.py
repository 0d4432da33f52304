"""How set-ups like these went in other coins: an approximate search among all symbols, held to its recall.

The set-ups of all coins are many, so they are searched through an HNSW graph (Malkov and Yashunin 2018). A filter
behind such a graph returns too few, unless the scan goes on until enough rows pass it (pgvector's iterative scan). How
many of the true neighbours it finds is measured each night on bars of the night's own window, against exact search;
below the bound, exact search answers everything.

What is found here informs the page and `pattern_library`, never a vote: the graph is built at random, and which other
coins have been traded is a matter of the schedule, so a vote that listened to it could not be made again to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.memory.binary_copy import copy_parts, read_rows, row_type, times
from huracan_assets.memory.recall import Points, Times, check_known, check_queries
from huracan_assets.memory.set_up_map import DIMENSIONS
from huracan_assets.memory.set_ups import Memory

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

EF_SEARCH = 200
"""Candidates that a scan keeps at hand; pgvector's own 40 finds too few of 20 neighbours behind a filter."""

EXACT = ("enable_indexscan = off", "enable_bitmapscan = off")
# Without sorting, the graph is the only way to rows in order of distance.
APPROXIMATE = (
    "enable_sort = off", "enable_seqscan = off", "enable_bitmapscan = off",
    "hnsw.iterative_scan = relaxed_order", f"hnsw.ef_search = {EF_SEARCH}", "hnsw.max_scan_tuples = 100000",
    "hnsw.scan_mem_multiplier = 8",
)  # fmt: skip
FOUND = row_type(query=">i4", known_at=">i8", net_bps=">f8", distance=">f8")


@dataclass(frozen=True)
class CrossSearch:
    """How far the approximate search could be trusted: `recall` is None where other coins have no set-up."""

    set_ups: int
    probes: int
    recall: float | None
    exact: bool

    @property
    def sentence(self) -> str:
        """What a reader of the page should know."""
        if self.recall is None:
            return "no other coin has a set-up under this map"
        how = "so exact search answered" if self.exact else "HNSW answered"
        return f"{self.probes} bars, {self.set_ups} set-ups of other coins, recall {self.recall:.3f}: {how}"


@dataclass(frozen=True)
class Elsewhere:
    """What other coins' trades near each query brought."""

    trades: NDArray[np.int64]
    net_bps: NDArray[np.float64]
    search: CrossSearch


def ask_elsewhere(
    conn: Connection, memory: Memory, queries: tuple[Times, Points], probes: tuple[Times, Points], k: int, least: float
) -> Elsewhere:
    """The k set-ups of other coins nearest to each query, of those known at it; exact where HNSW misses too many.

    Args:
        memory: the symbol that asks, whose own set-ups are left out.
        queries: times (n,) and points (n, 32), finite.
        probes: bars to measure the recall on; those without a point are left out.
        least: the recall below which exact search answers.

    Raises:
        ContractError: shapes differ, or a neighbour was not known at its query.
    """
    count = others(conn, memory)
    asked = check_queries(*probes)
    at, near = probes[0][asked], probes[1][asked]
    found, exact = (_search(conn, memory, at, near, k, way) for way in (APPROXIMATE, EXACT))
    recall = recall_of(found, exact)
    fall_back = recall is not None and recall < least
    rows = _search(conn, memory, *queries, k, EXACT if fall_back else APPROXIMATE)
    query = rows["query"].astype(np.intp)
    trades = np.bincount(query, minlength=len(queries[0]))
    total = np.bincount(query, weights=rows["net_bps"].astype(np.float64), minlength=len(trades))
    mean = np.divide(total, trades, out=np.full(len(trades), np.nan), where=trades > 0)
    return Elsewhere(trades, mean, CrossSearch(count, len(asked), recall, fall_back))


def others(conn: Connection, memory: Memory) -> int:
    """Set-ups of other symbols under the map."""
    found = conn.execute(
        "SELECT count(*) FROM set_ups WHERE symbol <> %s AND map = %s AND night < %s",
        (memory.symbol, memory.map_name, memory.before),
    ).fetchone()
    return 0 if found is None else int(found[0])


def recall_of(found: NDArray[np.void], exact: NDArray[np.void]) -> float | None:
    """The share of the true neighbours that were found, None where there are none.

    A row at the distance of the furthest true one, or nearer, is a true one: among ties either is right.
    """
    if not len(exact):
        return None
    furthest = np.zeros(int(exact["query"].max()) + 1)
    np.maximum.at(furthest, exact["query"].astype(np.intp), exact["distance"])
    hits = int((found["distance"] <= furthest[found["query"].astype(np.intp)]).sum())
    return hits / len(exact)


def _search(
    conn: Connection, memory: Memory, as_of: Times, points: Points, k: int, way: tuple[str, ...]
) -> NDArray[np.void]:
    """Rows of `FOUND`, by query and nearest first; `way` are the planner's settings that lead to it."""
    search = """
        COPY (
            SELECT q.query, n.known_at, n.net_bps, n.distance
            FROM elsewhere_queries q CROSS JOIN LATERAL (
                SELECT symbol, known_at, as_of, net_bps, embedding <-> q.point AS distance
                FROM set_ups
                WHERE symbol <> %s AND map = %s AND night < %s AND known_at <= q.as_of
                ORDER BY embedding <-> q.point
                LIMIT %s
            ) n
            ORDER BY q.query, n.distance, n.known_at, n.symbol, n.as_of
        ) TO STDOUT (FORMAT BINARY)
    """
    queries = pl.DataFrame(
        {
            "query": np.arange(len(as_of), dtype=np.int32),
            "as_of": as_of.astype("datetime64[us]"),
            "point": pl.Series(points, dtype=pl.Array(pl.Float32(), DIMENSIONS)),
        }
    )
    columns = f"query integer, as_of timestamptz, point vector({DIMENSIONS})"
    with conn.transaction(), conn.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE elsewhere_queries ({columns}) ON COMMIT DROP")
        with cursor.copy("COPY elsewhere_queries FROM STDIN (FORMAT BINARY)") as copy:
            for part in copy_parts(queries):
                copy.write(part)
        for setting in way:
            cursor.execute(f"SET LOCAL {setting}")
        asked = (memory.symbol, memory.map_name, memory.before, k)
        with cursor.copy(search, asked) as copy:
            found = read_rows(copy, FOUND)
        cursor.execute("DROP TABLE elsewhere_queries")
        for setting in way:
            cursor.execute(f"SET LOCAL {setting.split(' = ')[0]} TO DEFAULT")
    check_known(times(found["known_at"]), as_of[found["query"].astype(np.intp)])
    return found


def replace_cross_search(conn: Connection, symbol: str, night: date, search: CrossSearch) -> None:
    """Store how the night's search went, in place of what was stored before."""
    conn.execute(
        """
        INSERT INTO cross_searches VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (symbol, night) DO UPDATE SET
            set_ups = EXCLUDED.set_ups, probes = EXCLUDED.probes, recall = EXCLUDED.recall, exact = EXCLUDED.exact
        """,
        (symbol, night, search.set_ups, search.probes, search.recall, search.exact),
    )


def stored_cross_search(conn: Connection, symbol: str, night: date) -> CrossSearch | None:
    """How the search of a night went; None where it was never asked."""
    found = conn.execute(
        "SELECT set_ups, probes, recall, exact FROM cross_searches WHERE symbol = %s AND night = %s", (symbol, night)
    ).fetchone()
    return None if found is None else CrossSearch(*found)
