"""The analysts' answers of a night in Postgres: written whole or not at all, a rerun in place of what was there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from huracan_assets.shadow.missed_trades import GateRecord

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

REASONED = (
    "as_of", "known_at", "side", "regime", "engine", "exit_reason", "gross_bps", "net_bps", "cause", "fired",
    "evidence",
)  # fmt: skip
TRACKED = (
    "as_of", "exit_at", "known_at", "side", "net_bps", "after_best_bps", "after_best_minutes", "after_worst_bps",
    "after_worst_minutes", "after_end_bps", "exit_verdict",
)  # fmt: skip
REASONED_TYPES = (
    "timestamptz", "timestamptz", "int2", "text", "text", "text", "float8", "float8", "text", "text[]", "jsonb",
)  # fmt: skip
TRACKED_TYPES = (
    "timestamptz", "timestamptz", "timestamptz", "int2", "float8", "float8", "int4", "float8", "int4", "float8", "text",
)  # fmt: skip
MISSED_TYPES = ("text", "int4", "int4", *["float8"] * 5, "text")
TABLES = {
    "win_analysis": REASONED_TYPES,
    "loss_analysis": REASONED_TYPES,
    "post_exit_tracking": TRACKED_TYPES,
    "missed_trades": MISSED_TYPES,
}


def replace_analysis(
    conn: Connection,
    symbol: str,
    night: date,
    analysis: pl.DataFrame,
    missed: Sequence[GateRecord],
    post_exit_minutes: int,
) -> None:
    """Write a night's answers in place of those of that night before; all or nothing.

    Args:
        analysis: a row a trade, with its cause, evidence and exit verdict. Its figures after the exit make it known
            `post_exit_minutes` after the exit and no sooner: that is its `known_at`.
    """
    rows = _rows(analysis, missed, post_exit_minutes)
    with conn.transaction(), conn.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('huracan.analysis.' || %s))", (symbol,))
        for table, types in TABLES.items():
            cursor.execute(f"DELETE FROM {table} WHERE symbol = %s AND night = %s", (symbol, night))  # noqa: S608
            with cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["text", "date", *types])
                for row in rows[table]:
                    copy.write_row((symbol, night, *row))


def _rows(
    analysis: pl.DataFrame, missed: Sequence[GateRecord], post_exit_minutes: int
) -> dict[str, Iterable[tuple[Any, ...]]]:
    from psycopg.types.json import Jsonb

    known = analysis.with_columns(known_at=pl.col("exit_at") + timedelta(minutes=post_exit_minutes))
    whole = known.with_columns(pl.col("after_best_minutes", "after_worst_minutes").cast(pl.Int32))

    def reasoned(won: bool) -> list[tuple[Any, ...]]:
        rows = known.filter(pl.col("won") == won).select(REASONED).iter_rows()
        return [(*row[:-1], Jsonb(row[-1], dumps=str)) for row in rows]

    return {
        "win_analysis": reasoned(won=True),
        "loss_analysis": reasoned(won=False),
        "post_exit_tracking": whole.select(TRACKED).iter_rows(),
        "missed_trades": [
            (
                record.gate,
                record.bars,
                record.judged,
                record.independent,
                record.would_have_won,
                record.net_bps,
                record.low_bps,
                record.high_bps,
                record.verdict,
            )
            for record in missed
        ],
    }
