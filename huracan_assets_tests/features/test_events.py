"""What was known when, of observations that come late, out of order, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.features.events import Events
from huracan_assets.features.optional_inputs import SENTIMENT_SCHEMA

START = datetime(2024, 3, 10, tzinfo=UTC)
AT = np.datetime64("2024-03-10T00:00", "us") + np.arange(120) * np.timedelta64(1, "m")
SCORE = {"score": pl.col("score")}


def observed(minutes: list[int], delays: list[int], scores: list[float | None]) -> pl.DataFrame:
    ts = [START + timedelta(minutes=minute) for minute in minutes]
    known = [at + timedelta(minutes=delay) for at, delay in zip(ts, delays, strict=True)]
    columns = {"ts": ts, "known_at": known, "score": scores}
    return pl.DataFrame(columns, schema=SENTIMENT_SCHEMA)


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 60)), max_size=12, unique_by=lambda pair: pair[0]),
    st.integers(1, 90),
)
def test_a_value_is_that_of_the_newest_observation_known_and_fresh(pairs: list[tuple[int, int]], age: int) -> None:
    pairs = sorted(pairs)
    minutes, delays = [minute for minute, _ in pairs], [delay for _, delay in pairs]
    events = Events.from_frame(observed(minutes, delays, [float(minute) for minute in minutes]), SCORE)
    made = events.value("score", AT, np.timedelta64(age, "m"))
    for now in range(len(AT)):
        known = [minute for minute, delay in pairs if minute + delay <= now]
        newest = max(known, default=None)
        expected = np.nan if newest is None or now - newest >= age else float(newest)
        np.testing.assert_equal(made[now], expected)


def test_without_known_at_an_event_is_known_when_it_happens() -> None:
    events = Events.from_frame(observed([5], [0], [1.0]).drop("known_at"), SCORE)
    made = events.value("score", AT, np.timedelta64(1, "h"))
    assert np.isnan(made[4]) and made[5] == 1.0 and made[64] == 1.0 and np.isnan(made[65])


@pytest.mark.parametrize("unsound", [None, float("nan"), float("inf")])
def test_what_is_not_finite_is_unknown_and_no_older_value_stands_in(unsound: float | None) -> None:
    events = Events.from_frame(observed([5, 10], [0, 0], [1.0, unsound]), SCORE)
    made = events.value("score", AT, np.timedelta64(1, "h"))
    assert made[9] == 1.0 and np.isnan(made[10:]).all()


def test_no_events_are_no_values() -> None:
    events = Events.from_frame(observed([], [], []), SCORE)
    assert np.isnan(events.value("score", AT, np.timedelta64(1, "h"))).all()
