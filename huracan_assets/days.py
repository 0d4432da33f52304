"""Days and midnights, always UTC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
MINUTES_PER_DAY = 1440


def midnight(day: date) -> datetime:
    """00:00 UTC at which `day` begins."""
    return datetime.combine(day, time(), tzinfo=UTC)


def days_between(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included, in order."""
    return [first + DAY * ahead for ahead in range((last - first).days + 1)]


def days_until(last: date, count: int) -> list[date]:
    """`count` days in order, the last of them `last`."""
    return days_between(last - DAY * (count - 1), last)


def unbroken_spans(days: Iterable[date]) -> list[tuple[date, date]]:
    """The first and last day of each unbroken run of `days`, in order."""
    spans: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if spans and spans[-1][1] + DAY == day:
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return spans


def steps(first: date, last: date, most: int) -> Iterator[tuple[date, date]]:
    """[first, last] in steps of `most` days, the last as long as what is left: first and last day of each."""
    begin = first
    while begin <= last:
        end = min(begin + DAY * (most - 1), last)
        yield begin, end
        begin = end + DAY


def utc_now() -> datetime:
    """The wall clock, read here alone: it decides which days and bars are closed, never what is in them, and
    dates the entries of a log.
    """
    return datetime.now(UTC)
