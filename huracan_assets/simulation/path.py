"""The minutes of a market as the loops of the simulator read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.resources.compiled import njit

if TYPE_CHECKING:
    from huracan_assets.market.grid import MinuteGrid

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK = 16  # minutes whose extremes are kept together
MINUTE_US = 60_000_000


class Path(NamedTuple):
    """Gapless minutes (n,), NaN where the source has none; prices in the quote coin, volume in the base coin.

    `following` (n + 1,) is the next present minute at or after each, n where there is none. `block_high` and
    `block_low` are the extremes of `BLOCK` minutes each, the last block whole or not; `rest_high` and `rest_low` (n,)
    those from a minute to the end of its block, `past_high` and `past_low` from the block's begin to it (van Herk
    1992). `epoch` is the first minute's number since 1970. Funding events stand in order with their minute.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    following: Ints
    block_high: Floats
    block_low: Floats
    rest_high: Floats
    rest_low: Floats
    past_high: Floats
    past_low: Floats
    epoch: int
    funding_minute: Ints
    funding_rate: Floats


def path_of(grid: MinuteGrid, funding: pl.DataFrame | None = None) -> Path:
    """The minutes of a grid with the funding of its market; volumes that are not known count as none."""
    minutes, rates = _funding(grid, funding)
    legs = (grid.open, grid.high, grid.low, grid.close)
    opened, high, low, close = (np.where(grid.present, leg, np.nan) for leg in legs)
    block_high, block_low, rest_high, rest_low, past_high, past_low = _extremes(high, low)
    return Path(
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=np.where(grid.present, np.nan_to_num(grid.volume), 0.0),
        following=_next_present(grid.present),
        block_high=block_high,
        block_low=block_low,
        rest_high=rest_high,
        rest_low=rest_low,
        past_high=past_high,
        past_low=past_low,
        epoch=int(grid.start.astype("datetime64[m]").astype(np.int64)),
        funding_minute=minutes,
        funding_rate=rates,
    )


def _funding(grid: MinuteGrid, funding: pl.DataFrame | None) -> tuple[Ints, Floats]:
    if funding is None or funding.is_empty():
        return np.empty(0, np.int64), np.empty(0)
    ordered = funding.sort("ts")
    # Exchanges stamp funding some milliseconds late.
    at = ordered["ts"].dt.epoch("us").to_numpy() // MINUTE_US
    return at - grid.start.astype("datetime64[m]").astype(np.int64), ordered["rate"].to_numpy()


@njit()
def _next_present(present: Any) -> Any:
    n = len(present)
    following = np.empty(n + 1, np.int64)
    following[n] = n
    for i in range(n - 1, -1, -1):
        following[i] = i if present[i] else following[i + 1]
    return following


@njit()
def _extremes(high: Any, low: Any) -> Any:
    n = len(high)
    blocks = -(-n // BLOCK)
    block_high, block_low = np.empty(blocks), np.empty(blocks)
    rest_high, rest_low, past_high, past_low = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    for k in range(blocks):
        first, end = k * BLOCK, min((k + 1) * BLOCK, n)
        highest, lowest = -np.inf, np.inf
        for i in range(first, end):
            highest = high[i] if high[i] > highest else highest
            lowest = low[i] if low[i] < lowest else lowest
            past_high[i], past_low[i] = highest, lowest
        block_high[k], block_low[k] = highest, lowest
        highest, lowest = -np.inf, np.inf
        for i in range(end - 1, first - 1, -1):
            highest = high[i] if high[i] > highest else highest
            lowest = low[i] if low[i] < lowest else lowest
            rest_high[i], rest_low[i] = highest, lowest
    return block_high, block_low, rest_high, rest_low, past_high, past_low
