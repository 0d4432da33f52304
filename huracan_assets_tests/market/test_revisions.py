"""Revisions are found value by value, and stand until the day is made again or a later night finds none."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.days import DAY, days_between, midnight
from huracan_assets.market.contract import CANDLE_SCHEMA
from huracan_assets.market.revisions import (
    REVISION_SCHEMA,
    compared_tag,
    last_compared,
    later_answers,
    no_revisions,
    revisions,
    uncompared_nights,
)
from huracan_assets.resources.lake import Lake
from huracan_assets.settings import settings as read_settings
from huracan_assets_tests.features.random_market import candles

SYMBOL, DAY_ONE = "ETH-USDT", date(2026, 1, 1)
MARKET = read_settings().market
VALUES = [name for name in CANDLE_SCHEMA if name not in ("ts", "known_at")]


@pytest.fixture(scope="module")
def truth() -> pl.DataFrame:
    return candles(1, DAY_ONE, 1, 0.05)


def changed(frame: pl.DataFrame, row: int, column: str, value: Any) -> pl.DataFrame:
    dtype = CANDLE_SCHEMA[column]
    at = pl.int_range(pl.len()) == row
    return frame.with_columns(pl.when(at).then(pl.lit(value, dtype)).otherwise(pl.col(column)).alias(column))


def test_the_same_answer_has_no_revision_nulls_included(truth: pl.DataFrame) -> None:
    bare = truth.with_columns(trades=pl.lit(None, pl.Int64()))
    for frame in (truth, bare, truth.clear()):
        found = revisions(DAY_ONE, frame, frame)
        assert found.equals(no_revisions())
        assert dict(found.schema) == REVISION_SCHEMA


def test_a_changed_value_is_a_row_that_tells_both(truth: pl.DataFrame) -> None:
    now = changed(changed(truth, 7, "close", 1.5), 7, "trades", None)
    assert revisions(DAY_ONE, truth, now).rows() == [
        (DAY_ONE, truth["ts"][7], "close", truth["close"][7], 1.5),
        (DAY_ONE, truth["ts"][7], "trades", truth["trades"][7], None),
    ]


def test_a_bar_that_came_or_went_is_null_on_the_side_that_lacks_it(truth: pl.DataFrame) -> None:
    went = revisions(DAY_ONE, truth, truth.filter(pl.int_range(pl.len()) != 3))
    assert went["ts"].unique().to_list() == [truth["ts"][3]]
    assert went["column"].to_list() == [name for name in VALUES if truth[name][3] is not None]
    assert went["is"].null_count() == went.height
    came = revisions(DAY_ONE, truth.filter(pl.int_range(pl.len()) != 3), truth)
    assert came["is"].to_list() == went["was"].to_list()
    assert came["was"].null_count() == came.height


@settings(max_examples=40)
@given(
    edits=st.dictionaries(
        st.tuples(st.integers(0, 1300), st.sampled_from(VALUES)), st.integers(1, 1000).map(float), max_size=20
    ),
    gone=st.sets(st.integers(0, 1300), max_size=5),
)
def test_every_difference_is_found_once_and_in_order(
    truth: pl.DataFrame, edits: dict[tuple[int, str], float], gone: set[int]
) -> None:
    now = truth
    for (row, column), value in edits.items():
        now = changed(now, row, column, value)
    expected = []
    for row in range(truth.height):
        for column in VALUES:
            was, is_ = truth[column][row], None if row in gone else now[column][row]
            if was != is_:
                expected.append((truth["ts"][row], column, was, is_))
    found = revisions(DAY_ONE, truth, now.filter(~pl.int_range(pl.len()).is_in(sorted(gone))))
    assert found.select("ts", "column", "was", "is").rows() == expected


@pytest.fixture
def lake(tmp_path: Path, truth: pl.DataFrame) -> Lake:
    """Six days that are alike."""
    lake = Lake.at(tmp_path)
    for day in days_between(DAY_ONE, DAY_ONE + 5 * DAY):
        shift = midnight(day) - midnight(DAY_ONE)
        lake.write_frame("candles", SYMBOL, day, truth.with_columns(pl.col("ts", "known_at") + shift))
    return lake


def report(lake: Lake, night: date, compared: list[date], revised: list[date]) -> None:
    """The report of a night that compared some days and found one close different on some of them."""
    parts = [no_revisions()]
    for day in revised:
        held = lake.read_frame("candles", SYMBOL, day)
        parts.append(revisions(day, held, changed(held, 7, "close", 1.5)))
    hashes = {day: lake.frame_hash("candles", SYMBOL, day) for day in compared}
    lake.write_frame("revision_report", SYMBOL, night, pl.concat(parts), compared_tag(hashes))


def standing(lake: Lake, until: date) -> list[date]:
    found = later_answers(lake, SYMBOL, days_between(DAY_ONE, until), until).revised
    assert dict(found.schema) == REVISION_SCHEMA
    return found["day"].unique(maintain_order=True).to_list()


def test_a_revision_stands_from_the_night_that_found_it(lake: Lake) -> None:
    found_in = DAY_ONE + 2 * DAY
    report(lake, found_in, [DAY_ONE, DAY_ONE + DAY], [DAY_ONE])
    assert standing(lake, DAY_ONE) == []
    assert standing(lake, DAY_ONE + DAY) == []
    assert standing(lake, found_in) == [DAY_ONE]
    assert standing(lake, found_in + 3 * DAY) == [DAY_ONE]


def test_a_later_night_that_finds_none_ends_it(lake: Lake) -> None:
    report(lake, DAY_ONE + DAY, [DAY_ONE], [DAY_ONE])
    report(lake, DAY_ONE + 2 * DAY, [DAY_ONE, DAY_ONE + DAY], [DAY_ONE + DAY])
    assert standing(lake, DAY_ONE + DAY) == [DAY_ONE]
    assert standing(lake, DAY_ONE + 2 * DAY) == [DAY_ONE + DAY]
    assert last_compared(lake, SYMBOL, [DAY_ONE], days_between(DAY_ONE, DAY_ONE + 5 * DAY)) == {
        DAY_ONE: DAY_ONE + 2 * DAY
    }


def test_candles_that_are_made_again_end_it(lake: Lake) -> None:
    report(lake, DAY_ONE + 2 * DAY, [DAY_ONE, DAY_ONE + DAY], [DAY_ONE, DAY_ONE + DAY])
    held = lake.read_frame("candles", SYMBOL, DAY_ONE)
    lake.write_frame("candles", SYMBOL, DAY_ONE, changed(held, 7, "close", 1.5))
    assert standing(lake, DAY_ONE + 2 * DAY) == [DAY_ONE + DAY]
    lake.path("candles", SYMBOL, DAY_ONE + DAY).unlink()
    assert standing(lake, DAY_ONE + 2 * DAY) == []


def test_a_day_was_asked_of_again_only_while_the_candles_lie_there_that_were_compared(lake: Lake) -> None:
    night, days = DAY_ONE + 3 * DAY, days_between(DAY_ONE, DAY_ONE + 3 * DAY)
    assert later_answers(lake, SYMBOL, days, night).asked == set()
    report(lake, night, days[1:3], [days[2]])
    assert later_answers(lake, SYMBOL, days, night - DAY).asked == set()
    assert later_answers(lake, SYMBOL, days, night).asked == set(days[1:3])
    held = lake.read_frame("candles", SYMBOL, days[1])
    lake.write_frame("candles", SYMBOL, days[1], changed(held, 7, "close", 1.5))
    assert later_answers(lake, SYMBOL, days, night).asked == {days[2]}
    report(lake, night + DAY, [days[1]], [])
    assert later_answers(lake, SYMBOL, days, night + DAY).asked == set(days[1:3])


def test_a_night_is_uncompared_until_its_report_has_the_days_before_as_they_lie_there(lake: Lake) -> None:
    market, night = MARKET.model_copy(update={"revision_days": 2}), DAY_ONE + 2 * DAY
    assert uncompared_nights(lake, SYMBOL, [night], market) == [night]
    report(lake, night, [DAY_ONE], [])
    assert uncompared_nights(lake, SYMBOL, [night], market) == [night]
    report(lake, night, [DAY_ONE, DAY_ONE + DAY], [DAY_ONE])
    assert uncompared_nights(lake, SYMBOL, [night, night + DAY], market) == [night + DAY]
    held = lake.read_frame("candles", SYMBOL, DAY_ONE)
    lake.write_frame("candles", SYMBOL, DAY_ONE, changed(held, 7, "close", 1.5))
    assert uncompared_nights(lake, SYMBOL, [night], market) == [night]
    lake.path("candles", SYMBOL, DAY_ONE).unlink()  # what is not there is not compared
    assert uncompared_nights(lake, SYMBOL, [night], market) == []
