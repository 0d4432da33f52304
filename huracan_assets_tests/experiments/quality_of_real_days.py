"""Which recorded days do the six quality checks flag, do they find what is known of them, and do they find lies?

All recorded candles are judged as the engine would: minutes accounted for with the other symbols as witnesses, clocks
against the benchmark, and, on the days that were published twice, minutes against the hours of the other publication.
Then lies are planted into days that passed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import polars as pl

from huracan_assets.days import MINUTE, days_between
from huracan_assets.guards.check_result import DayQuality
from huracan_assets.guards.data_quality import Evidence, quality
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets.market.contract import PRICES
from huracan_assets.market.minute_status import absent_minutes, minute_status
from huracan_assets.market.source import split_days
from huracan_assets.settings import read_settings
from huracan_assets_tests.experiments.harness import Row, experiment
from huracan_assets_tests.guards.quiet_days import hourly_of
from huracan_assets_tests.real_candles import SHARED

SETTINGS = read_settings("local")
DATA = SHARED / "data"
FOLDERS = ("candles_1m_2021_crash", "candles_1m_2023", "perp_candles_1m_2025")
HALT = date(2023, 3, 24)
LISTINGS = {"ARB-USDT": date(2023, 3, 23), "SUI-USDT": date(2023, 5, 3)}
EVER = (date(2020, 1, 1), date(2026, 1, 1))
LIES_A_SYMBOL = 12  # days of each symbol into which each lie is planted


@dataclass(frozen=True)
class Fact:
    """What is known of a recorded day: minutes that are absent, and what becomes of the day."""

    missing: int
    status: str


def _known() -> dict[tuple[str, str, date], Fact]:
    """The facts of the data's own README, by folder, symbol and day."""
    crash, spot = FOLDERS[:2]
    halted = [symbol for symbol in _symbols(spot) if LISTINGS.get(symbol, EVER[0]) < HALT]
    known = {(spot, symbol, HALT): Fact(80, "imperfect") for symbol in halted}
    known[spot, "ARB-USDT", date(2023, 7, 27)] = Fact(1210, "quarantined")
    known[spot, "SOL-USDT", date(2023, 2, 14)] = Fact(1, "imperfect")
    for symbol in _symbols(crash):
        known[crash, symbol, date(2021, 4, 20)] = Fact(150, "imperfect")
        # XRP has a bar in the first minute of the maintenance, which is therefore unknown of the others.
        known[crash, symbol, date(2021, 4, 25)] = Fact(283 if symbol == "XRP-USDT" else 284, "imperfect")
    for symbol, missing in (("BNB-USDT", (214, 925)), ("SOL-USDT", (209, 1279))):
        for day, minutes in zip((date(2021, 5, 14), date(2021, 5, 15)), missing, strict=True):
            known[crash, symbol, day] = Fact(minutes, "quarantined")
    return known


@cache
def _symbols(folder: str) -> tuple[str, ...]:
    return tuple(sorted(file.stem for file in (DATA / folder).glob("*.parquet")))


@cache
def _source(folder: str) -> ArchiveSource:
    return ArchiveSource(DATA / folder)


@cache
def _candles(folder: str, symbol: str) -> pl.DataFrame:
    return _source(folder).candles(symbol, *EVER)


def _files() -> list[tuple[str, str]]:
    return [(folder, symbol) for folder in FOLDERS for symbol in _symbols(folder)]


def _status(folder: str, symbol: str, days: Sequence[date]) -> pl.DataFrame:
    """The accounts of the days that lack minutes; the others have no absent minute to account for."""
    own = split_days(_candles(folder, symbol), days)
    lacking = [day for day in days if absent_minutes(own[day], day)]
    others = [name for name in SETTINGS.market.witnesses if name != symbol and name in _symbols(folder)]
    witnesses = {name: split_days(_candles(folder, name), lacking) for name in others}
    accounts = [minute_status(day, own[day], None, [witnesses[name][day] for name in others]) for day in lacking]
    return pl.concat(accounts)


def _evidence(folder: str, symbol: str, days: Sequence[date]) -> Evidence:
    benchmark = None if symbol == SETTINGS.market.benchmark else _candles(folder, SETTINGS.market.benchmark)
    hourly = None
    if folder == FOLDERS[1]:
        published = ArchiveSource(DATA / "public_archive")
        if published.first_day(symbol) is not None:
            hourly = hourly_of(published.candles(symbol, *EVER))
    return Evidence(_candles(folder, symbol), _status(folder, symbol, days), hourly, None, benchmark)


def _judged(evidence: Evidence, days: Sequence[date]) -> list[DayQuality]:
    return quality(evidence, days, SETTINGS.guards, SETTINGS.market.max_unknown_minutes)


Lie = Callable[[pl.DataFrame], pl.DataFrame]


def _from(minute: int) -> pl.Expr:
    return pl.int_range(pl.len()) >= minute


def _tick(day: pl.DataFrame) -> pl.DataFrame:
    here = pl.int_range(pl.len()) == 700
    ticked = day.with_columns(close=pl.when(here).then(pl.col("close") * 1.1).otherwise("close"))
    return ticked.with_columns(high=pl.max_horizontal("high", "close"))


