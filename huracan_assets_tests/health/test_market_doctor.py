"""The doctor of the market: what it finds in a lake that was damaged by hand, and which command it names for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from huracan_assets.days import DAY, MINUTE, days_between, midnight
from huracan_assets.guards.check_result import CheckResult, DayQuality
from huracan_assets.guards.quality_window import QualityWindow
from huracan_assets.health.market_doctor import (
    SOURCE_HAS_NO_MORE,
    VENUE_WAS_DOWN,
    Account,
    Gap,
    examine,
    held_days,
)
from huracan_assets.market.contract import HOURLY_SCHEMA, empty_candles
from huracan_assets.market.minute_accounts import make_statuses
from huracan_assets.market.minute_status import OUTAGE, UNKNOWN
from huracan_assets.market.repair import CANDLE_VIEWS, materialize_command
from huracan_assets.market.revisions import compared_tag, no_revisions, revisions
from huracan_assets.resources.lake import Lake
from huracan_assets.settings import settings
from huracan_assets_tests.market.test_minute_status import EVERY_MINUTE, candles

SYMBOL, FIRST = "ADA-USDT", date(2023, 3, 1)
DAYS = days_between(FIRST, FIRST + 9 * DAY)
LAST = DAYS[-1]
MARKET = settings().market


def write(lake: Lake, symbol: str, day: date, gone: Sequence[int] = ()) -> None:
    lake.write_frame("candles", symbol, day, candles((m for m in EVERY_MINUTE if m not in gone), day=day))


def account_for(lake: Lake, days: Sequence[date]) -> None:
    for day in days:
        lake.write_frame("hourly_candles", SYMBOL, day, pl.DataFrame(schema=HOURLY_SCHEMA))
    make_statuses(lake, SYMBOL, days, MARKET, lambda symbol, wanted: None)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Ten whole days, accounted for."""
    lake = Lake.at(tmp_path)
    for day in DAYS:
        write(lake, SYMBOL, day)
    account_for(lake, DAYS)
    return lake


def hashes(lake: Lake, days: Sequence[date]) -> dict[date, str]:
    return {day: lake.frame_hash("candles", SYMBOL, day) for day in days}


def nothing_more(lake: Lake) -> Mapping[date, pl.DataFrame]:
    """A source that has what the lake has."""
    absent = lake.missing("candles", SYMBOL, DAYS)
    return {day: empty_candles() if day in absent else lake.read_frame("candles", SYMBOL, day) for day in DAYS}


def examined(lake: Lake, source: Mapping[date, pl.DataFrame] | None = None) -> Account:
    ask = None if source is None else lambda days: {day: source[day] for day in days}
    return examine(lake, SYMBOL, FIRST, LAST, MARKET, ask)


def again(first: date, last: date | None = None) -> str:
    return materialize_command(CANDLE_VIEWS, SYMBOL, first, last or first)


def found(account: Account) -> list[tuple[date, date, str, str]]:
    return [(line.first, line.last, line.finding, line.repair) for line in account.findings]


def test_a_sound_lake_has_nothing_to_repair(lake: Lake) -> None:
    account = examined(lake)
    assert (account.days_held, account.days_asked) == (10, 0)
    assert (account.days_held, sum(account.minutes.values())) == (10, 10 * 1440)
    assert account.minutes["traded"] == 10 * 1440
    assert (found(account), list(account.gaps), list(account.commands)) == ([], [], [])


def test_days_in_between_that_are_missing_are_one_command_a_run_and_those_the_source_lacks_none(lake: Lake) -> None:
    whole = nothing_more(lake)
    for day in (DAYS[2], DAYS[3], DAYS[6]):
        lake.path("candles", SYMBOL, day).unlink()
    unasked = examined(lake)
    assert list(unasked.commands) == [again(DAYS[2], DAYS[3]), again(DAYS[6])]
    assert found(unasked) == [(DAYS[2], DAYS[3], "no candles", "1"), (DAYS[6], DAYS[6], "no candles", "2")]
    assert unasked.days_held == 7
    asked = examined(lake, {**whole, DAYS[3]: empty_candles(), DAYS[6]: empty_candles()})
    assert list(asked.commands) == [again(DAYS[2])]
    assert found(asked) == [
        (DAYS[2], DAYS[2], "no candles", "1"),
        (DAYS[3], DAYS[3], "no candles", SOURCE_HAS_NO_MORE),
        (DAYS[6], DAYS[6], "no candles", SOURCE_HAS_NO_MORE),
    ]


def test_each_gap_is_told_with_its_minutes_status_and_repair(lake: Lake) -> None:
    whole = nothing_more(lake)
    late, early = range(1400, 1440), range(20)
    write(lake, SYMBOL, DAYS[1], late)
    write(lake, SYMBOL, DAYS[2], early)
    write(lake, SYMBOL, DAYS[4], range(600, 680))
    for witness in ("BTC-USDT", "ETH-USDT"):
        write(lake, witness, DAYS[1])
        write(lake, witness, DAYS[2])
        write(lake, witness, DAYS[4], range(600, 680))
    account_for(lake, DAYS)
    across = midnight(DAYS[1]) + MINUTE * 1400
    halt = Gap(midnight(DAYS[4]) + MINUTE * 600, 80, OUTAGE, VENUE_WAS_DOWN)
    account = examined(lake, whole)
    assert list(account.gaps) == [Gap(across, 60, UNKNOWN, "1"), halt]
    assert list(account.commands) == [again(DAYS[1], DAYS[2])]
    assert (account.minutes[UNKNOWN], account.minutes[OUTAGE]) == (60, 80)
    exhausted = examined(lake, nothing_more(lake))
    assert list(exhausted.gaps) == [Gap(across, 60, UNKNOWN, SOURCE_HAS_NO_MORE), halt]
    assert list(exhausted.commands) == []
    half = examined(lake, {**nothing_more(lake), DAYS[2]: whole[DAYS[2]]})
    assert half.gaps[0].repair == f"1, {SOURCE_HAS_NO_MORE}"


