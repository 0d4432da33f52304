"""What does it remind us of? Patterns in the ledger of the night before, and what they say at tonight's bars."""

import dagster as dg
import polars as pl

from huracan_assets.memory.patterns import PATTERN_SCHEMA, find_patterns, replace_patterns
from huracan_assets.memory.trade_memory import (
    RECALL_SCHEMA,
    latest_night,
    recall,
    remembered_embedding,
    remembered_ledger,
)
from huracan_assets.observability.tables import markdown_table
from huracan_assets.partitions import symbol_day
from huracan_assets.resources import postgres
from huracan_assets.resources.io_manager import artifact
from huracan_assets.resources.materialize import room
from huracan_assets.settings import settings


@dg.asset(**room("memory", "postgres", "parquet"))
def pattern_library(
    context: dg.AssetExecutionContext, decision_bars: pl.DataFrame
) -> dg.MaterializeResult[pl.DataFrame]:
    """How the trades most like each of tonight's bars went, of those whose result was known at that bar.

    The trades are those of the newest night before this one. A first night remembers nothing: every bar then has
    0 neighbours. The clusters found among them are stored as the night's patterns.
    """
    day, symbol = symbol_day(context.partition_key)
    with postgres.connection() as connection:
        night = latest_night(connection, symbol, day)
        if night is None:
            patterns = pl.DataFrame(schema=PATTERN_SCHEMA)
            recalled = _nothing(decision_bars)
        else:
            patterns = find_patterns(
                remembered_ledger(connection, symbol, night), settings().memory.patterns, settings().seed
            )
            embedding = remembered_embedding(connection, symbol, night)
            names = tuple(name for name in decision_bars.columns if name != "as_of")
            points = embedding.transform(decision_bars.select(names).cast(pl.Float32).to_numpy(), names)
            as_of = decision_bars["as_of"].to_numpy().astype("datetime64[us]")
            recalled = recall(connection, symbol, night, as_of, points, settings().memory.neighbours)
        replace_patterns(connection, symbol, day, patterns)
    shown = patterns.select(pl.exclude("centroid"))
    return artifact(
        recalled,
        {
            "remembered_night": "none" if night is None else night.isoformat(),
            "remembered_trades": int(patterns["trades"].sum()),
            "patterns": dg.MetadataValue.md(markdown_table(shown.to_dicts())),
        },
    )


def _nothing(bars: pl.DataFrame) -> pl.DataFrame:
    """What is recalled where nothing is remembered: no neighbours, no figures."""
    blanks = [
        (pl.lit(0) if kind.is_integer() else pl.lit(None)).cast(kind).alias(name)
        for name, kind in RECALL_SCHEMA.items()
    ]
    return bars.select(blank if blank.meta.output_name() != "as_of" else pl.col("as_of") for blank in blanks)
