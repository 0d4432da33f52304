"""A trade filled at the open of the minute in which it was decided."""

from __future__ import annotations

from typing import Any

import polars as pl

from huracan_assets.simulation.trade_outcomes import trade_outcomes
from huracan_assets.validation.replays import Makers
from huracan_assets_tests.leak_zoo.habitats import in_the_rooms
from huracan_assets_tests.leak_zoo.leak import Leak


def instant(grid: Any, bars: Any, funding: Any, costs: Any, simulation: Any, *rest: Any) -> pl.DataFrame:
    at_once = simulation.model_copy(update={"latency_minutes": 0})
    return trade_outcomes(grid, bars, funding, costs, at_once, *rest)


LEAK = Leak(
    plants="a latency of no minute: fills at the very instant of the decision",
    twin="fills at the open of the next minute",
    check="timestamp_alignment",
    planted=lambda: in_the_rooms(Makers(outcomes=instant)),
    clean=lambda: in_the_rooms(Makers()),
)
