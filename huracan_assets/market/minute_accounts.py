"""The minute status of days, made from what lies in the lake, its witnesses fetched where minutes are absent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from huracan_assets.days import MINUTES_PER_DAY
from huracan_assets.errors import CandleError, MissingDays
from huracan_assets.market.minute_status import (
    STATUSES,
    Codes,
    absent_minutes,
    minute_mask,
    minute_status,
    minutes_by_status,
    validate_status,
)
from huracan_assets.market.status_inputs import inputs_tag, status_inputs, witness_inputs
from huracan_assets.observability.day_strip import day_strip
from huracan_assets.resources.lake import Lake
from huracan_assets.settings import MarketSettings

Fetch = Callable[[str, Sequence[date]], object]

DAYS_AT_ONCE = 31  # so that memory does not grow with a range
COLOURS = ("#cfe0d4", "#b9c3cc", "#d97d1e", "#bf3945")  # of STATUSES, in their order


def make_statuses(
    lake: Lake, symbol: str, days: Sequence[date], market: MarketSettings, fetch_candles: Fetch
) -> dict[date, dict[str, Any]]:
    """Account for every minute of days of one symbol, and write each day; `candles` and `hourly_candles` lie there.

    A day's answer depends on the source alone: witnesses are asked whenever a minute is absent, whatever else
    the lake happens to hold.

    Args:
        fetch_candles: brings days of another symbol into the lake, or raises as the source does.

    Returns:
        The metadata of each day.
    """
    made: dict[date, dict[str, Any]] = {}
    for start in range(0, len(days), DAYS_AT_ONCE):
        made |= _account(lake, symbol, days[start : start + DAYS_AT_ONCE], market, fetch_candles)
    return made


def _account(
    lake: Lake, symbol: str, days: Sequence[date], market: MarketSettings, fetch_candles: Fetch
) -> dict[date, dict[str, Any]]:
    # Inputs are named before they are read, so that a file replaced in between is seen as a change.
    inputs = {day: status_inputs(lake, symbol, day, ()) for day in days}
    own = {day: lake.read_frame("candles", symbol, day) for day in days}
    asked = {day: market.witnesses_of(symbol, day) for day in days if absent_minutes(own[day], day)}
    for name in market.witnesses:
        _fetch_witness(lake, name, [day for day, names in asked.items() if name in names], fetch_candles)
    made: dict[date, dict[str, Any]] = {}
    for day in days:
        names = asked.get(day, ())
        tag = inputs_tag(inputs[day] | witness_inputs(lake, day, names))
        hourly = lake.read_frame("hourly_candles", symbol, day)
        witnesses = [lake.read_frame("candles", name, day) for name in names if lake.has("candles", name, day)]
        status = validate_status(minute_status(day, own[day], hourly, witnesses), symbol=symbol, day=day)
        digest = lake.write_frame("minute_status", symbol, day, status, tag)
        made[day] = {"content_sha256": digest, "dagster/row_count": status.height, **minutes_by_status(status)}
    return made


def status_strip(status: pl.DataFrame, day: date) -> str:
    """The day as a strip of colour: traded, empty, outage, unknown."""
    codes: Codes = np.zeros(MINUTES_PER_DAY, np.int8)
    for code, name in enumerate(STATUSES):
        codes[minute_mask(status, day, day, name)] = code
    told = ", ".join(
        f"{minutes} {name.replace('_', ' ')}" for name, minutes in minutes_by_status(status).items() if minutes
    )
    return day_strip(codes, COLOURS, f"{day}: {told}")


def status_table(status: pl.DataFrame) -> list[Mapping[str, object]]:
    """Minutes by status as rows of a table."""
    return [{"status": name, "minutes": minutes} for name, minutes in minutes_by_status(status).items()]


def _fetch_witness(lake: Lake, name: str, days: Sequence[date], fetch_candles: Fetch) -> None:
    """Fetch what the source has of a witness; days that it has not, or not rightly, testify nothing."""
    wanted = lake.missing("candles", name, days)
    if not wanted:
        return
    try:
        fetch_candles(name, wanted)
    except (MissingDays, CandleError):
        for day in lake.missing("candles", name, wanted) if len(wanted) > 1 else []:
            _fetch_witness(lake, name, [day], fetch_candles)
