"""The six checks together: what is planted and what is known of recorded days is found, and nothing else."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from huracan_assets.days import DAY, days_between
from huracan_assets.guards.data_quality import CHECKS, Evidence, quality
from huracan_assets.guards.quality_window import QualityWindow
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets.market.synthetic import SyntheticSource
from huracan_assets.resources.lake import canonical_json
from huracan_assets_tests.guards.quiet_days import FIRST, GUARDS, MAX_UNKNOWN, failing, judged, quiet, without


def test_a_quiet_day_passes_every_check_and_says_nothing() -> None:
    (report,) = judged(quiet())
    assert tuple(check.name for check in report.checks) == tuple(CHECKS)
    assert (report.status, report.reasons, report.missing_minutes) == ("trusted", [], 0)
    assert {check.sentence for check in report.checks if check.judged} == {""}


def test_the_verdict_of_a_day_is_the_same_alone_and_in_a_window() -> None:
    frame = without(quiet(4), 2000, 300)
    window = judged(frame, days=4)
    for place, report in enumerate(window):
        day = FIRST + place * DAY
        assert judged(frame.filter(pl.col("ts").dt.date() == day), first=day) == [report]


@pytest.mark.parametrize(
    ("folder", "symbol", "day", "missing", "says", "status"),
    [
        ("candles_1m_2023", "BTC-USDT", date(2023, 3, 24), 80, "80 from 12:40", "imperfect"),
        ("candles_1m_2023", "ARB-USDT", date(2023, 7, 27), 1210, "1210 from 03:50", "quarantined"),
        ("candles_1m_2023", "SOL-USDT", date(2023, 2, 14), 1, "1 from 16:39", "imperfect"),
        ("candles_1m_2021_crash", "BTC-USDT", date(2021, 4, 20), 150, "150 from 02:00", "quarantined"),
        ("candles_1m_2021_crash", "ETH-USDT", date(2021, 4, 25), 284, "284 from 04:01", "quarantined"),
        ("candles_1m_2021_crash", "BTC-USDT", date(2021, 5, 19), 0, "", "trusted"),
        ("candles_1m_2023", "BTC-USDT", date(2023, 8, 17), 0, "", "trusted"),
    ],
)
def test_known_facts_of_recorded_days_are_found(
    shared: Path, folder: str, symbol: str, day: date, missing: int, says: str, status: str
) -> None:
    candles = ArchiveSource(shared / "data" / folder).candles(symbol, day, day)
    (report,) = judged(candles, first=day)
    assert (report.missing_minutes, report.status) == (missing, status), report.reasons
    assert says in report.check("completeness").sentence


def test_a_month_of_a_crash_and_a_month_of_a_made_market_raise_no_alarm(shared: Path) -> None:
    first, days = date(2021, 5, 1), 31
    last = first + (days - 1) * DAY
    recorded = ArchiveSource(shared / "data" / "candles_1m_2021_crash")
    made = SyntheticSource(symbols=("BTC-USDT", "ETH-USDT"), benchmark="BTC-USDT", first=first, seed=3, edge=0.0)
    for source, own in ((recorded, "DOGE-USDT"), (made, "ETH-USDT")):
        benchmark = source.candles("BTC-USDT", first, last)
        for report in judged(source.candles(own, first, last), days, first, benchmark=benchmark):
            assert failing(report) == [], (report.day, report.reasons)


def test_a_look_back_of_150_days_takes_less_than_a_second_and_a_half_and_little_room() -> None:
    days = days_between(FIRST, FIRST + 149 * DAY)
    evidence = Evidence(without(quiet(150), 50_000, 90), benchmark=quiet(150, seed=9))
    quality(evidence, days, GUARDS, MAX_UNKNOWN)
    began = time.process_time()
    window = QualityWindow(symbol="ETH-USDT", days=tuple(quality(evidence, days, GUARDS, MAX_UNKNOWN)))
    assert time.process_time() - began < 1.5
    assert len(canonical_json(window)) < 200_000
