"""Minutes against hours: the truth agrees under every convention, and a planted lie is told in its own hour."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from huracan_assets.days import midnight
from huracan_assets.market.contract import to_candles, to_hourly
from huracan_assets.market.reaggregation import (
    DISAGREEMENT_SCHEMA,
    SUMS,
    disagreements,
    doubtful_hours,
    hours_with_more,
)

DAY = date(2024, 2, 29)
HOURS = 3
PRICES = ("open", "high", "low", "close")


def minutes(seed: int, silent: float = 0.0, hours: int = HOURS) -> pl.DataFrame:
    """Minutes of a random walk; a share `silent` of them flat, without a trade."""
    rng = np.random.default_rng(seed)
    n = 60 * hours
    traded = rng.random(n) >= silent
    close = 100.0 + np.cumsum(np.where(traded, rng.integers(-3, 4, n), 0)) / 100.0
    opens = np.where(traded, close + rng.integers(-2, 3, n) / 100.0, close)
    reach = np.where(traded, rng.integers(0, 4, n) / 100.0, 0.0)
    volume = np.where(traded, rng.integers(1, 1_000_000, n) / 1e5, 0.0)
    return to_candles(
        pl.DataFrame(
            {
                "ts": [midnight(DAY) + timedelta(minutes=minute) for minute in range(n)],
                "open": opens,
                "high": np.maximum(opens, close) + reach,
                "low": np.minimum(opens, close) - reach,
                "close": close,
                "volume": volume,
                "quote_volume": volume * close,
                "trades": np.where(traded, rng.integers(1, 9, n), 0),
                "taker_buy_volume": 0.5 * volume,
            }
        )
    )


def oracle(frame: pl.DataFrame, *, traded_only: bool) -> pl.DataFrame:
    """Hours by plain loops over the rows, last to first sums; from all minutes, or from those with a trade."""
    rows: dict[datetime, list[dict[str, float]]] = {}
    for row in frame.iter_rows(named=True):
        rows.setdefault(row["ts"].replace(minute=0), []).append(row)
    hours = []
    for hour, own in rows.items():
        told = [row for row in own if row["volume"] > 0 or not traded_only] or own
        sums = {name: sum(row[name] for row in reversed(own)) for name in SUMS}
        hours.append(
            {
                "ts": hour,
                "open": told[0]["open"],
                "high": max(row["high"] for row in told),
                "low": min(row["low"] for row in told),
                "close": told[-1]["close"],
                **sums,
            }
        )
    return to_hourly(pl.DataFrame(hours))


def planted(frame: pl.DataFrame, place: int, column: str, factor: float) -> pl.DataFrame:
    cell = pl.col(column) * factor
    changed = pl.when(pl.int_range(pl.len()) == place).then(cell).otherwise(pl.col(column))
    return frame.with_columns(changed.cast(frame.schema[column]).alias(column))


seeds = st.integers(0, 10_000)


@settings(max_examples=40)
@given(seeds, st.floats(0.0, 0.9), st.booleans(), st.booleans())
def test_the_truth_agrees_however_an_exchange_treats_minutes_without_a_trade(
    seed: int, silent: float, traded_only: bool, sparse: bool
) -> None:
    frame = minutes(seed, silent)
    hourly = oracle(frame, traded_only=traded_only)
    if sparse:  # flat bars are left out, and the hour's open may be that of one of them
        assume(traded_only)
        frame = frame.filter(pl.col("volume") > 0)
    assert disagreements(frame, hourly).is_empty()
    assert hours_with_more(frame, hourly).is_empty()
    assert doubtful_hours(frame, hourly).is_empty()


@settings(max_examples=40)
@given(seeds, st.integers(0, 60 * HOURS - 1), st.sampled_from(SUMS), st.sampled_from([100.0, 1.5, 0.5, 0.0]))
def test_an_amount_that_was_changed_is_told_in_its_hour(seed: int, place: int, column: str, factor: float) -> None:
    frame = minutes(seed)
    hourly = oracle(frame, traded_only=False)
    lie = planted(frame, place, column, factor)
    assume(lie[column][place] != frame[column][place])
    told = disagreements(lie, hourly)
    assert told.select("ts", "column").rows() == [(frame["ts"][place].replace(minute=0), column)]
    assert told["is"].to_list() == [pytest.approx(hourly[column][place // 60])]
    assert told.schema == DISAGREEMENT_SCHEMA


@settings(max_examples=40)
@given(seeds, st.integers(0, 60 * HOURS - 1))
def test_a_price_beyond_the_hours_range_is_told_even_of_an_hour_that_lacks_minutes(seed: int, place: int) -> None:
    frame = minutes(seed)
    hourly = oracle(frame, traded_only=False)
    other = place // 60 * 60 + (place % 60 + 30) % 60
    for column, factor in (("high", 1.5), ("low", 0.5)):
        lie = planted(frame, place, column, factor)
        for told in (disagreements(lie, hourly), disagreements(lie.filter(pl.int_range(pl.len()) != other), hourly)):
            assert told["column"].to_list() == [column]
            assert told["ts"].to_list() == [frame["ts"][place].replace(minute=0)]


@pytest.mark.parametrize(("place", "column"), [(0, "open"), (59, "close"), (60, "open"), (119, "close")])
def test_the_first_open_and_the_last_close_of_an_hour_are_compared(place: int, column: str) -> None:
    frame = minutes(1)
    told = disagreements(planted(frame, place, column, 1.0001), oracle(frame, traded_only=False))
    assert told["column"].to_list() == [column]


@settings(max_examples=40)
@given(seeds, st.sets(st.integers(0, 60 * HOURS - 1), max_size=100))
def test_absent_minutes_are_told_where_the_hour_traded_more(seed: int, absent: set[int]) -> None:
    frame = minutes(seed, silent=0.5)
    hourly = oracle(frame, traded_only=True)
    kept = frame.filter(~pl.int_range(pl.len()).is_in(sorted(absent)))
    lost = frame.filter(pl.int_range(pl.len()).is_in(sorted(absent)) & (pl.col("volume") > 0))
    expected = sorted({ts.replace(minute=0) for ts in lost["ts"]})
    assert hours_with_more(kept, hourly).to_list() == expected
    assert set(disagreements(kept, hourly)["ts"]) <= set(expected)


def test_an_hour_that_traded_and_that_the_hours_lack_is_told() -> None:
    frame = minutes(2)
    told = disagreements(frame, oracle(frame, traded_only=False).filter(pl.col("ts").dt.hour() != 1))
    assert told["ts"].dt.hour().to_list() == [1]
    assert told["column"].to_list() == ["volume"]
    assert told["is"].to_list() == [None]


def test_days_without_hours_are_not_judged() -> None:
    frame = minutes(3)
    hourly = oracle(frame, traded_only=False)
    assert disagreements(frame, hourly.clear()).is_empty()
    assert hours_with_more(frame, hourly.clear()).is_empty()
    assert hours_with_more(frame.clear(), hourly).to_list() == hourly["ts"].to_list()


def test_a_column_that_one_side_lacks_is_not_compared() -> None:
    frame = minutes(4)
    hourly = oracle(frame, traded_only=False).with_columns(trades=pl.lit(None, pl.Int64))
    assert disagreements(frame, hourly).is_empty()
    bare = frame.with_columns(quote_volume=pl.lit(None, pl.Float64))
    assert disagreements(bare, hourly).is_empty()
