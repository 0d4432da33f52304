"""Bars after too long an unknown stretch are left out, no other is, and the future of a bar decides nothing."""

from __future__ import annotations

from datetime import date
from itertools import groupby

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.days import DAY, MINUTE, midnight
from huracan_assets.guards.breaks import leave_out_breaks
from huracan_assets.market.minute_status import OUTAGE, STATUS_SCHEMA, TRADED, UNKNOWN

FIRST = date(2026, 1, 1)
DAYS = 3
BARS = pl.DataFrame(
    {"as_of": [midnight(FIRST) + MINUTE * minute for minute in range(15, DAYS * 1440 + 1, 15)]},
    schema={"as_of": pl.Datetime("us", "UTC")},
).with_columns(x=pl.int_range(pl.len()))


def status_of(marked: dict[int, str]) -> pl.DataFrame:
    """Status frames of the days, cut at midnight as the asset's are."""
    rows, begin = [], 0
    for (_, name), run in groupby(range(DAYS * 1440), lambda minute: (minute // 1440, marked.get(minute, TRADED))):
        minutes = len(list(run))
        rows.append((midnight(FIRST) + MINUTE * begin, minutes, name))
        begin += minutes
    return pl.DataFrame(rows, schema=STATUS_SCHEMA, orient="row")


def kept_minutes(marked: dict[int, str], break_minutes: int = 1440, longest: int = 60) -> list[int]:
    kept = leave_out_breaks(BARS, status_of(marked), break_minutes, longest)
    assert kept.columns == BARS.columns
    return ((kept["as_of"] - midnight(FIRST)).dt.total_minutes()).to_list()


EVERY_BAR = list(range(15, DAYS * 1440 + 1, 15))


@pytest.mark.parametrize(("length", "left_out"), [(60, []), (61, list(range(615, 661 + 1440, 15))[4:])])
def test_a_stretch_longer_than_the_setting_is_a_break_for_a_day(length: int, left_out: list[int]) -> None:
    marked = dict.fromkeys(range(600, 600 + length), UNKNOWN)
    # From the first bar by which it had lasted too long, to the last that still remembers it.
    assert [minute for minute in EVERY_BAR if minute not in kept_minutes(marked)] == left_out


def test_a_stretch_over_midnight_is_one_and_an_outage_is_none() -> None:
    across = range(1440 - 40, 1440 + 40)
    assert kept_minutes(dict.fromkeys(across, UNKNOWN)) != EVERY_BAR
    assert kept_minutes(dict.fromkeys(across, OUTAGE)) == EVERY_BAR
    broken = dict.fromkeys(across, UNKNOWN) | {1440: TRADED}
    assert kept_minutes(broken) == EVERY_BAR


def test_the_day_before_the_first_bar_is_remembered() -> None:
    marked = dict.fromkeys(range(1440 - 70, 1440), UNKNOWN)
    bars = BARS.filter(pl.col("as_of") > midnight(FIRST + DAY))
    kept = leave_out_breaks(bars, status_of(marked), 120, 60)
    assert kept["as_of"][0] == midnight(FIRST + DAY) + MINUTE * 120


runs = st.lists(st.tuples(st.integers(0, DAYS * 1440), st.integers(1, 300)), max_size=6)


@settings(max_examples=40)
@given(runs, st.sampled_from([1, 30, 1440]), st.sampled_from([0, 1, 60]))
def test_the_bars_left_are_those_of_a_loop(holes: list[tuple[int, int]], break_minutes: int, longest: int) -> None:
    unknown = {m for start, length in holes for m in range(start, start + length) if m < DAYS * 1440}
    lasted, over = 0, set()  # minutes at whose end a stretch had lasted longer than `longest`
    for minute in range(DAYS * 1440):
        lasted = lasted + 1 if minute in unknown else 0
        if lasted > longest:
            over.add(minute)
    expected = [as_of for as_of in EVERY_BAR if over.isdisjoint(range(as_of - break_minutes, as_of))]
    assert kept_minutes(dict.fromkeys(unknown, UNKNOWN), break_minutes, longest) == expected


@settings(max_examples=40)
@given(runs, st.integers(0, DAYS * 96 - 1))
def test_what_comes_after_a_bar_decides_nothing_about_it(holes: list[tuple[int, int]], place: int) -> None:
    unknown = {m for start, length in holes for m in range(start, start + length)}
    now = EVERY_BAR[place]
    later = kept_minutes(dict.fromkeys(unknown, UNKNOWN))
    at_once = kept_minutes(dict.fromkeys((m for m in unknown if m < now), UNKNOWN))
    assert (now in later) == (now in at_once)
