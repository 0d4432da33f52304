"""What would each idea do? The signals of all engines at each decision bar."""

import dagster as dg
import polars as pl

from huracan_assets.engines.consensus import alpha_signals as run_engines
from huracan_assets.engines.consensus import consensus
from huracan_assets.observability.tables import markdown_table
from huracan_assets.resources.io_manager import artifact
from huracan_assets.resources.materialize import room


@dg.asset(**room("engines", "polars", "parquet"))
def alpha_signals(decision_bars: pl.DataFrame, regimes: pl.DataFrame) -> dg.MaterializeResult[pl.DataFrame]:
    """Side and confidence of each engine at each bar of the look-back."""
    signals = run_engines(decision_bars, regimes)
    spoken = signals.group_by("engine", maintain_order=True).agg(
        (pl.col("side") > 0).mean().alias("long"),
        (pl.col("side") < 0).mean().alias("short"),
        pl.col("confidence").filter(pl.col("side") != 0).mean().alias("confidence"),
    )
    return artifact(
        signals,
        {
            "engines": dg.MetadataValue.md(markdown_table(spoken.to_dicts())),
            "bars_with_a_vote": int((consensus(signals)["vote"] != 0.0).sum()),
        },
    )
