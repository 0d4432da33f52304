"""The benchmark stamped an hour early: each feature is made of what lies in the lake, and the lake is wrong."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from huracan_assets.features.kernels import Array
from huracan_assets.features.rolling import total
from huracan_assets.features.window import Window
from huracan_assets.guards.feature_truncation import Market
from huracan_assets_tests.leak_zoo import night
from huracan_assets_tests.leak_zoo.habitats import in_the_recipe
from huracan_assets_tests.leak_zoo.leak import Leak


def ahead(by: timedelta) -> Market:
    benchmark = night.market().benchmark
    assert benchmark is not None
    return night.market()._replace(benchmark=benchmark.with_columns(pl.col("ts", "known_at") - by))


def benchmark_hour(window: Window) -> Array:
    return total(window.benchmark_returns, 60)


LEAK = Leak(
    plants="a benchmark whose clock is an hour ahead; no recomputation shows it, the cliff of the correlations does",
    twin="a clock that goes right",
    check="future_correlation",
    planted=lambda: in_the_recipe(benchmark_hour, ahead(timedelta(hours=1))),
    clean=lambda: in_the_recipe(benchmark_hour, ahead(timedelta(0))),
)
