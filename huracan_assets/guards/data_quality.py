"""Can days of candles be trusted? Six checks, each with a figure, a bound and a sentence.

A quarantined day trains nothing and trades nothing. All days of a window are judged at once: a splice at midnight is
seen only from both sides, and arrays of many days cost little more than one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from huracan_assets.days import MINUTES_PER_DAY
from huracan_assets.guards import completeness, cross_source, outliers, staleness, timestamps, zero_volume
from huracan_assets.guards.check_result import DayQuality
from huracan_assets.market.capped_returns import ReturnCap
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.market.revisions import LaterAnswers, later_answers
from huracan_assets.resources.lake import Lake
from huracan_assets.settings import GuardSettings

# What each check asks, in the order of a report.
CHECKS = {
    completeness.NAME: "Is it known of every minute what happened in it?",
    staleness.NAME: "Does the feed move, or repeat itself?",
    outliers.NAME: "Are there bad ticks, splices, or moves that nothing confirms?",
    zero_volume.NAME: "Was there a market: does hardly a minute pass without a trade?",
    cross_source.NAME: "Do the source's own hours, and what it said later, agree with the minutes?",
    timestamps.NAME: "Does every bar stand at its own minute, by the clock of the benchmark too?",
}


@dataclass(frozen=True)
class Evidence:
    """What is known of one symbol's consecutive days; None where there is no such thing.

    Attributes:
        candles: as in `CANDLE_SCHEMA`; rows at wrong times are told and then left out.
        status: rows of `minute_status`. Without them every absent minute is unknown.
        hourly: the source's own hourly candles.
        later: what the source told of the days when it was asked again.
        benchmark: the benchmark's candles; None for the benchmark itself.
    """

    candles: pl.DataFrame
    status: pl.DataFrame | None = None
    hourly: pl.DataFrame | None = None
    later: LaterAnswers | None = None
    benchmark: pl.DataFrame | None = None


def read_evidence(lake: Lake, symbol: str, benchmark: str, days: Sequence[date]) -> Evidence:
    """What the lake holds of `days`; the benchmark's days that it lacks are left out.

    Raises:
        StorageError: it lacks candles, hourly candles or the minute status of a day.
    """
    absent = set(lake.missing("candles", benchmark, days))
    market = [day for day in days if day not in absent and symbol != benchmark]
    return Evidence(
        candles=lake.read_window("candles", symbol, days),
        status=lake.read_window("minute_status", symbol, days),
        hourly=lake.read_window("hourly_candles", symbol, days),
        later=later_answers(lake, symbol, days, days[-1]),
        benchmark=lake.read_window("candles", benchmark, market) if market else None,
    )


def quality(evidence: Evidence, days: Sequence[date], guards: GuardSettings, max_unknown: int) -> list[DayQuality]:
    """The quality of each of `days`, in order.

    Args:
        days: consecutive.
        max_unknown: a day with more unknown minutes is quarantined.
    """
    sound = timestamps.sound_rows(evidence.candles, days[0], days[-1])
    candles = evidence.candles if sound.all() else evidence.candles.filter(sound)
    grid = MinuteGrid.from_candles(candles, days[0], days[-1])
    benchmark = evidence.benchmark
    market = None if benchmark is None else MinuteGrid.from_candles(benchmark, days[0], days[-1])
    present = grid.present.reshape(len(days), MINUTES_PER_DAY)
    cap = ReturnCap(guards.max_minute_return, evidence.hourly, benchmark)
    checks = zip(
        completeness.completeness(days, present, evidence.status, max_unknown),
        staleness.staleness(grid, guards.max_stale_minutes),
        outliers.outliers(grid, candles, guards.max_return_sigmas, guards.max_seam_bps, cap),
        zero_volume.zero_volume_share(grid, guards.max_zero_volume_share, guards.dead_market_share),
        cross_source.cross_source_agreement(
            days, candles, evidence.hourly, evidence.later, guards.max_amount_difference
        ),
        timestamps.timestamp_integrity(days, evidence.candles, sound, grid, market),
        strict=True,
    )
    missing = MINUTES_PER_DAY - present.sum(axis=1)
    return [DayQuality(day, int(absent), results) for day, absent, results in zip(days, missing, checks, strict=True)]
