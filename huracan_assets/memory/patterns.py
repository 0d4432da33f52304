"""Patterns: clusters of similar set-ups among the remembered trades, each with its record.

A pattern speaks of all that was remembered when it was found: it may inform what comes after that night and nothing in
it.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.memory.pattern_record import record, shrunk_means
from huracan_assets.memory.set_up_map import DIMENSIONS
from huracan_assets.memory.set_ups import TIME

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

Points = NDArray[np.float64]
Labels = NDArray[np.int64]

PATTERN_SCHEMA: dict[str, pl.DataType] = {
    "pattern": pl.Int16(), "trades": pl.Int32(), "long_share": pl.Float64(), "win_rate": pl.Float64(),
    "mean_net_bps": pl.Float64(), "shrunk_net_bps": pl.Float64(), "confidence": pl.Float64(),
    "recent_trades": pl.Int32(), "recent_net_bps": pl.Float64(), "health": pl.String(), "first_seen": TIME,
    "last_seen": TIME, "centroid": pl.Array(pl.Float32(), DIMENSIONS),
}  # fmt: skip
ELSEWHERE_SCHEMA: dict[str, pl.DataType] = {"elsewhere_trades": pl.Int32(), "elsewhere_net_bps": pl.Float64()}

STARTS = 4
"""K-means runs from as many seeded starts and keeps the tightest."""

MEAN_TRADES = (12, 40)
"""Trades a pattern has on average, at least and at most: fewer say nothing, and more mix what differs."""

CANDIDATES = 6
MOST_COMPARED = 1_500
"""Set-ups whose pairs are measured to choose the number of patterns, evenly spread where there are more."""


def find_patterns(set_ups: pl.DataFrame, most: int, seed: int) -> pl.DataFrame:
    """Cluster set-ups (k-means, Lloyd 1982) and tell each cluster's record.

    Args:
        set_ups: columns of `SET_UP_SCHEMA`, in any order.
        most: patterns at most.
        seed: of the starts.

    Returns:
        One row a pattern, the one with most trades first; columns of `PATTERN_SCHEMA`. `first_seen` and `last_seen`
        are decision times. No rows where nothing is remembered.
    """
    if set_ups.is_empty():
        return pl.DataFrame(schema=PATTERN_SCHEMA)
    trades = set_ups.sort("as_of", "known_at")
    points = trades["embedding"].to_numpy().astype(np.float64)
    labels = _clusters(points, most, seed)
    shrunk = shrunk_means(trades["net_bps"].to_numpy(), labels)
    rows = [
        record(trades.filter(pl.Series(labels == label)))
        | {"shrunk_net_bps": float(shrunk[label]), "centroid": points[labels == label].mean(axis=0).tolist()}
        for label in range(len(shrunk))
    ]
    patterns = pl.DataFrame([row | {"pattern": 0} for row in rows], schema=PATTERN_SCHEMA)
    ordered = patterns.with_row_index("label").sort("trades", "first_seen", "label", descending=[True, False, False])
    return ordered.with_columns(pattern=pl.int_range(pl.len(), dtype=pl.Int16)).select(list(PATTERN_SCHEMA))


def _clusters(points: Points, most: int, seed: int) -> Labels:
    """Labels in order of first appearance: scikit-learn's own order hangs on its starts."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    distinct = len(np.unique(points, axis=0))
    with threadpool_limits(limits=1):
        numbers = sorted({min(number, distinct) for number in candidates(len(points), most)})
        found = [_k_means(points, number, seed) for number in numbers]
        best = found[int(np.argmax(silhouettes(points, found)))] if len(found) > 1 else found[0]
    _, first, inverse = np.unique(best, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


def candidates(trades: int, most: int) -> list[int]:
    """Numbers of patterns worth a try, ascending: evenly spaced ratios between the ends that `MEAN_TRADES` sets."""
    least, greatest = (max(1, trades // mean) for mean in reversed(MEAN_TRADES))
    ladder = np.geomspace(min(least, most), min(greatest, most), CANDIDATES)
    return sorted({round(number) for number in ladder.tolist()})


def silhouettes(points: Points, clusterings: list[Labels]) -> list[float]:
    """Mean silhouette width of each clustering (Rousseeuw 1987), in [-1, 1]; a point alone in its cluster has 0.

    The distances are measured once for all.
    """
    from scipy.spatial.distance import cdist

    step = -(-len(points) // MOST_COMPARED)
    sample = points[::step]
    distance = cdist(sample, sample)
    return [_silhouette(distance, labels[::step]) for labels in clusterings]


def _silhouette(distance: Points, labels: Labels) -> float:
    names, labels = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        return 0.0
    member = np.zeros((len(labels), len(names)))
    member[np.arange(len(labels)), labels] = 1.0
    size = member.sum(axis=0)
    total = distance @ member
    rows = np.arange(len(labels))
    inside = total[rows, labels] / np.maximum(size[labels] - 1.0, 1.0)
    mean = total / size
    mean[rows, labels] = np.inf
    outside = mean.min(axis=1)
    wider = np.maximum(inside, outside)
    width = np.divide(outside - inside, wider, out=np.zeros(len(rows)), where=(wider > 0) & (size[labels] > 1))
    return float(width.mean())


def _k_means(points: Points, number: int, seed: int) -> Labels:
    from sklearn.cluster import KMeans

    found: Labels = KMeans(number, n_init=STARTS, random_state=seed, algorithm="lloyd").fit_predict(points)
    return found


def replace_patterns(conn: Connection, symbol: str, night: date, patterns: pl.DataFrame) -> None:
    """Store a night's patterns in place of what was stored of that night before; all or nothing.

    Args:
        patterns: columns of `PATTERN_SCHEMA` and `ELSEWHERE_SCHEMA`.
    """
    from pgvector import Vector

    columns = [*PATTERN_SCHEMA, *ELSEWHERE_SCHEMA]
    insert = "INSERT INTO pattern_library VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    rows = patterns.with_columns(pl.col(pl.Float64).fill_nan(None)).select(columns).rows()
    centroid = columns.index("centroid")
    with conn.transaction(), conn.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('huracan.patterns.' || %s))", (symbol,))
        cursor.execute("DELETE FROM pattern_library WHERE symbol = %s AND night = %s", (symbol, night))
        cursor.executemany(
            insert,
            [(symbol, night, *row[:centroid], Vector(row[centroid]), *row[centroid + 1 :]) for row in rows],
        )
