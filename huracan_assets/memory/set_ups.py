"""Each trade once: what the nights' ledgers, which overlap by months, say together.

A night trades its whole look-back again, so the ledgers of two nights hold the same trades, and nearly the same ones,
a bar apart. A trade counts if no earlier night of its symbol holds one at that time: then no move of the market is
counted twice, each stretch stands as the first night that traded it did, and a later night changes nothing that an
earlier one was told. Only nights that are cleared count (`clearance`). Trades that do not overlap are as good as
independent; their means need no correction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.memory.binary_copy import read_rows, row_type, times
from huracan_assets.memory.set_up_map import DIMENSIONS
from huracan_assets.regimes.regimes import REGIMES

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]
    Cursor = psycopg.Cursor[Any]

TIME = pl.Datetime("us", "UTC")
SET_UP_SCHEMA: dict[str, pl.DataType] = {
    "as_of": TIME, "known_at": TIME, "side": pl.Int8(), "regime": pl.String(), "net_bps": pl.Float64(),
    "embedding": pl.Array(pl.Float32(), DIMENSIONS),
}  # fmt: skip
"""What is known of a set-up: its decision, when its result was known, and how it went."""

LOCK = "SELECT pg_advisory_xact_lock(hashtext('huracan.memory'))"
ROW = row_type(
    as_of=">i8", known_at=">i8", side=">i2", regime=">i2", net_bps=">f8",
    embedding=("u1", (4 + 4 * DIMENSIONS,)),
)  # fmt: skip


@dataclass(frozen=True)
class Memory:
    """What a night of a symbol may ask: set-ups under one map, from nights before it."""

    symbol: str
    map_name: str
    before: date


@dataclass(frozen=True)
class Held:
    """A symbol's cleared nights: under the map that is asked for, under others, and the newest of the former.

    `not_cleared` are remembered, and teach nothing.
    """

    nights: int
    other_nights: int
    newest: date | None
    not_cleared: int


def compare_nights(conn: Connection, before: date) -> int:
    """Take over the trades of cleared nights earlier than `before` that no night before their own holds; how many.

    Each night is compared once, in order, all its symbols together. A trade without a point is never a set-up.
    """
    with conn.transaction():
        conn.execute(LOCK)
        waiting = conn.execute(
            "SELECT DISTINCT night FROM memory_nights WHERE cleared AND NOT compared AND night < %s ORDER BY night",
            (before,),
        ).fetchall()
        taken = 0
        for (night,) in waiting:
            taken += conn.execute(
                """
                INSERT INTO set_ups (symbol, night, as_of, known_at, map, side, regime, net_bps, embedding)
                SELECT t.symbol, t.night, t.as_of, t.known_at, n.map, t.side, t.regime, t.net_bps, t.embedding
                FROM memory_nights n JOIN trade_memory t USING (symbol, night)
                WHERE n.night = %s AND n.cleared AND NOT n.compared AND t.embedding IS NOT NULL AND NOT EXISTS (
                    SELECT FROM set_ups s
                    WHERE s.symbol = t.symbol AND s.map = n.map AND s.night < t.night
                        AND s.as_of < t.known_at AND s.known_at > t.as_of
                )
                ORDER BY t.symbol, t.as_of
                """,
                (night,),
            ).rowcount
            conn.execute("UPDATE memory_nights SET compared = true WHERE night = %s AND cleared", (night,))
    return taken


def compare_again(cursor: Cursor, symbol: str, night: date) -> None:
    """Forget what was taken over of a night and of those after it: what they hold beside it may be new now."""
    this = {"symbol": symbol, "night": night}
    cursor.execute("DELETE FROM set_ups WHERE symbol = %(symbol)s AND night >= %(night)s", this)
    cursor.execute("UPDATE memory_nights SET compared = false WHERE symbol = %(symbol)s AND night >= %(night)s", this)


def held(conn: Connection, memory: Memory) -> Held:
    """The symbol's nights before the one that asks, whatever their map; one whose ledger is empty counts."""
    found = conn.execute(
        """
        SELECT count(*) FILTER (WHERE cleared AND map = %(map)s), count(*) FILTER (WHERE cleared AND map <> %(map)s),
            max(night) FILTER (WHERE cleared AND map = %(map)s), count(*) FILTER (WHERE NOT cleared)
        FROM memory_nights WHERE symbol = %(symbol)s AND night < %(before)s
        """,
        {"map": memory.map_name, "symbol": memory.symbol, "before": memory.before},
    ).fetchone()
    assert found is not None
    return Held(*found)


def known_set_ups(conn: Connection, memory: Memory) -> pl.DataFrame:
    """The symbol's set-ups by `as_of`, columns of `SET_UP_SCHEMA`; no rows where nothing is remembered."""
    select = """
        COPY (
            SELECT as_of, known_at, side, coalesce(array_position(%s::text[], regime), 0)::int2, net_bps, embedding
            FROM set_ups WHERE symbol = %s AND map = %s AND night < %s ORDER BY as_of, night
        ) TO STDOUT (FORMAT BINARY)
    """
    with conn.cursor() as cursor, cursor.copy(select, (list(REGIMES), *_which(memory))) as copy:
        rows = read_rows(copy, ROW)
    names = np.array(["", *REGIMES])
    frame = pl.DataFrame(
        {
            "as_of": times(rows["as_of"]),
            "known_at": times(rows["known_at"]),
            "side": rows["side"].astype(np.int8),
            "regime": names[rows["regime"].astype(np.intp)],
            "net_bps": rows["net_bps"].astype(np.float64),
            "embedding": pl.Series(_points(rows["embedding"]), dtype=SET_UP_SCHEMA["embedding"]),
        }
    )
    return frame.with_columns(pl.col("as_of", "known_at").dt.replace_time_zone("UTC"))


def _which(memory: Memory) -> tuple[str, str, date]:
    return memory.symbol, memory.map_name, memory.before


def _points(vectors: NDArray[np.uint8]) -> NDArray[np.float32]:
    coordinates = np.ascontiguousarray(vectors[:, 4:]).view(">f4")
    return coordinates.astype(np.float32).reshape(len(vectors), DIMENSIONS)
