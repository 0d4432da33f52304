"""Rows off the grid, and clocks that are off as a whole."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.days import DAY, MINUTE, days_between
from huracan_assets.guards.timestamps import clock_lags, sound_rows
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets_tests.guards.quiet_days import FIRST, candles_of, closes, failing, grid_of, judged, quiet


def moved(candles: pl.DataFrame, row: int, ahead: timedelta, *, known: bool = True) -> pl.DataFrame:
    """One row's time changed, with its known_at or without."""
    hit = pl.int_range(pl.len()) == row
    shift = pl.when(hit).then(pl.lit(ahead)).otherwise(pl.duration())
    return candles.with_columns(ts=pl.col("ts") + shift, known_at=pl.col("known_at") + shift if known else "known_at")


@pytest.mark.parametrize(
    ("ahead", "known", "unsound"),
    [
        (timedelta(seconds=30), True, 1),
        (-MINUTE, True, 1),
        (-5 * MINUTE, True, 1),
        (5 * MINUTE, True, 5),
        (DAY, True, 1),
        (-DAY, True, 1),
        (30 * MINUTE, False, 1),
    ],
    ids=["between minutes", "twice", "out of order", "too far ahead", "the next day", "the day before", "known early"],
)
def test_rows_at_a_wrong_time_are_counted_and_left_out(ahead: timedelta, known: bool, unsound: int) -> None:
    frame = moved(quiet(), 700, ahead, known=known)
    kept = frame.filter(sound_rows(frame, FIRST, FIRST))
    assert frame.height - kept.height == unsound
    assert (kept["ts"].diff().drop_nulls() >= MINUTE).all()
    (report,) = judged(frame)
    assert failing(report) == ["timestamp_integrity"]
    assert report.check("timestamp_integrity").figure == unsound


@given(order=st.permutations(range(6)), twice=st.integers(0, 5))
def test_what_is_kept_rises_whatever_the_order(order: list[int], twice: int) -> None:
    frame = quiet()[[*order, order[twice]]]
    kept = frame.filter(sound_rows(frame, FIRST, FIRST))["ts"].to_list()
    highest: list[object] = []
    for ts in frame["ts"].to_list():
        if all(ts > before for before in highest):
            highest.append(ts)
    assert kept == highest


def pair(days: int, lag: int, share: float = 0.8) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A benchmark, and a symbol that follows it with a correlation of `share` but is stamped `lag` minutes late."""
    market, own = np.log(closes(days, seed=5)), np.log(closes(days, seed=6))
    follows = np.exp(share * market + np.sqrt(1 - share**2) * own)
    return candles_of(np.exp(market)), candles_of(np.roll(follows, lag))


@pytest.mark.parametrize("lag", [0, 1, -1, 2, 60, -60, 480])
def test_a_clock_that_is_off_is_told_by_its_minutes(lag: int) -> None:
    benchmark, frame = pair(1, lag)
    assert clock_lags(grid_of(frame), grid_of(benchmark)).tolist() == [lag]
    (report,) = judged(frame, benchmark=benchmark)
    assert ("timestamp_integrity" in failing(report)) == (lag != 0)
    if lag:
        assert (
            f"{abs(lag)} minutes {'behind' if lag > 0 else 'before'} it" in report.check("timestamp_integrity").sentence
        )
        assert report.check("timestamp_integrity").figure == 1440


def test_the_largest_correlation_of_unrelated_days_says_nothing() -> None:
    days = 150
    assert not clock_lags(grid_of(quiet(days, 11), days), grid_of(quiet(days, 12), days)).any()


def test_a_still_market_and_an_absent_one_say_nothing() -> None:
    still = candles_of(np.full(1440, 100.0))
    assert clock_lags(grid_of(still), grid_of(quiet())).tolist() == [0]
    assert judged(quiet(), benchmark=quiet().clear())[0].status == "trusted"


@pytest.mark.parametrize("symbol", ["ETH-USDT", "DOGE-USDT"])
def test_recorded_clocks_are_right_and_one_shifted_by_a_minute_is_found_every_day(shared: Path, symbol: str) -> None:
    first, last = date(2021, 5, 1), date(2021, 5, 31)
    source = ArchiveSource(shared / "data" / "candles_1m_2021_crash")
    benchmark, own = (source.candles(name, first, last) for name in ("BTC-USDT", symbol))
    late = own.with_columns(pl.col("ts") + MINUTE, pl.col("known_at") + MINUTE)
    days = len(days_between(first, last))
    assert not clock_lags(grid_of(own, days, first), grid_of(benchmark, days, first)).any()
    found = clock_lags(grid_of(late, days, first), grid_of(benchmark, days, first))
    assert set(found.tolist()) <= {0, 1}
    assert np.count_nonzero(found) >= 0.9 * days
