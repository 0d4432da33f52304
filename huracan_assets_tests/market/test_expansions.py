"""What a source may lack: each day whole or absent in so many words, and never zeros."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from huracan_assets.days import DAY, days_between, midnight
from huracan_assets.errors import CandleError, ContractError
from huracan_assets.market.contract import FUNDING_SCHEMA
from huracan_assets.market.expansions import (
    ASKED_TAG,
    AVAILABLE_TAG,
    EXPANSIONS,
    left_out_by,
    make_days,
    unasked_days,
    validate_day,
)
from huracan_assets.market.open_interest import OPEN_INTEREST_SCHEMA
from huracan_assets.market.synthetic import SyntheticSource
from huracan_assets.resources.lake import Lake
from huracan_assets.settings import MarketSettings, read_settings

SYMBOL = "BTC-USDT"
FIRST = date(2021, 1, 1)
DAYS = days_between(FIRST, FIRST + 4 * DAY)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.at(tmp_path)


@pytest.fixture
def source() -> SyntheticSource:
    return SyntheticSource(symbols=[SYMBOL], benchmark=SYMBOL, first=FIRST, seed=7, edge=0.0)


class Sometimes(SyntheticSource):
    """Has open interest on every other day of `rows`."""

    asked: list[tuple[date, date]]

    def open_interest(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        self.asked.append((first, last))
        times = [midnight(day) + timedelta(hours=hour) for day in days_between(first, last) for hour in (0, 23)]
        rows = [
            {"ts": ts, "known_at": ts, "open_interest": float(ts.day), "open_interest_value": None}
            for ts in times
            if ts.day % 2
        ]
        return pl.DataFrame(rows, schema=OPEN_INTEREST_SCHEMA) if rows else None


@pytest.fixture
def sometimes() -> Sometimes:
    made = Sometimes(symbols=[SYMBOL], benchmark=SYMBOL, first=FIRST, seed=7, edge=0.0)
    made.asked = []
    return made


@pytest.mark.parametrize("asset", ["open_interest", "order_books", "trades"])
def test_what_the_source_lacks_is_an_empty_day_that_says_so_and_why(
    lake: Lake, source: SyntheticSource, asset: str
) -> None:
    made = make_days(EXPANSIONS[asset], source, lake, SYMBOL, DAYS)
    assert list(made) == DAYS
    for day, metadata in made.items():
        frame = lake.read_frame(asset, SYMBOL, day)
        assert frame.height == 0
        assert frame.schema == EXPANSIONS[asset].schema
        assert lake.frame_tag(asset, SYMBOL, day, AVAILABLE_TAG) == "false"
        assert metadata["available"] is False
        assert metadata["reason"].startswith(source.name)
        assert str(day) in metadata["reason"]
        validate_day(EXPANSIONS[asset], lake, SYMBOL, day, frame)


def test_funding_is_there_each_day_with_its_three_events(lake: Lake, source: SyntheticSource) -> None:
    made = make_days(EXPANSIONS["funding_rates"], source, lake, SYMBOL, DAYS)
    assert all(metadata["available"] and "reason" not in metadata for metadata in made.values())
    whole = source.funding(SYMBOL, DAYS[0], DAYS[-1])
    assert whole is not None
    assert whole.equals(pl.concat([lake.read_frame("funding_rates", SYMBOL, day) for day in DAYS]))


def test_each_day_stands_for_itself_whichever_are_asked_for_with_it(lake: Lake, sometimes: Sometimes) -> None:
    kind = EXPANSIONS["open_interest"]
    made = make_days(kind, sometimes, lake, SYMBOL, DAYS)
    assert [made[day]["available"] for day in DAYS] == [True, False, True, False, True]
    files = [lake.path("open_interest", SYMBOL, day).read_bytes() for day in DAYS]
    for day in reversed(DAYS):
        make_days(kind, sometimes, lake, SYMBOL, [day])
    assert [lake.path("open_interest", SYMBOL, day).read_bytes() for day in DAYS] == files


def test_what_is_not_collected_is_not_asked_for_and_says_which_setting_is_why(lake: Lake, sometimes: Sometimes) -> None:
    left_out = left_out_by("open_interest", market())
    made = make_days(EXPANSIONS["open_interest"], sometimes, lake, SYMBOL, DAYS, left_out=left_out)
    assert sometimes.asked == []
    assert {metadata["reason"] for metadata in made.values()} == {"market.collect does not name open_interest"}


def market(*collect: str, **more: Any) -> MarketSettings:
    return read_settings("local").market.model_copy(update={"collect": collect, **more})


def test_an_exchange_that_may_not_be_asked_has_not_said_that_it_has_none() -> None:
    """Its perpetuals and its trades have a switch each; files and the synthetic market have none."""
    exchange = market().exchange.model_copy(update={"perpetuals": False, "trades": False})
    shut = market(*EXPANSIONS, source="ccxt", exchange=exchange)
    said = {asset: left_out_by(asset, shut) for asset in EXPANSIONS}
    switched = "market.exchange.perpetuals is false"
    assert said == {
        "funding_rates": switched, "open_interest": switched, "perpetual_candles": switched,
        "order_books": None, "trades": "market.exchange.trades is false",
    }  # fmt: skip
    opened = exchange.model_copy(update={"perpetuals": True, "trades": True})
    for settings in (shut.model_copy(update={"exchange": opened}), shut.model_copy(update={"source": "archive"})):
        assert {left_out_by(asset, settings) for asset in EXPANSIONS} == {None}


def test_a_day_that_nobody_asked_for_lacks_as_soon_as_it_is_wanted_and_one_without_rows_does_not(
    lake: Lake, sometimes: Sometimes
) -> None:
    kind, find = EXPANSIONS["open_interest"], unasked_days("open_interest")
    make_days(kind, sometimes, lake, SYMBOL, DAYS[:3], left_out="nobody wants it")
    make_days(kind, sometimes, lake, SYMBOL, DAYS[3:4])
    assert find(lake, SYMBOL, DAYS, market()) == DAYS[4:]
    wanted = market("open_interest")
    assert find(lake, SYMBOL, DAYS, wanted) == [*DAYS[:3], DAYS[4]]
    made = make_days(kind, sometimes, lake, SYMBOL, find(lake, SYMBOL, DAYS, wanted))
    assert [one["available"] for one in made.values()] == [True, False, True, True]
    assert find(lake, SYMBOL, DAYS, wanted) == find(lake, SYMBOL, DAYS, market()) == []


def test_an_empty_day_whose_file_does_not_tell_whether_it_was_asked_for_is_asked_for_once(
    lake: Lake, sometimes: Sometimes
) -> None:
    kind, wanted = EXPANSIONS["open_interest"], market("open_interest")
    lake.write_frame("open_interest", SYMBOL, DAYS[1], pl.DataFrame(schema=kind.schema), {AVAILABLE_TAG: "false"})
    assert unasked_days("open_interest")(lake, SYMBOL, [DAYS[1]], wanted) == [DAYS[1]]
    make_days(kind, sometimes, lake, SYMBOL, [DAYS[1]])
    assert lake.frame_tag("open_interest", SYMBOL, DAYS[1], ASKED_TAG) == "true"
    assert unasked_days("open_interest")(lake, SYMBOL, [DAYS[1]], wanted) == []


def test_long_ranges_are_asked_for_a_few_days_at_a_time(lake: Lake, sometimes: Sometimes) -> None:
    days = days_between(FIRST, FIRST + 69 * DAY)
    made = make_days(EXPANSIONS["open_interest"], sometimes, lake, SYMBOL, days)
    assert list(made) == days
    most = EXPANSIONS["open_interest"].days_at_once
    assert [(last - first).days + 1 for first, last in sometimes.asked] == [most, most, 70 - 2 * most]


def test_rows_that_break_the_contract_are_refused_and_nothing_is_written(lake: Lake, sometimes: Sometimes) -> None:
    def twice(symbol: str, first: date, last: date) -> pl.DataFrame:
        found = Sometimes.open_interest(sometimes, symbol, first, last)
        assert found is not None
        return pl.concat([found, found])

    sometimes.open_interest = twice  # type: ignore[method-assign]
    with pytest.raises(CandleError, match="open interest of BTC-USDT"):
        make_days(EXPANSIONS["open_interest"], sometimes, lake, SYMBOL, DAYS)
    assert lake.missing("open_interest", SYMBOL, DAYS) == DAYS


def funding(day: date, hours: tuple[int, ...] = (0, 8, 16), rate: float = 1e-4) -> pl.DataFrame:
    rows = [{"ts": midnight(day) + timedelta(hours=hour), "rate": rate} for hour in hours]
    return pl.DataFrame(rows, schema=FUNDING_SCHEMA)


Plant = Callable[[Lake], Any]
WRONG: dict[str, tuple[pl.DataFrame, str, type[Exception], str]] = {
    "a row of the next day": (funding(FIRST, (0, 24)), "true", ContractError, "outside the day"),
    "none, but available": (funding(FIRST, ()), "true", ContractError, "0 rows and says"),
    "some, but absent": (funding(FIRST), "false", ContractError, "3 rows and says"),
    "no number": (funding(FIRST, rate=float("nan")), "true", CandleError, "rate must be finite"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_day_in_the_lake_that_is_not_what_it_says_is_refused(lake: Lake, name: str) -> None:
    frame, tag, error, words = WRONG[name]
    lake.write_frame("funding_rates", SYMBOL, FIRST, frame, {AVAILABLE_TAG: tag})
    with pytest.raises(error, match=words):
        validate_day(EXPANSIONS["funding_rates"], lake, SYMBOL, FIRST, lake.read_frame("funding_rates", SYMBOL, FIRST))


def test_a_day_from_before_files_said_whether_they_are_available_is_refused(lake: Lake) -> None:
    lake.write_frame("funding_rates", SYMBOL, FIRST, funding(FIRST))
    with pytest.raises(ContractError, match="again"):
        validate_day(EXPANSIONS["funding_rates"], lake, SYMBOL, FIRST, funding(FIRST))
