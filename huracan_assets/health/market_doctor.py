"""The grid accounting of a symbol in the lake: every minute by status, every gap, and the command that repairs it.

It reads the lake, and the source only where that costs no request. Nothing is repaired here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from huracan_assets.days import days_between, unbroken_spans
from huracan_assets.errors import StorageError
from huracan_assets.guards.quality_window import QualityWindow
from huracan_assets.market.contract import empty_candles
from huracan_assets.market.minute_status import (
    OUTAGE,
    STATUS_SCHEMA,
    UNKNOWN,
    absent_minutes,
    minutes_by_status,
    stretches,
    unknown_minutes,
)
from huracan_assets.market.repair import CANDLE_VIEWS, materialize_command
from huracan_assets.market.revisions import last_compared, later_answers, revisions
from huracan_assets.market.status_inputs import stale_days
from huracan_assets.resources.lake import Lake
from huracan_assets.settings import MarketSettings

Ask = Callable[[Sequence[date]], Mapping[date, pl.DataFrame]]
Assets = tuple[str, ...]

VENUE_WAS_DOWN = "not needed: the venue was down"
SOURCE_HAS_NO_MORE = "not possible: the source has no more"
STATUS: Assets = ("minute_status",)
REPORT: Assets = ("revision_report",)


@dataclass(frozen=True)
class Gap:
    """`minutes` minutes from `begin` on that are an outage or unknown; `repair` numbers commands, or says why none."""

    begin: datetime
    minutes: int
    status: str
    repair: str


@dataclass(frozen=True)
class Finding:
    """What is wrong with the days [first, last] as a whole; `repair` as a gap's."""

    first: date
    last: date
    finding: str
    repair: str


@dataclass(frozen=True)
class Account:
    """What the lake holds of a symbol over [first, last], and the commands that repair it.

    Of the `days_held` the source was asked again of `days_asked`: of the others nobody knows whether it revised them.
    """

    symbol: str
    first: date
    last: date
    days_held: int
    days_asked: int
    minutes: Mapping[str, int]
    findings: Sequence[Finding]
    gaps: Sequence[Gap]
    commands: Sequence[str]


@dataclass(frozen=True)
class Days:
    """The days of a symbol by what is the matter with them."""

    absent: list[date]
    damaged: list[date]
    unaccounted: list[date]
    lacking: list[date]  # of these the days with absent minutes
    asked: frozenset[date]  # of again, as they lie there
    revised: Mapping[date, date]  # day -> the night that found it
    quarantined: Mapping[date, str]  # day -> why
    status: Mapping[date, pl.DataFrame]

    @property
    def doubtful(self) -> list[date]:
        """Days that fetching anew may better, if the source has more than the lake."""
        odd = {day for day, frame in self.status.items() if unknown_minutes(frame)}
        return sorted({*self.absent, *self.lacking, *self.quarantined, *odd} - set(self.revised))


class Plan:
    """Commands, numbered from 1: one for each unbroken run of days that wants the same assets."""

    def __init__(self, symbol: str, wanted: Mapping[Assets, Iterable[date]]) -> None:
        self._spans = [(assets, *span) for assets, days in wanted.items() for span in unbroken_spans(days)]
        self.commands = [materialize_command(assets, symbol, first, last) for assets, first, last in self._spans]

    def repair(self, day: date, assets: Assets = CANDLE_VIEWS) -> str:
        """The number of the command that makes `assets` of `day`; why there is none where there is none."""
        numbers = [
            str(number)
            for number, (made, first, last) in enumerate(self._spans, 1)
            if made == assets and first <= day <= last
        ]
        return numbers[0] if numbers else SOURCE_HAS_NO_MORE


def examine(lake: Lake, symbol: str, first: date, last: date, market: MarketSettings, ask: Ask | None) -> Account:
    """Account for the days [first, last] of a symbol.

    Args:
        ask: the source's candles of days, empty where it has none; None where asking costs requests.
    """
    days = days_between(first, last)
    found = sort_days(lake, symbol, days, market)
    anew = {*found.damaged, *found.revised, *found.doubtful} - exhausted(lake, symbol, found, ask)
    plan = Plan(
        symbol,
        {
            CANDLE_VIEWS: anew,
            STATUS: set(found.unaccounted) - anew,
            # A source that took its revision back leaves the candles as they are; only a new report says so.
            REPORT: set(found.revised.values()),
        },
    )
    every = pl.concat([pl.DataFrame(schema=STATUS_SCHEMA), *found.status.values()])
    return Account(
        symbol=symbol,
        first=first,
        last=last,
        days_held=len(days) - len(found.absent),
        days_asked=len(found.asked),
        minutes=minutes_by_status(every),
        findings=_findings(found, plan),
        gaps=_gaps(every, plan),
        commands=plan.commands,
    )


