"""The minute grid against a loop over the rows."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.days import midnight
from huracan_assets.errors import ContractError
from huracan_assets.market.grid import VALUES, MinuteGrid
from huracan_assets_tests.market.violations import DAY, good_candles

TWO_DAYS = pl.concat([good_candles(DAY), good_candles(DAY + timedelta(days=1))])


@given(kept=st.sets(st.integers(0, 2879)), first=st.integers(-1, 1), count=st.integers(1, 3))
def test_the_grid_holds_each_row_at_its_minute_and_nan_elsewhere(kept: set[int], first: int, count: int) -> None:
    frame = TWO_DAYS[sorted(kept)]
    first_day = DAY + timedelta(days=first)
    grid = MinuteGrid.from_candles(frame, first_day, first_day + timedelta(days=count - 1))
    assert len(grid) == 1440 * count
    for name in VALUES:
        expected = np.full(len(grid), np.nan)
        for ts, value in zip(frame["ts"], frame[name], strict=True):
            minute = int((ts - midnight(first_day)).total_seconds() // 60)
            if 0 <= minute < len(grid):
                expected[minute] = value
        np.testing.assert_array_equal(getattr(grid, name), expected)
    np.testing.assert_array_equal(grid.present, ~np.isnan(grid.close))


def test_the_times_of_the_grid_are_bar_open_and_close() -> None:
    grid = MinuteGrid.from_candles(TWO_DAYS, DAY, DAY)
    assert grid.ts.dtype == np.dtype("datetime64[us]")
    assert grid.ts[0] == np.datetime64("2024-02-29T00:00")
    assert grid.ts[-1] == np.datetime64("2024-02-29T23:59")
    assert grid.known_at[-1] == np.datetime64("2024-03-01T00:00")


def test_absent_optional_columns_are_nan() -> None:
    frame = good_candles().with_columns(trades=pl.lit(None, pl.Int64))
    grid = MinuteGrid.from_candles(frame, DAY, DAY)
    assert np.isnan(grid.trades).all()
    assert grid.present.all()


def test_a_row_that_comes_twice_or_between_minutes_is_refused() -> None:
    frame = good_candles()
    with pytest.raises(ContractError):
        MinuteGrid.from_candles(pl.concat([frame, frame[5:6]]), DAY, DAY)
    with pytest.raises(ContractError):
        MinuteGrid.from_candles(frame.with_columns(pl.col("ts") + pl.duration(seconds=1)), DAY, DAY)
    with pytest.raises(ContractError):
        MinuteGrid.from_candles(frame, date(2024, 3, 2), date(2024, 3, 1))
