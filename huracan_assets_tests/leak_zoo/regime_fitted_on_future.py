"""Regimes whose thresholds are quantiles of the whole window."""

from __future__ import annotations

import polars as pl

from huracan_assets.regimes.regimes import classify
from huracan_assets.validation.replays import Makers
from huracan_assets_tests.leak_zoo.habitats import in_the_rooms
from huracan_assets_tests.leak_zoo.leak import Leak


def leaky(bars: pl.DataFrame) -> pl.DataFrame:
    return classify(bars.with_columns(pl.col("vol_ratio") / pl.col("vol_ratio").quantile(0.5)))


def honest(bars: pl.DataFrame) -> pl.DataFrame:
    past = pl.col("vol_ratio").rolling_median(96, min_samples=1)
    return classify(bars.with_columns(pl.col("vol_ratio") / past))


LEAK = Leak(
    plants="volatility measured against its median over all bars",
    twin="against its median over the last day",
    check="timestamp_alignment",
    planted=lambda: in_the_rooms(Makers(regimes=leaky)),
    clean=lambda: in_the_rooms(Makers(regimes=honest)),
)
