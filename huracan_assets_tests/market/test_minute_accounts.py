"""Accounts in a lake: which witnesses are asked and fetched, and when an account is made again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from huracan_assets.days import DAY
from huracan_assets.errors import CandleError, MarketError, MissingDays
from huracan_assets.market.contract import HOURLY_SCHEMA
from huracan_assets.market.minute_accounts import make_statuses, status_strip, status_table
from huracan_assets.market.minute_status import OUTAGE, UNKNOWN, minutes_by_status
from huracan_assets.market.status_inputs import INPUTS_TAG, stale_days
from huracan_assets.resources.lake import Lake
from huracan_assets.settings import settings
from huracan_assets_tests.market.test_minute_status import EVERY_MINUTE, candles

SYMBOL, DAY_ONE = "ADA-USDT", date(2023, 3, 24)
DAY_TWO = DAY_ONE + DAY
MARKET = settings().market
HOLE = range(100, 130)
WITH_HOLE = [minute for minute in EVERY_MINUTE if minute not in HOLE]


class Venue:
    """Candles of other symbols by day; keeps what was asked for."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.minutes: dict[str, Sequence[int] | MarketError] = dict.fromkeys(MARKET.witnesses, WITH_HOLE)
        self.asked: list[tuple[str, tuple[date, ...]]] = []

    def fetch(self, name: str, days: Sequence[date]) -> None:
        """As `heal` does: all of the days or an error."""
        self.asked.append((name, tuple(days)))
        minutes = self.minutes[name]
        if isinstance(minutes, MarketError):
            raise minutes
        for day in days:
            self.lake.write_frame("candles", name, day, candles(minutes, day=day))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Two days: the first with a hole, the second whole; the source has no hourly candles."""
    lake = Lake.at(tmp_path)
    for day, minutes in ((DAY_ONE, WITH_HOLE), (DAY_TWO, list(EVERY_MINUTE))):
        lake.write_frame("candles", SYMBOL, day, candles(minutes, day=day))
        lake.write_frame("hourly_candles", SYMBOL, day, pl.DataFrame(schema=HOURLY_SCHEMA))
    return lake


@pytest.fixture
def venue(lake: Lake) -> Venue:
    return Venue(lake)


def account(lake: Lake, venue: Venue, days: Sequence[date] = (DAY_ONE, DAY_TWO)) -> dict[date, dict[str, object]]:
    made = make_statuses(lake, SYMBOL, days, MARKET, venue.fetch)
    for day, metadata in made.items():
        assert metadata["content_sha256"] == lake.frame_hash("minute_status", SYMBOL, day)
    return made


def test_witnesses_are_asked_and_fetched_for_days_with_absent_minutes_alone(lake: Lake, venue: Venue) -> None:
    made = account(lake, venue)
    assert venue.asked == [(name, (DAY_ONE,)) for name in MARKET.witnesses]
    assert made[DAY_ONE][OUTAGE] == len(HOLE)
    assert made[DAY_TWO] == made[DAY_TWO] | {"traded": 1440, OUTAGE: 0, UNKNOWN: 0}
    again = account(lake, venue)
    assert again == made
    assert len(venue.asked) == len(MARKET.witnesses)  # what lies in the lake is not fetched again


def test_a_witness_that_has_the_minutes_makes_them_unknown_whatever_lay_in_the_lake_before(
    lake: Lake, venue: Venue
) -> None:
    venue.minutes["XRP-USDT"] = list(EVERY_MINUTE)
    for name in ("BTC-USDT", "ETH-USDT"):
        lake.write_frame("candles", name, DAY_ONE, candles(WITH_HOLE))
    assert account(lake, venue)[DAY_ONE][UNKNOWN] == len(HOLE)


@pytest.mark.parametrize("error", [MissingDays("BNB-USDT", [DAY_ONE], "it", "Look"), CandleError("BNB lies")])
def test_a_witness_whose_day_is_not_there_or_not_right_stops_nobody(
    lake: Lake, venue: Venue, error: MarketError
) -> None:
    venue.minutes["BNB-USDT"] = error
    assert account(lake, venue)[DAY_ONE][OUTAGE] == len(HOLE)
    assert not lake.has("candles", "BNB-USDT", DAY_ONE)


def test_of_a_witness_that_lacks_one_of_several_days_the_others_are_heard(lake: Lake, venue: Venue) -> None:
    lake.write_frame("candles", SYMBOL, DAY_TWO, candles(WITH_HOLE, day=DAY_TWO))
    whole = venue.fetch

    def fetch(name: str, days: Sequence[date]) -> None:
        if DAY_ONE in days:
            raise MissingDays(name, [DAY_ONE], "it", "Look")
        whole(name, days)

    venue.fetch = fetch  # type: ignore[method-assign]
    made = account(lake, venue)
    assert (made[DAY_ONE][UNKNOWN], made[DAY_TWO][OUTAGE]) == (len(HOLE), len(HOLE))


def test_a_source_that_cannot_be_read_gives_no_account(lake: Lake, venue: Venue) -> None:
    venue.minutes["BNB-USDT"] = MarketError("no answer")
    with pytest.raises(MarketError, match="no answer"):
        account(lake, venue)
    assert not lake.has("minute_status", SYMBOL, DAY_ONE)


def stale(lake: Lake) -> list[date]:
    return stale_days(lake, SYMBOL, [DAY_ONE, DAY_TWO], MARKET)


def test_an_account_is_stale_when_what_it_was_made_from_has_changed(lake: Lake, venue: Venue) -> None:
    assert stale(lake) == [DAY_ONE, DAY_TWO]
    account(lake, venue)
    assert stale(lake) == []
    lake.write_frame("candles", "XRP-USDT", DAY_TWO, candles(EVERY_MINUTE, day=DAY_TWO))
    assert stale(lake) == []  # nobody was asked on a whole day
    lake.write_frame("candles", "XRP-USDT", DAY_ONE, candles(EVERY_MINUTE))
    assert stale(lake) == [DAY_ONE]
    assert account(lake, venue, [DAY_ONE])[DAY_ONE][UNKNOWN] == len(HOLE)
    assert stale(lake) == []
    hour = candles([0], volume=60.0, day=DAY_TWO)
    lake.write_frame("hourly_candles", SYMBOL, DAY_TWO, hour)
    assert stale(lake) == [DAY_TWO]
    account(lake, venue, [DAY_TWO])
    lake.write_frame("candles", SYMBOL, DAY_TWO, candles(WITH_HOLE, day=DAY_TWO))
    lake.path("candles", "BTC-USDT", DAY_ONE).unlink()
    assert stale(lake) == [DAY_ONE, DAY_TWO]


def test_an_account_by_other_witnesses_than_the_settings_name_is_stale(lake: Lake, venue: Venue) -> None:
    account(lake, venue)
    fewer = MARKET.model_copy(update={"witnesses": MARKET.witnesses[:3]})
    assert stale_days(lake, SYMBOL, [DAY_ONE, DAY_TWO], fewer) == [DAY_ONE]


def test_the_same_inputs_give_the_same_bytes(lake: Lake, venue: Venue) -> None:
    account(lake, venue)
    first = lake.path("minute_status", SYMBOL, DAY_ONE).read_bytes()
    lake.path("minute_status", SYMBOL, DAY_ONE).unlink()
    account(lake, venue, [DAY_ONE])
    assert lake.path("minute_status", SYMBOL, DAY_ONE).read_bytes() == first
    assert lake.frame_tag("minute_status", SYMBOL, DAY_ONE, INPUTS_TAG) is not None


def test_the_page_shows_a_strip_and_a_table_of_the_day(lake: Lake, venue: Venue) -> None:
    account(lake, venue)
    status = lake.read_frame("minute_status", SYMBOL, DAY_ONE)
    assert status_strip(status, DAY_ONE).startswith(f"![{DAY_ONE}: 1410 traded, 30 outage](data:image/svg+xml,")
    assert {row["status"]: row["minutes"] for row in status_table(status)} == minutes_by_status(status)
