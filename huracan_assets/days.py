"""Days and midnights, always UTC."""

from __future__ import annotations

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


def utc_now() -> datetime:
    """The wall clock, read here alone: it decides which days and bars are closed, never what is in them."""
    return datetime.now(UTC)