def sort_days(lake: Lake, symbol: str, days: Sequence[date], market: MarketSettings) -> Days:
    """What is the matter with each of `days`, as far as the lake tells."""
    absent = lake.missing("candles", symbol, days)
    held = [day for day in days if day not in set(absent)]
    damaged = [day for day in held if _is_damaged(lake, symbol, day)]
    sound = [day for day in held if day not in set(damaged)]
    unaccounted = stale_days(lake, symbol, sound, market)
    accounted = [day for day in sound if day not in set(unaccounted)]
    asked, revised = _asked_again(lake, symbol, sound)
    return Days(
        absent=absent,
        damaged=damaged,
        unaccounted=unaccounted,
        lacking=[day for day in unaccounted if absent_minutes(lake.read_frame("candles", symbol, day), day)],
        asked=asked,
        revised=revised,
        quarantined={day: why for day, why in _quarantined(lake, symbol).items() if day in set(sound)},
        status={day: lake.read_frame("minute_status", symbol, day) for day in accounted},
    )


def exhausted(lake: Lake, symbol: str, found: Days, ask: Ask | None) -> set[date]:
    """Those of the doubtful days of which it is known that the source has no more than the lake.

    It is asked where that costs nothing; else it is known of the days that a night compared and found the same.
    """
    if ask is None:
        held = [day for day in found.doubtful if day not in set(found.absent)]
        return set(last_compared(lake, symbol, held, held_days(lake, "revision_report", symbol)))
    absent, now = set(found.absent), ask(found.doubtful)

    def has_no_more(day: date) -> bool:
        was = empty_candles() if day in absent else lake.read_frame("candles", symbol, day)
        return revisions(day, was, now[day]).is_empty()

    return {day for day in found.doubtful if has_no_more(day)}


def held_days(lake: Lake, asset: str, symbol: str, extension: str = "parquet") -> list[date]:
    """The days of an asset that lie in the lake, in order."""
    folder = lake.base / asset / symbol
    names = [file.name for file in folder.iterdir()] if folder.exists() else []
    return sorted(
        date.fromisoformat(name.removesuffix(f".{extension}"))
        for name in names
        if name.endswith(f".{extension}") and not name.startswith(".")
    )


def _is_damaged(lake: Lake, symbol: str, day: date) -> bool:
    """Whether a file of the day cannot be read back as it was written."""
    try:
        for asset in CANDLE_VIEWS:
            if lake.has(asset, symbol, day):
                lake.read_frame(asset, symbol, day)
    except StorageError:
        return True
    return False


def _asked_again(lake: Lake, symbol: str, days: Sequence[date]) -> tuple[frozenset[date], dict[date, date]]:
    """The days that the source was asked of again; those that it then told differently, and the night that found it."""
    nights = held_days(lake, "revision_report", symbol)
    if not days or not nights:
        return frozenset(), {}
    later, newest = later_answers(lake, symbol, days, nights[-1]), last_compared(lake, symbol, days, nights)
    revised = set(later.revised["day"])
    return later.asked, {day: night for day, night in sorted(newest.items()) if day in revised}


def _quarantined(lake: Lake, symbol: str) -> dict[date, str]:
    """What the newest night that was judged has in quarantine."""
    nights = held_days(lake, "data_quality_report", symbol, "json")
    if not nights:
        return {}
    window = lake.read_model("data_quality_report", symbol, nights[-1], QualityWindow)
    return {report.day: "; ".join(report.reasons) for report in window.days if report.quarantined}


def _findings(found: Days, plan: Plan) -> list[Finding]:
    def account(day: date) -> str:
        own = plan.repair(day, STATUS)
        return plan.repair(day) if own == SOURCE_HAS_NO_MORE else own

    listed = [
        *_together(found.absent, "no candles", plan.repair),
        *_together(found.damaged, "a damaged file", plan.repair),
        *_together(found.unaccounted, "minutes not accounted for", account),
    ]
    for day, night in found.revised.items():
        both = f"{plan.repair(day)}, then {plan.repair(night, REPORT)}"
        listed.append(Finding(day, day, f"the source tells it differently since {night}", both))
    for day, why in found.quarantined.items():
        listed.append(Finding(day, day, f"in quarantine: {why}", plan.repair(day)))
    return sorted(listed, key=lambda finding: (finding.first, finding.finding))


def _together(days: Sequence[date], finding: str, repair_of: Callable[[date], str]) -> list[Finding]:
    """One line for each run of days; a run breaks where its repair does."""
    by_repair: dict[str, list[date]] = {}
    for day in days:
        by_repair.setdefault(repair_of(day), []).append(day)
    return [Finding(*span, finding, repair) for repair, alike in by_repair.items() for span in unbroken_spans(alike)]


def _gaps(every: pl.DataFrame, plan: Plan) -> list[Gap]:
    gaps = []
    for kind in (OUTAGE, UNKNOWN):
        for begin, end, minutes in stretches(every, kind).iter_rows():
            days = days_between(begin.date(), (end - timedelta(minutes=1)).date())
            repairs = sorted({plan.repair(day) for day in days})
            gaps.append(Gap(begin, minutes, kind, VENUE_WAS_DOWN if kind == OUTAGE else ", ".join(repairs)))
    return sorted(gaps, key=lambda gap: gap.begin)
