"""What kind of market was it? A regime for each decision bar, from that bar's features alone."""

import dagster as dg
import polars as pl

from huracan_assets.observability.plots import regime_ribbon
from huracan_assets.observability.tables import markdown_table
from huracan_assets.regimes.regimes import classify, summary
from huracan_assets.resources.io_manager import artifact
from huracan_assets.resources.materialize import room

SHOWN_BARS = 14 * 96


@dg.asset(**room("regimes", "polars", "parquet"))
def regimes(decision_bars: pl.DataFrame) -> dg.MaterializeResult[pl.DataFrame]:
    """TREND, RANGE or PANIC with probabilities, and an early warning of a shift, for each bar of the look-back."""
    frame = classify(decision_bars)
    recent = frame.tail(SHOWN_BARS)
    return artifact(
        frame,
        {
            "summary": dg.MetadataValue.md(markdown_table(summary(frame).to_dicts())),
            "newest_two_weeks": dg.MetadataValue.md(
                regime_ribbon(recent["as_of"].to_numpy(), recent["regime"].to_list())
            ),
        },
    )
