"""Check `timestamp_integrity`: bars at a time at which they cannot have been.

Rows are held to the minute grid. What no look at one file can show is a clock that is off as a whole: bars stamped
with their close, or in another time zone. The benchmark shows it: returns of a symbol go with those of the same
minute of the benchmark, and if they go much better with those of another minute, the clock is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from huracan_assets.days import DAY, MINUTE, MINUTES_PER_DAY, midnight
from huracan_assets.guards.check_result import CheckResult
from huracan_assets.market.contract import MINUTE_US
from huracan_assets.market.grid import MinuteGrid

NAME = "timestamp_integrity"

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAST_CORRELATION = 0.3  # of the best lag; the largest of 1,440 lags of unrelated days passes 0.15 hardly ever
SAME_MINUTE_SHARE = 0.5  # a true clock's same minute has at least this share of the best lag's correlation
MAX_LAG = 720  # minutes; farther is the other day
WINSOR = 5.0  # root mean squares at which a return is cut, so that no single bar decides
PADDED = 2 * MINUTES_PER_DAY


def sound_rows(candles: pl.DataFrame, first: date, last: date) -> pl.Series:
    """Which rows stand on the minute grid of [first, last], later than every row before, and known at their close."""
    ts = pl.col("ts")
    inside = (ts >= midnight(first)) & (ts < midnight(last + DAY))
    placed = inside & (ts.dt.epoch("us") % MINUTE_US == 0) & (pl.col("known_at") == ts + MINUTE)
    # A row that is out of place itself says nothing about the order of those after it.
    newest = pl.when(placed).then(ts).cum_max().forward_fill().shift()
    return candles.select((placed & (ts > newest).fill_null(True)).fill_null(False)).to_series()


def timestamp_integrity(
    days: Sequence[date], candles: pl.DataFrame, sound: pl.Series, grid: MinuteGrid, benchmark: MinuteGrid | None
) -> list[CheckResult]:
    """Bars at a wrong time on each day: those off the grid, or all of them where the day's clock is off.

    Args:
        days: (d,) consecutive.
        candles: all rows, and `sound` which of them are on the grid.
        grid: the sound rows.
        benchmark: the same days of the benchmark; None for the benchmark itself, or where there is none.
    """
    off_grid = _unsound_by_day(candles, sound, days)
    lags = np.zeros(len(days), np.int64) if benchmark is None else clock_lags(grid, benchmark)
    present = grid.present.reshape(len(days), MINUTES_PER_DAY).sum(axis=1)
    return [
        _result(int(unsound), int(lag), int(bars)) for unsound, lag, bars in zip(off_grid, lags, present, strict=True)
    ]


def clock_lags(grid: MinuteGrid, benchmark: MinuteGrid) -> Ints:
    """(d,) minutes by which each day's clock is behind the benchmark's; 0 where it is not, or nothing tells.

    The cross-correlation of one-minute log returns at every lag up to 12 hours, by FFT over the zero-padded day.
    """
    own, other = _winsorised_returns(grid), _winsorised_returns(benchmark)
    size = np.sqrt((own**2).sum(axis=1) * (other**2).sum(axis=1))
    spectrum = np.fft.rfft(own, PADDED, axis=1) * np.conj(np.fft.rfft(other, PADDED, axis=1))
    cross = np.fft.irfft(spectrum, PADDED, axis=1) / np.maximum(size, np.finfo(float).tiny)[:, None]
    lags = np.concatenate([np.arange(MAX_LAG + 1), np.arange(-MAX_LAG, 0)])
    cross = cross[:, lags]
    best = cross.argmax(axis=1)
    highest = cross[np.arange(len(cross)), best]
    off = (highest >= LEAST_CORRELATION) & (cross[:, 0] < SAME_MINUTE_SHARE * highest)
    return np.where(off, lags[best], 0)


def _winsorised_returns(grid: MinuteGrid) -> Floats:
    """(d, 1440), 0 where there is none."""
    returns = np.zeros(len(grid))
    returns[1:] = np.nan_to_num(np.diff(np.log(grid.close)))
    by_day = returns.reshape(-1, MINUTES_PER_DAY)
    bound = WINSOR * np.sqrt((by_day**2).mean(axis=1, keepdims=True))
    return np.clip(by_day, -bound, bound)


def _unsound_by_day(candles: pl.DataFrame, sound: pl.Series, days: Sequence[date]) -> Ints:
    if sound.all():
        return np.zeros(len(days), np.int64)
    # A row outside the days, or without a time, is told on the nearest of them.
    wrong = candles.filter(~sound)["ts"].fill_null(midnight(days[0]))
    place = (wrong.dt.date() - days[0]).dt.total_days().to_numpy()
    return np.bincount(np.clip(place, 0, len(days) - 1), minlength=len(days))


def _result(unsound: int, lag: int, bars: int) -> CheckResult:
    told = []
    if unsound:
        told.append(f"{unsound} rows are off the minute grid, out of order, twice, or not known at their close")
    if lag:
        side = "behind" if lag > 0 else "before"
        told.append(f"returns go with the benchmark's {abs(lag)} minutes {side} it: the clock is off")
    figure = float(max(unsound, bars if lag else 0))
    return CheckResult(NAME, figure, "bars at a wrong time", 0.0, "ERROR", "; ".join(told))