def _stuck(day: pl.DataFrame) -> pl.DataFrame:
    number = pl.int_range(pl.len())
    place = pl.when((number >= 300) & (number < 390)).then(300).otherwise(number)
    repeated = [name for name in day.columns if name not in ("ts", "known_at")]
    return day.with_columns(pl.col(name).gather(place) for name in repeated)


LIES: dict[str, Lie] = {
    "gap of 200 minutes": lambda day: pl.concat([day[:400], day[600:]]),
    "one bar repeated for 90 minutes": _stuck,
    "close off by 10 % for a minute": _tick,
    "history spliced at 7 % higher": lambda day: day.with_columns(
        pl.when(_from(800)).then(pl.col(name) * 1.07).otherwise(name).alias(name) for name in PRICES
    ),
    "volume of one minute a hundredfold": lambda day: day.with_columns(
        volume=pl.when(pl.int_range(pl.len()) == 700).then(pl.col("volume") * 100).otherwise("volume")
    ),
    "clock 2 minutes late": lambda day: day.with_columns(pl.col("ts") + 2 * MINUTE, pl.col("known_at") + 2 * MINUTE)[
        :-2
    ],
}


def _planted(folder: str, symbol: str, trusted: Sequence[date]) -> dict[str, list[int]]:
    """For each lie, in how many days it was planted and in how many of them it ended in quarantine.

    The hours that the volume is held against are those of the true minutes. The benchmark has no clock beside it.
    """
    chosen = trusted[:: max(1, len(trusted) // LIES_A_SYMBOL)]
    days = split_days(_candles(folder, symbol), chosen)
    beside = split_days(_candles(folder, SETTINGS.market.benchmark), chosen)
    is_benchmark = symbol == SETTINGS.market.benchmark
    found: dict[str, list[int]] = {}
    for name, lie in LIES.items():
        if is_benchmark and "clock" in name:
            continue
        caught = 0
        for day, true in days.items():
            benchmark = None if is_benchmark else beside[day]
            hourly = hourly_of(true) if "volume" in name else None
            caught += _judged(Evidence(lie(true), None, hourly, None, benchmark), [day])[0].quarantined
        found[name] = [len(days), caught]
    return found


def _conclude(rows: Sequence[Mapping[str, Any]]) -> Row:
    planted = {name: [0, 0] for name in LIES}
    for row in rows:
        for name, counts in row["lies"].items():
            planted[name] = [total + more for total, more in zip(planted[name], counts, strict=True)]
    missed = [miss for row in rows for miss in row["known_facts_missed"]]
    alarms = [alarm for row in rows for alarm in row["unexplained"]]
    errors = [alarm for alarm in alarms if alarm["severity"] == "ERROR"]
    days = sum(row["days"] for row in rows)
    recall = {name: caught / total for name, (total, caught) in planted.items()}
    return {
        "days": days,
        "known_facts": len(_known()),
        "known_facts_missed": missed,
        "unexplained_errors": len(errors),
        "unexplained_warnings": len(alarms) - len(errors),
        "recall_of_lies": recall,
        "ok": not missed and not errors and len(alarms) <= 0.005 * days and min(recall.values()) >= 0.95,
    }


@experiment(
    question="Which recorded days do the quality checks flag, and do they find what is known and what is planted?",
    seeds=range(len(_files())),
    conclude=_conclude,
)
def quality_of_real_days(seed: int) -> Row:
    """One recorded file, `seed` its place in the list of files."""
    folder, symbol = _files()[seed]
    candles = _candles(folder, symbol)
    days = days_between(candles["ts"][0].date(), candles["ts"][-1].date())
    reports = _judged(_evidence(folder, symbol, days), days)
    known = {day: fact for (where, whose, day), fact in _known().items() if (where, whose) == (folder, symbol)}
    edges = {days[0]: "the recording begins", days[-1]: "the recording ends"}
    if symbol in LISTINGS:
        edges[LISTINGS[symbol]] = "listed on this day"
    by_day = {report.day: report for report in reports}
    missed = [
        {"symbol": symbol, "day": str(day), "missing": by_day[day].missing_minutes, "status": by_day[day].status}
        for day, fact in known.items()
        if (by_day[day].missing_minutes, by_day[day].status) != (fact.missing, fact.status)
    ]
    flags = [
        {
            "day": str(report.day),
            "check": check.name,
            "severity": check.severity,
            "figure": check.figure,
            "found": check.sentence,
            "explained": edges.get(report.day) or ("known" if report.day in known else None),
        }
        for report in reports
        for check in report.checks
        if not check.passed
    ]
    trusted = [report.day for report in reports if report.status == "trusted"]
    statuses = [report.status for report in reports]
    return {
        "folder": folder,
        "symbol": symbol,
        "days": len(days),
        **{status: statuses.count(status) for status in ("trusted", "imperfect", "quarantined")},
        "judged_by_a_second_view": sum(report.check("cross_source_agreement").judged for report in reports),
        "bars_without_trade": float((candles["volume"] == 0).mean()),  # type: ignore[arg-type]
        "known_facts_missed": missed,
        "flags": flags,
        "unexplained": [{"symbol": symbol, **flag} for flag in flags if flag["explained"] is None],
        "lies": _planted(folder, symbol, trusted),
    }
