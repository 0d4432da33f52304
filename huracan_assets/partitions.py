"""Symbol x day, the grid on which everything stands."""

from __future__ import annotations

import warnings
from datetime import date

import dagster as dg

from huracan_assets.settings import settings

# MultiPartitionMapping, which every look-back uses, says at each start that it is in beta.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

days = dg.DailyPartitionsDefinition(start_date=settings().market.first_day.isoformat(), timezone="UTC")
symbols = dg.StaticPartitionsDefinition(list(settings().market.symbol_names()))
symbol_days = dg.MultiPartitionsDefinition({"day": days, "symbol": symbols})


def trailing(days_back: int) -> dg.MultiPartitionMapping:
    """A symbol-day reads the same symbol's day and the `days_back` days before it."""
    return dg.MultiPartitionMapping(
        {
            "day": dg.DimensionPartitionMapping("day", dg.TimeWindowPartitionMapping(start_offset=-days_back)),
            "symbol": dg.DimensionPartitionMapping("symbol", dg.IdentityPartitionMapping()),
        }
    )


look_back = trailing(settings().look_back_days - 1)


def partition_key(day: date, symbol: str) -> str:
    """Dagster's key of a symbol-day, e.g. `2026-01-02|BTC-USDT` (dimensions in alphabetical order)."""
    return f"{day.isoformat()}|{symbol}"


def symbol_day(key: str) -> tuple[date, str]:
    """The day and symbol of a partition key."""
    day, symbol = key.split("|")
    return date.fromisoformat(day), symbol
