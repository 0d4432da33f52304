"""How the set-ups most like each bar went: exact search among the symbol's own, in one statement.

A night of one symbol holds hundreds of trades, and an approximate index behind a filter returns too few (pgvector
#259; recall 0.2 where exact search has 1.0). A set-up exists from the moment its result was known; else the memory
would tell a bar how its own future went.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.memory.binary_copy import copy_parts, read_rows, row_type, times
from huracan_assets.memory.set_up_map import DIMENSIONS
from huracan_assets.memory.set_ups import TIME, Memory
from huracan_assets.regimes.regimes import REGIMES

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

Times = NDArray[np.datetime64]
Points = NDArray[np.float32]

RECALL_SCHEMA: dict[str, pl.DataType] = {
    "as_of": TIME, "neighbours": pl.Int32(), "same_regime": pl.Boolean(), "win_rate": pl.Float64(),
    "mean_net_bps": pl.Float64(), "nearest": pl.Float64(), "long_neighbours": pl.Int32(),
    "long_mean_net_bps": pl.Float64(), "long_rms_net_bps": pl.Float64(), "short_neighbours": pl.Int32(),
    "short_mean_net_bps": pl.Float64(), "short_rms_net_bps": pl.Float64(),
}  # fmt: skip
"""What `recall` returns; `same_regime` says whether only the bar's own regime was searched. Means, rates, distances and
`same_regime` are null where there is nothing to take them of."""

NEIGHBOUR = row_type(
    query=">i4", known_at=">i8", side=">i2", regime=">i2", own_regime="u1", net_bps=">f8", distance=">f8",
)  # fmt: skip

# The zero keeps the planner from the graph of all coins, which would answer approximately; by the OFFSET a bar's regime
# is named once, and not again for every set-up that is compared with it.
SEARCH = """
    COPY (
        WITH own AS {gathered} (
            SELECT known_at, as_of, side, regime, net_bps, embedding FROM set_ups
            WHERE symbol = %(symbol)s AND map = %(map)s AND night < %(before)s
        )
        SELECT q.query, n.known_at, n.side,
            coalesce(array_position(%(regimes)s::text[], n.regime), 0)::int2 AS regime,
            n.own_regime, n.net_bps, n.distance
        FROM (
            SELECT query, as_of, point, (%(regimes)s::text[])[regime] AS regime FROM recall_queries OFFSET 0
        ) q CROSS JOIN LATERAL (
            WITH alike AS MATERIALIZED (
                SELECT known_at, as_of, side, regime, net_bps, (embedding <-> q.point) + 0.0 AS distance
                FROM own WHERE known_at <= q.as_of AND regime = q.regime
                ORDER BY distance, known_at, as_of LIMIT %(k)s
            )
            SELECT true AS own_regime, alike.* FROM alike WHERE (SELECT count(*) FROM alike) >= %(k)s
            UNION ALL
            SELECT false, wide.* FROM (
                SELECT known_at, as_of, side, regime, net_bps, (embedding <-> q.point) + 0.0 AS distance
                FROM own WHERE known_at <= q.as_of
                ORDER BY distance, known_at, as_of LIMIT %(k)s
            ) wide WHERE (SELECT count(*) FROM alike) < %(k)s
        ) n
        ORDER BY q.query, n.distance, n.known_at, n.as_of
    ) TO STDOUT (FORMAT BINARY)