def test_what_an_exchange_was_asked_again_and_had_no_more_of_is_not_asked_a_third_time(lake: Lake) -> None:
    write(lake, SYMBOL, DAYS[4], [7])
    account_for(lake, DAYS)
    assert list(examined(lake).commands) == [again(DAYS[4])]
    lake.write_frame("revision_report", SYMBOL, DAYS[6], no_revisions(), compared_tag(hashes(lake, DAYS[3:6])))
    account = examined(lake)
    assert list(account.commands) == []
    assert account.gaps[0].repair == SOURCE_HAS_NO_MORE
    assert account.days_asked == 3


def test_a_day_without_an_account_or_with_an_old_one_wants_its_account_alone(lake: Lake) -> None:
    lake.path("minute_status", SYMBOL, DAYS[0]).unlink()
    write(lake, SYMBOL, DAYS[1], [5])
    account = examined(lake, nothing_more(lake))
    wanted = "minutes not accounted for"
    assert found(account) == [(DAYS[0], DAYS[1], wanted, "1")]
    assert list(account.commands) == [materialize_command(("minute_status",), SYMBOL, DAYS[0], DAYS[1])]
    assert sum(account.minutes.values()) == 8 * 1440
    # Where the source may have the minute that is absent, the day is fetched, too, and not in a second round.
    unasked = examined(lake)
    assert found(unasked) == [(DAYS[0], DAYS[0], wanted, "2"), (DAYS[1], DAYS[1], wanted, "1")]
    assert list(unasked.commands) == [again(DAYS[1]), materialize_command(("minute_status",), SYMBOL, DAYS[0], DAYS[0])]
    account_for(lake, DAYS[:2])
    assert [gap.minutes for gap in examined(lake).gaps] == [1]


@pytest.mark.parametrize("asset", ["candles", "minute_status"])
def test_a_file_that_cannot_be_read_back_is_made_again(lake: Lake, asset: str) -> None:
    path, other = lake.path(asset, SYMBOL, DAYS[5]), lake.path(asset, SYMBOL, DAYS[6])
    altered = lake.read_frame(asset, SYMBOL, DAYS[5]).tail(-1)  # whole, but not what the hash beside it says
    tags = {key: value for key, value in pl.read_parquet_metadata(str(other)).items() if key.startswith("huracan")}
    altered.write_parquet(str(path), metadata=tags)
    lake.path(asset, SYMBOL, DAYS[8]).write_bytes(b"not a parquet file")
    account = examined(lake)
    assert found(account) == [(day, day, "a damaged file", str(n)) for n, day in enumerate((DAYS[5], DAYS[8]), 1)]
    assert list(account.commands) == [again(DAYS[5]), again(DAYS[8])]


def test_a_revised_day_is_made_again_and_then_compared_again(lake: Lake) -> None:
    held, night = lake.read_frame("candles", SYMBOL, DAYS[3]), DAYS[5]
    revised = revisions(DAYS[3], held, held.with_columns(low=pl.col("low") - 1))
    lake.write_frame("revision_report", SYMBOL, night, revised, compared_tag(hashes(lake, DAYS[2:5])))
    account = examined(lake)
    assert found(account) == [(DAYS[3], DAYS[3], f"the source tells it differently since {night}", "1, then 2")]
    assert list(account.commands) == [
        again(DAYS[3]),
        materialize_command(("revision_report",), SYMBOL, night, night),
    ]


def test_a_quarantined_day_is_told_with_its_reason_and_repaired_only_if_the_source_tells_more(lake: Lake) -> None:
    def check(bad: bool) -> CheckResult:
        return CheckResult("staleness", 99.0 if bad else 0.0, "minutes", 60.0, "ERROR", "a stuck feed" if bad else "")

    window = QualityWindow(symbol=SYMBOL, days=tuple(DayQuality(day, 0, (check(day == DAYS[7]),)) for day in DAYS))
    lake.write_document("data_quality_report", SYMBOL, LAST, window)
    before = examined(lake)
    assert found(before) == [(DAYS[7], DAYS[7], "in quarantine: a stuck feed", "1")]
    asked = examined(lake, nothing_more(lake))
    assert found(asked) == [(DAYS[7], DAYS[7], "in quarantine: a stuck feed", SOURCE_HAS_NO_MORE)]
    assert list(asked.commands) == []


def test_hidden_and_foreign_files_are_no_days(lake: Lake) -> None:
    folder = lake.path("candles", SYMBOL, FIRST).parent
    (folder / f".{FIRST}.parquet.tmp").touch()
    (folder / "notes.txt").touch()
    assert held_days(lake, "candles", SYMBOL) == DAYS
    assert held_days(lake, "nothing", SYMBOL) == []
