"""Every shadow trade of a night with its set-up and its whole context, in Postgres: written once a night.

What later nights may make of it, each trade counted once, is `set_ups`, once the night is cleared (`clearance`); what
they ask is `recall` and `elsewhere`.
"""

from __future__ import annotations

from datetime import UTC, date
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.days import DAY, midnight
from huracan_assets.errors import ContractError
from huracan_assets.memory.binary_copy import copy_parts
from huracan_assets.memory.set_up_map import DIMENSIONS
from huracan_assets.memory.set_ups import LOCK, TIME, compare_again

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

VOTES = ("rl_agent", "pattern_recognition", "regime_analysis", "historical_similarity", "alpha_engines")
MEMORY_SCHEMA: dict[str, pl.DataType] = {
    "symbol": pl.String(), "night": pl.Date(), "as_of": TIME, "known_at": TIME, "side": pl.Int8(),
    "entry_at": TIME, "entry_price": pl.Float64(), "exit_price": pl.Float64(), "exit_reason": pl.String(),
    "size_gbp": pl.Float64(), "filled_share": pl.Float64(), "gross_bps": pl.Float64(), "fee_bps": pl.Float64(),
    "half_spread_bps": pl.Float64(), "impact_bps": pl.Float64(), "cost_bps": pl.Float64(),
    "funding_bps": pl.Float64(), "net_bps": pl.Float64(), "slippage_bps": pl.Float64(), "pnl_gbp": pl.Float64(),
    "regime": pl.String(), "engine": pl.String(),
    "confidence": pl.Float64(), "expected_net_bps": pl.Float64(), "agreement": pl.Float64(),
    **dict.fromkeys(VOTES, pl.Float64()),
    "mfe_bps": pl.Float64(), "mae_bps": pl.Float64(), "fold": pl.Int32(),
    "embedding": pl.Array(pl.Float32(), DIMENSIONS),
}  # fmt: skip
"""One row of the table `trade_memory`: the ledger's columns, its `exit_at` named `known_at`, and the point of the
set-up, null where too little of what was usual is known. A vote of NaN is one that was not cast."""

LEDGER_COLUMNS = tuple("exit_at" if name == "known_at" else name for name in MEMORY_SCHEMA)
OWN_COLUMNS = ("symbol", "night", "embedding")


def replace_ledger(
    conn: Connection, symbol: str, night: date, ledger: pl.DataFrame, points: NDArray[np.float32], map_name: str
) -> None:
    """Remember a night's ledger in place of what was remembered of that night before; all or nothing.

    It teaches nobody until it is judged (`clearance`), and later nights are compared again without it.

    Args:
        ledger: the shadow ledger, m trades.
        points: (m, 32), the set-ups of the trades in the ledger's order; NaN where there is no point.
        map_name: `SetUpMap.name` of the map that made them.

    Raises:
        ContractError: rows and points differ in number, a value is missing or not finite, or a trade was not yet
            known at the end of `night`.
    """
    rows = _memory_rows(symbol, night, ledger, points)
    this = {"symbol": symbol, "night": night}
    with conn.transaction(), conn.cursor() as cursor:
        cursor.execute(LOCK)
        cursor.execute("DELETE FROM trade_memory WHERE symbol = %(symbol)s AND night = %(night)s", this)
        compare_again(cursor, symbol, night)
        cursor.execute(
            """
            INSERT INTO memory_nights VALUES (%s, %s, %s, %s, false, false) ON CONFLICT (symbol, night)
            DO UPDATE SET map = EXCLUDED.map, trades = EXCLUDED.trades, compared = false, cleared = false
            """,
            (symbol, night, map_name, ledger.height),
        )
        with cursor.copy(f"COPY trade_memory ({', '.join(MEMORY_SCHEMA)}) FROM STDIN (FORMAT BINARY)") as copy:
            for part in copy_parts(rows):
                copy.write(part)


def _memory_rows(symbol: str, night: date, ledger: pl.DataFrame, points: NDArray[np.float32]) -> pl.DataFrame:
    """The night's rows of `trade_memory`."""
    where = f"the ledger of {night}|{symbol}"
    if points.shape != (ledger.height, DIMENSIONS):
        raise ContractError(f"{where}: {ledger.height} trades but points {points.shape}: embed each trade")
    if set(ledger["symbol"].unique()) - {symbol}:
        raise ContractError(f"{where} holds trades of other symbols: pass one symbol's ledger")
    _check_values(where, ledger.select(name for name in LEDGER_COLUMNS if name not in OWN_COLUMNS), points)
    if ledger.filter(pl.col("exit_at") <= pl.col("as_of")).height:
        raise ContractError(f"{where} has a result known at its own decision: materialise shadow_ledger again")
    if ledger.filter(pl.col("exit_at") > midnight(night + DAY)).height:
        raise ContractError(f"{where} has a trade that ended after that day: leave out trades still open")
    nowhere = pl.Series(np.isnan(points).any(axis=1))
    point = pl.Series("embedding", points, dtype=MEMORY_SCHEMA["embedding"])
    rows = ledger.rename({"exit_at": "known_at"}).with_columns(night=pl.lit(night), embedding=point)
    rows = rows.with_columns(embedding=pl.when(~nowhere).then("embedding"))
    return rows.select(list(MEMORY_SCHEMA)).cast(pl.Schema(MEMORY_SCHEMA))


def _check_values(where: str, trades: pl.DataFrame, points: NDArray[np.float32]) -> None:
    broken = [name for name in trades.columns if trades[name].null_count()]
    finite = trades.select(pl.col(pl.Float64).exclude(VOTES))
    broken += [series.name for series in finite if not series.is_finite().fill_null(True).all()]
    broken += [name for name in VOTES if trades[name].is_infinite().any()]
    if broken or np.isinf(points).any():
        named = ", ".join(broken) or "its points"
        raise ContractError(f"{where} has missing or infinite values in {named}: materialise shadow_ledger again")


def remembered_ledger(conn: Connection, symbol: str, night: date) -> pl.DataFrame:
    """A night's trades by `as_of`, columns of `MEMORY_SCHEMA`; no rows where nothing is remembered."""
    stored = "SELECT * FROM trade_memory WHERE symbol = %s AND night = %s ORDER BY as_of"
    found = conn.execute(stored, (symbol, night))
    names = [column.name for column in found.description or ()]
    records = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    for record in records:
        record["embedding"] = None if record["embedding"] is None else record["embedding"].to_list()
        for name in ("as_of", "known_at", "entry_at"):  # the session's zone is the user's
            record[name] = record[name].astimezone(UTC)
    return pl.DataFrame(records, schema=MEMORY_SCHEMA, orient="row")
