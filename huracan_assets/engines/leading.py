"""The technique of a bar: the engine that speaks loudest."""

from __future__ import annotations

import polars as pl


def leading_engine(signals: pl.DataFrame) -> pl.Series:
    """For each bar of `signals`, in order, the engine with the highest confidence x affinity, or "none".

    Ties go to the engine that stands first.
    """
    spoken = signals.with_columns(
        loudness=pl.when(pl.col("side") != 0).then(pl.col("confidence") * pl.col("affinity")).otherwise(0.0)
    )
    loudest = spoken.group_by("as_of", maintain_order=True).agg(
        pl.col("engine").get(pl.col("loudness").arg_max()), pl.col("loudness").max()
    )
    return loudest.select(pl.when(pl.col("loudness") > 0.0).then("engine").otherwise(pl.lit("none")).alias("engine"))[
        "engine"
    ]
