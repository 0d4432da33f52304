"""Patterns: clusters of similar set-ups among the remembered trades, each with how it went.

A pattern speaks of the whole remembered window: it may inform what comes after that night and nothing in it.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.memory.embedding import DIMENSIONS

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

TIME = pl.Datetime("us", "UTC")
PATTERN_SCHEMA: dict[str, pl.DataType] = {
    "pattern": pl.Int16(),
    "trades": pl.Int32(),
    "win_rate": pl.Float64(),
    "mean_net_bps": pl.Float64(),
    "first_seen": TIME,
    "last_seen": TIME,
    "centroid": pl.Array(pl.Float32(), DIMENSIONS),
}
STARTS = 4
"""K-means runs from as many seeded starts and keeps the tightest."""


def find_patterns(remembered: pl.DataFrame, k: int, seed: int) -> pl.DataFrame:
    """Cluster a night's trades by their set-ups (k-means, Lloyd 1982).

    Args:
        remembered: rows of `trade_memory.remembered_ledger`, in any order.
        k: patterns at most; fewer where there are fewer distinct set-ups.
        seed: of the starts.

    Returns:
        One row a pattern, the one with most trades first; columns of `PATTERN_SCHEMA`. `first_seen` and
        `last_seen` are decision times. No rows where nothing is remembered.
    """
    if remembered.is_empty():
        return pl.DataFrame(schema=PATTERN_SCHEMA)
    trades = remembered.sort("night", "as_of")
    points = trades["embedding"].to_numpy().astype(np.float64)
    labels = _clusters(points, k, seed)
    centroids = np.stack([points[labels == label].mean(axis=0) for label in range(labels.max() + 1)])
    patterns = (
        trades.group_by(pl.Series("label", labels))
        .agg(
            trades=pl.len(),
            win_rate=(pl.col("net_bps") > 0).mean(),
            mean_net_bps=pl.col("net_bps").mean(),
            first_seen=pl.col("as_of").min(),
            last_seen=pl.col("as_of").max(),
        )
        .sort("label")
    )
    centroid = pl.Series("centroid", centroids.astype(np.float32), dtype=PATTERN_SCHEMA["centroid"])
    ordered = patterns.with_columns(centroid).sort(["trades", "first_seen", "label"], descending=[True, False, False])
    return ordered.with_row_index("pattern").select(list(PATTERN_SCHEMA)).cast(pl.Schema(PATTERN_SCHEMA))


def _clusters(points: NDArray[np.float64], k: int, seed: int) -> NDArray[np.int64]:
    """Labels in order of first appearance: scikit-learn's own order hangs on its starts."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    clusters = min(k, len(np.unique(points, axis=0)))
    with threadpool_limits(limits=1):
        found = KMeans(clusters, n_init=STARTS, random_state=seed, algorithm="lloyd").fit_predict(points)
    _, first, inverse = np.unique(found, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


def replace_patterns(conn: Connection, symbol: str, night: date, patterns: pl.DataFrame) -> None:
    """Store a night's patterns in place of what was stored of that night before; all or nothing."""
    from pgvector import Vector

    columns = ["pattern", "centroid", "trades", "win_rate", "mean_net_bps", "first_seen", "last_seen"]
    with conn.transaction(), conn.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('huracan.patterns.' || %s))", (symbol,))
        cursor.execute("DELETE FROM pattern_library WHERE symbol = %s AND night = %s", (symbol, night))
        for pattern, centroid, *rest in patterns.select(columns).iter_rows():
            cursor.execute(
                "INSERT INTO pattern_library VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (symbol, night, pattern, Vector(centroid), *rest),
            )
