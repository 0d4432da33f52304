"""Days in runs and in steps."""

from datetime import date
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.days import DAY, days_between, steps, unbroken_spans

DAYS = st.dates(date(2025, 12, 1), date(2026, 1, 31))


@given(st.sets(DAYS))
def test_spans_hold_every_day_once_and_are_as_long_as_can_be(days: set[date]) -> None:
    spans = unbroken_spans(days)
    assert [day for span in spans for day in days_between(*span)] == sorted(days)
    assert all(after[0] - before[1] > DAY for before, after in pairwise(spans))


@given(DAYS, DAYS, st.integers(1, 40))
def test_steps_hold_every_day_once_and_only_the_last_is_shorter(first: date, last: date, most: int) -> None:
    found = list(steps(first, last, most))
    assert [day for step in found for day in days_between(*step)] == days_between(first, last)
    lengths = [len(days_between(*step)) for step in found]
    assert all(length == most for length in lengths[:-1])
    assert all(0 < length <= most for length in lengths[-1:])