"""


def recall(
    conn: Connection, memory: Memory, as_of: Times, regime: NDArray[np.str_], points: Points, k: int
) -> pl.DataFrame:
    """How the k most similar set-ups known at each bar went, by exact Euclidean distance.

    Only set-ups of the bar's own regime count, where k of them were known at that bar; where fewer were, set-ups of
    all regimes do, and `same_regime` says so. Ties in distance go to the set-up known first.

    Args:
        as_of: (n,) datetime64[us], UTC.
        regime: (n,) of the bars, each in `REGIMES`.
        points: (n, 32), under the map that `memory` names; a bar with NaN in its point has no neighbours.
        k: neighbours a bar, at least 1.

    Returns:
        n rows in the order of `as_of`, columns of `RECALL_SCHEMA`; `nearest` is the smallest distance.

    Raises:
        ContractError: shapes differ, a point is infinite, a regime is unknown, or a neighbour breaks the filter.
    """
    asked = check_queries(as_of, points)
    codes = _codes(regime)
    queries = pl.DataFrame(
        {
            "query": asked.astype(np.int32),
            "as_of": as_of[asked].astype("datetime64[us]"),
            "regime": codes[asked].astype(np.int16),
            "point": pl.Series(points[asked], dtype=pl.Array(pl.Float32(), DIMENSIONS)),
        }
    )
    found = _search(conn, memory, queries, k)
    query = found["query"].astype(np.intp)
    check_known(times(found["known_at"]), as_of[query])
    _check_regime(found, codes[query], k)
    return _summary(as_of, query, found)


def recall_day_by_day(
    conn: Connection,
    symbol: str,
    map_name: str,
    as_of: Times,
    regime: NDArray[np.str_],
    points: Points,
    k: int,
) -> pl.DataFrame:
    """What the nights of the bars' own days recalled: a bar is told of the nights before its day, and of no later one.

    The bar at 24:00 belongs to the day that ends with it. Arguments, result and errors as of `recall`.
    """
    day = (as_of.astype("datetime64[us]") - np.timedelta64(1, "us")).astype("datetime64[D]")
    told = [pl.DataFrame(schema=RECALL_SCHEMA)]
    for one in np.unique(day):
        rows, memory = day == one, Memory(symbol, map_name, one.item())
        told.append(recall(conn, memory, as_of[rows], regime[rows], points[rows], k))
    return pl.concat(told)


def recalled_at(recalled: pl.DataFrame, as_of: pl.Series) -> pl.DataFrame:
    """What was recalled at each of `as_of`, in their order; a bar at which nobody asked the memory has no neighbour.

    Args:
        recalled: what `recall` returns.
    """
    counts = [name for name in RECALL_SCHEMA if name.endswith("neighbours")]
    told = as_of.to_frame("as_of").join(recalled, on="as_of", how="left", maintain_order="left")
    return told.with_columns(pl.col(counts).fill_null(0))


def check_queries(as_of: Times, points: Points) -> NDArray[np.intp]:
    """Rows that have a point.

    Raises:
        ContractError: bars and points differ in number, or a point is infinite.
    """
    if points.shape != (len(as_of), DIMENSIONS) or np.isinf(points).any():
        raise ContractError(
            f"{len(as_of)} bars with points {points.shape}: embed each bar, finite or NaN and in {DIMENSIONS}"
        )
    return np.flatnonzero(~np.isnan(points).any(axis=1))


def check_known(known_at: Times, as_of: Times) -> None:
    """The second lock on the memory: no neighbour may be known after the bar that recalls it.

    Raises:
        ContractError: one is.
    """
    early = known_at > as_of
    if early.any():
        first = int(np.argmax(early))
        raise ContractError(
            f"the pattern memory leaks: {int(early.sum())} neighbours were not known at their bar, the first "
            f"known at {known_at[first]} and recalled at {as_of[first]}. Do not use it; correct the search"
        )


def _check_regime(found: NDArray[np.void], codes: NDArray[np.intp], k: int) -> None:
    """A search of one regime has found k neighbours, all of it; any other bar has said that it searched all."""
    own = found["own_regime"].astype(bool)
    count = np.bincount(found["query"].astype(np.intp))[found["query"].astype(np.intp)]
    if (own & ((found["regime"] != codes) | (count != k))).any():
        raise ContractError("the pattern memory recalls another regime than was asked for: correct the search")


def _codes(regime: NDArray[np.str_]) -> NDArray[np.intp]:
    unknown = sorted(set(regime.tolist()) - set(REGIMES))
    if unknown:
        raise ContractError(f"bars of the regimes {unknown}, which nobody knows: classify them as {REGIMES}")
    codes = np.zeros(len(regime), dtype=np.intp)
    for code, name in enumerate(REGIMES, start=1):
        codes[regime == name] = code
    return codes


def _search(conn: Connection, memory: Memory, queries: pl.DataFrame, k: int) -> NDArray[np.void]:
    """Rows of `NEIGHBOUR` by query, nearest first."""
    which = {"symbol": memory.symbol, "map": memory.map_name, "before": memory.before}
    columns = f"query integer, as_of timestamptz, regime smallint, point vector({DIMENSIONS})"
    with conn.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS recall_queries ({columns}) ON COMMIT DELETE ROWS")
        with cursor.copy("COPY recall_queries FROM STDIN (FORMAT BINARY)") as copy:
            for part in copy_parts(queries):
                copy.write(part)
        # For many bars the symbol's set-ups are gathered once, not through the index for each: four times as fast.
        gathered = "MATERIALIZED" if queries.height > 1 else "NOT MATERIALIZED"
        with cursor.copy(SEARCH.format(gathered=gathered), which | {"regimes": list(REGIMES), "k": k}) as copy:
            found = read_rows(copy, NEIGHBOUR)
        cursor.execute("DELETE FROM recall_queries")
    return found


def _summary(as_of: Times, query: NDArray[np.intp], found: NDArray[np.void]) -> pl.DataFrame:
    bars = len(as_of)
    net, side = found["net_bps"].astype(np.float64), found["side"].astype(np.int8)
    count = np.bincount(query, minlength=bars)
    nearest = np.full(bars, np.nan)
    first = np.flatnonzero(np.diff(query, prepend=-1))  # rows come by bar, nearest first
    nearest[query[first]] = found["distance"][first]
    own_regime = np.zeros(bars, dtype=bool)
    own_regime[query[first]] = found["own_regime"][first].astype(bool)
    columns: dict[str, Any] = {
        "as_of": pl.Series(as_of.astype("datetime64[us]")).dt.replace_time_zone("UTC"),
        "neighbours": count,
        "same_regime": pl.Series(own_regime).set(pl.Series(count == 0), None),
        "win_rate": _mean(query, (net > 0).astype(np.float64), count),
        "mean_net_bps": _mean(query, net, count),
        "nearest": nearest,
    }
    for name, sign in (("long", 1), ("short", -1)):
        own = side == sign
        of_side = np.bincount(query[own], minlength=bars)
        columns[f"{name}_neighbours"] = of_side
        columns[f"{name}_mean_net_bps"] = _mean(query[own], net[own], of_side)
        columns[f"{name}_rms_net_bps"] = np.sqrt(_mean(query[own], net[own] ** 2, of_side))
    return pl.DataFrame(
        [pl.Series(name, columns[name], kind, nan_to_null=True) for name, kind in RECALL_SCHEMA.items()]
    )


def _mean(query: NDArray[np.intp], values: NDArray[np.float64], count: NDArray[np.int64]) -> NDArray[np.float64]:
    total = np.bincount(query, weights=values, minlength=len(count))
    mean: NDArray[np.float64] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean
