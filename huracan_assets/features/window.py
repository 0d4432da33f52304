"""The minutes a day's features are computed from, and the series that several families read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from huracan_assets.features.events import Events, Times
from huracan_assets.features.kernels import Array, rolling_range
from huracan_assets.features.moment_kernels import rolling_deviation, rolling_shape
from huracan_assets.features.recursions import LAST_PRICE_LIMIT, average_true_range, carry_forward, true_range
from huracan_assets.features.rolling import Joint, joint, lag, least, mean
from huracan_assets.market.grid import MinuteGrid

BPS = 1e4
MINUTES_PER_DAY = 1440.0
T = TypeVar("T")


@dataclass(frozen=True)
class Window:
    """[day - WARM_UP_DAYS, day] on a dense minute grid.

    Args:
        grid: the symbol's minutes, n of them; what is no sound number is NaN.
        benchmark: the benchmark's on the same minutes; None where there is none.
        first_row: the first minute of the day itself; rows before it are warm-up and are not read.
        funding: `rate`, fractions; None where there is none, as for all that follow.
        open_interest: `open_interest`, in the base coin.
        order_books: `bid`, `ask`, `bid_size`, `ask_size` of the best level, `bid_depth` and `ask_depth` of all levels.
        perpetual: the perpetual's minutes.
        sentiment: `score`.
    """

    grid: MinuteGrid
    benchmark: MinuteGrid | None
    first_row: int
    funding: Events | None = None
    open_interest: Events | None = None
    order_books: Events | None = None
    perpetual: MinuteGrid | None = None
    sentiment: Events | None = None
    _made: dict[Callable[[Window], Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, series: Callable[[Window], T]) -> T:
        """What several features read, computed when the first of them asks; nobody writes into it."""
        if series not in self._made:
            self._made[series] = series(self)
        made: T = self._made[series]
        return made

    @property
    def size(self) -> int:
        """Minutes in the window."""
        return len(self.grid)

    @cached_property
    def known_at(self) -> Times:
        """(n,) each minute's close, when its features become known."""
        return self.grid.known_at

    @cached_property
    def minute(self) -> NDArray[np.int64]:
        """(n,) whole minutes since 1970 at each close."""
        return self.known_at.astype("datetime64[m]").astype(np.int64)

    def undefined(self) -> Array:
        """(n,) NaN: the value of a feature whose input the source does not have."""
        return np.full(self.size, np.nan)

    @cached_property
    def log_close(self) -> Array:
        """Log of the close."""
        return np.log(self.grid.close)

    @cached_property
    def log_range(self) -> Array:
        """ln(high / low)."""
        return np.log(self.grid.high / self.grid.low)

    @cached_property
    def last_log_close(self) -> Array:
        """Log of the last price known at each close, carried over gaps of up to an hour."""
        return np.asarray(carry_forward(self.log_close, LAST_PRICE_LIMIT))

    @cached_property
    def returns(self) -> Array:
        """One-minute log returns; undefined where this minute or the one before is missing."""
        return self.log_close - lag(self.log_close, 1)

    @cached_property
    def benchmark_returns(self) -> Array:
        """As `returns`, of the benchmark; all NaN without one."""
        if self.benchmark is None:
            return self.undefined()
        log_close = np.log(self.benchmark.close)
        return log_close - lag(log_close, 1)

    @cached_property
    def benchmark_log_close(self) -> Array:
        """As `last_log_close`, of the benchmark; all NaN without one."""
        if self.benchmark is None:
            return self.undefined()
        return np.asarray(carry_forward(np.log(self.benchmark.close), LAST_PRICE_LIMIT))

    @cached_property
    def true_range(self) -> Array:
        """max(high, last close) - min(low, last close), in price; a gap's jump belongs to no minute."""
        return np.asarray(true_range(self.grid.high, self.grid.low, self.grid.close))

    @cached_property
    def atr(self) -> Array:
        """Wilder's average true range over 14 minutes, in price; 0 where it is but the memory of moves long past."""
        return np.asarray(average_true_range(self.grid.high, self.grid.low, self.grid.close, 14))

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
        return inside / np.where(spread == 0.0, 1.0, spread)

    @cached_property
    def squared_returns(self) -> Array:
        """The squares of `returns`."""
        return self.returns**2

    def realised(self, minutes: int) -> Array:
        """Realised volatility over `minutes` as a fraction a day: sqrt(1440 mean r^2)."""
        return np.sqrt(MINUTES_PER_DAY * mean(self.squared_returns, minutes))

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
        return rolling_deviation(self.log_close, 20, least(20))

    @cached_property
    def shape_240(self) -> tuple[Array, Array, Array]:
        """Population deviation, skewness and excess kurtosis of the returns over 240 minutes."""
        return rolling_shape(self.returns, 240, least(240))

    @cached_property
    def with_last_240(self) -> Joint:
        """Joint moments of the returns and those of the minute before, over 240 minutes."""
        return joint(self.returns, lag(self.returns, 1), 240)

    @cached_property
    def with_benchmark_240(self) -> Joint:
        """Joint moments of the returns and the benchmark's, over 240 minutes."""
        return joint(self.returns, self.benchmark_returns, 240)

    def range(self, minutes: int) -> tuple[Array, Array]:
        """Highest high and lowest low of the last minutes."""
        return rolling_range(self.grid.high, self.grid.low, minutes, least(minutes))

    @cached_property
    def hour_range(self) -> tuple[Array, Array]:
        """`range(60)`."""
        return self.range(60)

    def log_return(self, minutes: int) -> Array:
        """Log return from the last price known `minutes` ago to this close."""
        return self.log_close - lag(self.last_log_close, minutes)
