"""A trade recalled before its result was known."""

from __future__ import annotations

import numpy as np
import polars as pl

from huracan_assets.guards.leakage import Finding
from huracan_assets.memory.recall import check_known
from huracan_assets_tests.leak_zoo import night
from huracan_assets_tests.leak_zoo.habitats import refused
from huracan_assets_tests.leak_zoo.leak import Leak


def recalled(lag_bars: int) -> list[Finding]:
    """Each bar recalls the trade that was opened `lag_bars` before it."""
    trades = night.window().outcomes.filter(pl.col("side") == 1)
    known_at, as_of = trades["exit_at"].to_numpy(), trades["as_of"].to_numpy()
    rows = np.arange(96, len(as_of))
    return refused(lambda: check_known(known_at[rows - lag_bars], as_of[rows]), "check_known")


LEAK = Leak(
    plants="each bar recalls the trade of the bar before it, still open",
    twin="the trade of a day before, long closed",
    check="check_known",
    planted=lambda: recalled(1),
    clean=lambda: recalled(96),
)
