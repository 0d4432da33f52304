"""A fill with lawful times, at the price of an hour before its decision."""

from __future__ import annotations

from typing import Any

import polars as pl

from huracan_assets.simulation.trade_outcomes import trade_outcomes
from huracan_assets.validation.replays import Makers
from huracan_assets_tests.leak_zoo.habitats import in_the_rooms
from huracan_assets_tests.leak_zoo.leak import Leak


def hindsight(grid: Any, bars: pl.DataFrame, *rest: Any) -> pl.DataFrame:
    made = trade_outcomes(grid, bars, *rest)
    gained = 1e4 * pl.col("side") * (pl.col("exit_price") / pl.col("entry_price").shift(8) - 1.0)
    gross = pl.coalesce(gained, "gross_bps")
    return made.with_columns(gross_bps=gross, net_bps=gross - pl.col("cost_bps") - pl.col("funding_bps"))


LEAK = Leak(
    plants="outcomes that count from the fill of the decision an hour before: no time is wrong, every trend pays",
    twin="outcomes that count from their own fill",
    check="target_proxy",
    planted=lambda: in_the_rooms(Makers(outcomes=hindsight)),
    clean=lambda: in_the_rooms(Makers()),
)
