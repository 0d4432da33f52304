"""Symbol x day: keys, days and look-backs."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.days import DAY, days_between, days_until, midnight
from huracan_assets.partitions import look_back, partition_key, symbol_day, symbol_days, trailing
from huracan_assets.settings import settings

days = st.dates(date(2021, 1, 1), date(2030, 12, 31))


@given(day=days, symbol=st.sampled_from(settings().market.symbol_names()))
def test_a_key_is_dagsters_own_and_reads_back(day: date, symbol: str) -> None:
    key = partition_key(day, symbol)
    assert key == dg.MultiPartitionKey({"symbol": symbol, "day": day.isoformat()})
    assert symbol_day(key) == (day, symbol)


@given(first=days, count=st.integers(1, 400))
def test_days_are_consecutive_and_both_ends_are_among_them(first: date, count: int) -> None:
    found = days_between(first, first + timedelta(days=count - 1))
    assert (len(found), found[0], found[-1]) == (count, first, first + timedelta(days=count - 1))
    assert all(after - before == DAY for before, after in itertools.pairwise(found))
    assert days_until(found[-1], count) == found


def test_no_day_lies_between_days_that_are_reversed() -> None:
    assert days_between(date(2026, 1, 2), date(2026, 1, 1)) == []


@given(day=days)
def test_midnight_is_when_the_utc_day_begins(day: date) -> None:
    assert midnight(day) == datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert midnight(day + DAY) - midnight(day) == timedelta(hours=24)


def window(mapping: dg.MultiPartitionMapping, key: str) -> set[str]:
    subset = symbol_days.empty_subset().with_partition_keys([key])
    found = mapping.get_upstream_mapped_partitions_result_for_partitions(
        subset, symbol_days, symbol_days, datetime(2026, 6, 1, tzinfo=UTC)
    )
    return set(found.partitions_subset.get_partition_keys())


def test_a_look_back_is_the_same_symbols_days_up_to_its_own() -> None:
    last = date(2026, 1, 10)
    expected = {partition_key(day, "ETH-USDT") for day in days_until(last, 4)}
    assert window(trailing(3), partition_key(last, "ETH-USDT")) == expected
    whole = window(look_back, partition_key(last, "ETH-USDT"))
    assert whole == {partition_key(day, "ETH-USDT") for day in days_until(last, settings().look_back_days)}


def test_at_the_start_of_history_the_window_is_short() -> None:
    first = settings().market.first_day
    assert window(trailing(3), partition_key(first + DAY, "BTC-USDT")) == {
        partition_key(day, "BTC-USDT") for day in (first, first + DAY)
    }
