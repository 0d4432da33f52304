"""The minutes a day's features are computed from, and the series that several families read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from huracan_assets.features.kernels import Array, carry_forward
from huracan_assets.features.rolling import lag, mean, moments, wilder
from huracan_assets.market.grid import MinuteGrid

BPS = 1e4
MINUTES_PER_DAY = 1440.0
LAST_PRICE_LIMIT = 60  # minutes a close stays "the last price"; beyond an hour's silence there is none


@dataclass(frozen=True)
class Window:
    """[day - WARM_UP_DAYS, day] on a dense minute grid.

    Args:
        grid: the symbol's minutes, n of them.
        benchmark: the benchmark's on the same minutes; None where there is none.
        funding_ts: (k,) funding times inside the window, sorted.
        funding_rate: (k,) fractions.
        first_row: the first minute of the day itself; rows before it are warm-up and are not read.
    """

    grid: MinuteGrid
    benchmark: MinuteGrid | None
    funding_ts: NDArray[np.datetime64]
    funding_rate: Array
    first_row: int

    @property
    def size(self) -> int:
        """Minutes in the window."""
        return len(self.grid)

    def undefined(self) -> Array:
        """(n,) NaN: the value of a feature whose input the source does not have."""
        return np.full(self.size, np.nan)

    @cached_property
    def last_log_close(self) -> Array:
        """Log of the last price known at each close, carried over gaps of up to an hour."""
        return carry_forward(np.log(self.grid.close), LAST_PRICE_LIMIT)

    @cached_property
    def returns(self) -> Array:
        """One-minute log returns; undefined where this minute or the one before is missing."""
        return one_minute_returns(self.grid)

    @cached_property
    def benchmark_returns(self) -> Array:
        """As `returns`, of the benchmark; all NaN without one."""
        return self.undefined() if self.benchmark is None else one_minute_returns(self.benchmark)

    @cached_property
    def benchmark_log_close(self) -> Array:
        """As `last_log_close`, of the benchmark; all NaN without one."""
        if self.benchmark is None:
            return self.undefined()
        return carry_forward(np.log(self.benchmark.close), LAST_PRICE_LIMIT)

    @cached_property
    def true_range(self) -> Array:
        """max(high, last close) - min(low, last close), in price; a gap's jump belongs to no minute."""
        before = lag(self.grid.close, 1)
        high = np.fmax(self.grid.high, before)
        low = np.fmin(self.grid.low, before)
        return np.where(self.grid.present, high - low, np.nan)

    @cached_property
    def atr(self) -> Array:
        """Wilder's average true range over 14 minutes, in price."""
        return wilder(self.true_range, 14)

    @cached_property
    def typical(self) -> Array:
        """(high + low + close) / 3."""
        return (self.grid.high + self.grid.low + self.grid.close) / 3.0

    @cached_property
    def close_location(self) -> Array:
        """Place of the close in its minute's range, -1 at the low to 1 at the high; 0 where there is none."""
        g = self.grid
        spread = g.high - g.low
        inside = (g.close - g.low) - (g.high - g.close)
        return np.where(spread > 0, inside / np.where(spread > 0, spread, 1.0), np.where(g.present, 0.0, np.nan))

    def realised(self, minutes: int) -> Array:
        """Realised volatility over `minutes` as a fraction a day: sqrt(1440 mean r^2)."""
        return np.sqrt(MINUTES_PER_DAY * mean(self.returns**2, minutes))

    @cached_property
    def volatility_60(self) -> Array:
        """`realised(60)`."""
        return self.realised(60)

    @cached_property
    def volatility_240(self) -> Array:
        """`realised(240)`."""
        return self.realised(240)

    @cached_property
    def volatility_1440(self) -> Array:
        """`realised(1440)`."""
        return self.realised(1440)

    @cached_property
    def band(self) -> tuple[Array, Array]:
        """Mean and population deviation of the log close over 20 minutes: Bollinger's band."""
        table = moments(np.log(self.grid.close), 20)
        return table.mean, table.std

    def log_return(self, minutes: int) -> Array:
        """Log return from the last price known `minutes` ago to this close."""
        return np.where(self.grid.present, self.last_log_close - lag(self.last_log_close, minutes), np.nan)


def one_minute_returns(grid: MinuteGrid) -> Array:
    """(n,) log close minus the log close of the minute before, NaN where either is missing."""
    log_close = np.log(grid.close)
    return log_close - lag(log_close, 1)
