"""What does it remind us of? The trades of earlier nights, what they say at tonight's bars, and their patterns."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.days import midnight
from huracan_assets.features.feature_version import FeatureVersion
from huracan_assets.memory.elsewhere import Elsewhere, ask_elsewhere, replace_cross_search, stored_cross_search
from huracan_assets.memory.pattern_record import HEALTH
from huracan_assets.memory.patterns import ELSEWHERE_SCHEMA, find_patterns, replace_patterns
from huracan_assets.memory.recall import recall
from huracan_assets.memory.set_up_map import DIMENSIONS, SetUpMap
from huracan_assets.memory.set_ups import Held, Memory, compare_nights, held, known_set_ups
from huracan_assets.observability.pattern_plot import pattern_bars
from huracan_assets.observability.tables import markdown_table
from huracan_assets.partitions import symbol_day
from huracan_assets.resources import postgres
from huracan_assets.resources.io_manager import artifact
from huracan_assets.resources.materialize import room
from huracan_assets.settings import settings

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

SHOWN = {
    "pattern": "pattern", "trades": "trades", "win_rate": "win rate", "mean_net_bps": "mean bps",
    "shrunk_net_bps": "less luck", "confidence": "confidence", "recent_net_bps": "newest bps", "health": "health",
    "age_days": "age, days", "elsewhere_net_bps": "other coins bps",
}  # fmt: skip


@dg.asset(**room("memory", "postgres", "parquet"))
def pattern_library(
    context: dg.AssetExecutionContext,
    feature_version: FeatureVersion,
    decision_bars: pl.DataFrame,
    regimes: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """How the trades most like each of tonight's bars went, of those whose result was known at that bar.

    The trades are those of all nights before this one under the same map whose leakage report was clean, each counted
    once. A first night remembers nothing, nor does the first one of a new recipe: every bar then has 0 neighbours. The
    clusters found among them are stored as the night's patterns, each with its record and with what set-ups like it
    brought in other coins.
    """
    day, symbol = symbol_day(context.partition_key)
    mapped = SetUpMap.of(feature_version, settings())
    memory = Memory(symbol, mapped.name, day)
    points = mapped.points(decision_bars)
    as_of = decision_bars["as_of"].to_numpy().astype("datetime64[us]")
    in_order = decision_bars.select("as_of").join(regimes, on="as_of", how="left", maintain_order="left")
    regime = in_order["regime"].to_numpy().astype(str)
    with postgres.connection() as connection:
        compare_nights(connection, day)
    with postgres.connection() as connection:
        set_ups = known_set_ups(connection, memory)
        recalled = recall(connection, memory, as_of, regime, points, settings().memory.neighbours)
        patterns, elsewhere = _patterns(connection, memory, set_ups, as_of, points)
        nights = held(connection, memory)
    return artifact(recalled, _page(nights, set_ups.height, recalled, patterns, elsewhere, day))


def _patterns(
    connection: "Connection",
    memory: Memory,
    set_ups: pl.DataFrame,
    as_of: NDArray[np.datetime64],
    points: NDArray[np.float32],
) -> tuple[pl.DataFrame, Elsewhere]:
    """The night's patterns with what other coins know of them, stored."""
    wanted = settings().memory
    patterns = find_patterns(set_ups, wanted.patterns, settings().seed)
    begin = np.datetime64(midnight(memory.before).replace(tzinfo=None), "us")
    centroids = patterns["centroid"].to_numpy().reshape(-1, DIMENSIONS).astype(np.float32)
    placed = np.flatnonzero(~np.isnan(points).any(axis=1))
    probes = placed[np.linspace(0, len(placed) - 1, min(wanted.recall_probes, len(placed))).astype(int)]
    elsewhere = ask_elsewhere(
        connection,
        memory,
        (np.full(patterns.height, begin), centroids),
        (as_of[probes], points[probes]),
        wanted.neighbours,
        wanted.min_recall,
    )
    told = pl.DataFrame(
        {"elsewhere_trades": elsewhere.trades, "elsewhere_net_bps": elsewhere.net_bps}, schema=ELSEWHERE_SCHEMA
    ).with_columns(pl.col(pl.Float64).fill_nan(None))
    patterns = patterns.hstack(told)
    replace_patterns(connection, memory.symbol, memory.before, patterns)
    replace_cross_search(connection, memory.symbol, memory.before, elsewhere.search)
    return patterns, elsewhere


def _page(
    nights: Held, set_ups: int, recalled: pl.DataFrame, patterns: pl.DataFrame, elsewhere: Elsewhere, day: date
) -> Mapping[str, Any]:
    age = (pl.lit(midnight(day)) - pl.col("first_seen")).dt.total_days().alias("age_days")
    shown = patterns.with_columns(age).select(list(SHOWN))
    states = [
        {"health": state, "patterns": int((patterns["health"] == state).sum()), "rule": rule}
        for state, rule in HEALTH.items()
    ]
    trades, mean, shrunk = (patterns[name].to_numpy() for name in ("trades", "mean_net_bps", "shrunk_net_bps"))
    search = elsewhere.search
    return {
        "remembered_nights": nights.nights,
        "newest_remembered_night": "none" if nights.newest is None else nights.newest.isoformat(),
        "nights_under_another_map": nights.other_nights,
        "nights_not_cleared": nights.not_cleared,
        "remembered_trades": set_ups,
        "bars_with_neighbours": int((recalled["neighbours"] > 0).sum()),
        "bars_of_all_regimes": int((~recalled["same_regime"]).sum()),
        "patterns": dg.MetadataValue.md(markdown_table(shown.to_dicts(), SHOWN) if patterns.height else "_none yet_"),
        "health": dg.MetadataValue.md(markdown_table(states)),
        "record": dg.MetadataValue.md(pattern_bars(trades, mean, shrunk, patterns["health"].to_list())),
        "other_coins": search.sentence,
        **({} if search.recall is None else {"recall_at_k": search.recall}),
    }


@dg.asset_check(asset=pattern_library)
def cross_symbol_recall(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Does the approximate search among all coins find enough of the true neighbours?

    It warns and stops nothing: where it does not, exact search has answered in its place.
    """
    day, symbol = symbol_day(context.op_execution_context.partition_key)
    with postgres.connection() as connection:
        search = stored_cross_search(connection, symbol, day)
    if search is None:
        return dg.AssetCheckResult(passed=False, description="the night has stored no search: materialise it again")
    return dg.AssetCheckResult(
        passed=not search.exact,
        severity=dg.AssetCheckSeverity.WARN,
        description=search.sentence,
        metadata={"set_ups": search.set_ups, "probes": search.probes, "bound": settings().memory.min_recall},
    )
