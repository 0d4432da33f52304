"""A minute that is still being traded, taken for a candle."""

from __future__ import annotations

import polars as pl

from huracan_assets.guards.leakage import Finding
from huracan_assets.market.contract import validate_candles
from huracan_assets_tests.leak_zoo import night
from huracan_assets_tests.leak_zoo.habitats import refused
from huracan_assets_tests.leak_zoo.leak import Leak


def held(known_at: pl.Expr) -> list[Finding]:
    candles = night.market().candles.filter(pl.col("ts").dt.date() == night.LAST).with_columns(known_at=known_at)
    return refused(lambda: validate_candles(candles, symbol=night.SYMBOL, day=night.LAST, origin="the zoo"))


LEAK = Leak(
    plants="candles known half a minute after their open",
    twin="candles known at their close",
    check="contract",
    planted=lambda: held(pl.col("ts").dt.offset_by("30s")),
    clean=lambda: held(pl.col("ts").dt.offset_by("1m")),
)
