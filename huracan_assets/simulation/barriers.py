"""Triple barriers on the 1-minute path (AFML chapter 3), for every decision bar and both sides.

The rules, all of them the pessimistic reading of a bar whose inner order is unknown:

- Entry at the open of the first present minute from `entry_from` on, if it comes within the horizon; else no
  trade.
- A stop is touched at its price (`low <= stop` for a long) and fills there, or at the open where that is
  already worse.
- A take-profit is a resting limit: it fills at its own price, and only if the market trades through it (`high
  > tp`).
- A minute that touches both takes the stop. The entry minute counts: all of it lies after its open.
- The vertical barrier is the close of the last of `horizon` minutes. Where that minute is missing, the open
  of the next present one decides: stop, take-profit or time.
- An outcome counts only if the path reaches the vertical barrier inside the window, however early a barrier
  was touched: keeping just the quick outcomes of the newest bars would select on the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

REASONS = ("take_profit", "stop_loss", "time")
TAKE_PROFIT, STOP_LOSS, TIME = 0, 1, 2
SIDES = (1, -1)


@dataclass(frozen=True)
class BarrierOutcomes:
    """Per decision bar (m,) and side (column 0 long, 1 short); minutes are rows of the path.

    Excursions are fractions of the entry price in the trade's favour: `mae <= gross <= mfe`, `mae <= 0 <=
    mfe`. In the exit minute of a touch only the fill counts, for what came after it was not held.
    """

    entry: Ints  # (m,), -1: no complete outcome
    exit: Ints  # (m, 2)
    entry_price: Floats  # (m,)
    exit_price: Floats  # (m, 2)
    reason: NDArray[np.int8]  # (m, 2), index into REASONS
    mfe: Floats  # (m, 2)
    mae: Floats  # (m, 2)


def barrier_outcomes(
    path: tuple[Floats, Floats, Floats, Floats],
    present: NDArray[np.bool_],
    entry_from: Ints,
    take_profit: Floats,
    stop_loss: Floats,
    horizon: int,
) -> BarrierOutcomes:
    """The outcome of a long and a short at every decision bar.

    Args:
        path: open, high, low, close (n,) on a gapless minute grid; values at absent minutes are never read.
        present: which minutes the source has (n,).
        entry_from: first minute (row of the path) that may fill (m,); outside the path: no trade.
        take_profit, stop_loss: barrier distances as fractions of the entry price (m,); NaN: no trade.
        horizon: minutes to the vertical barrier.
    """
    bars = len(entry_from)
    entry = np.full(bars, -1, np.int64)
    exit_ = np.full((bars, 2), -1, np.int64)
    entry_price = np.full(bars, np.nan)
    exit_price = np.full((bars, 2), np.nan)
    reason = np.full((bars, 2), -1, np.int8)
    mfe = np.full((bars, 2), np.nan)
    mae = np.full((bars, 2), np.nan)
    following = _next_present(present)
    for k, side in enumerate(SIDES):
        _scan(
            *path, following, entry_from, take_profit, stop_loss, horizon, side,
            entry, exit_[:, k], entry_price, exit_price[:, k], reason[:, k], mfe[:, k], mae[:, k],
        )  # fmt: skip
    return BarrierOutcomes(entry, exit_, entry_price, exit_price, reason, mfe, mae)


@njit(cache=True)
def _next_present(present):  # type: ignore[no-untyped-def]
    n = len(present)
    following = np.empty(n + 1, np.int64)
    following[n] = n
    for i in range(n - 1, -1, -1):
        following[i] = i if present[i] else following[i + 1]
    return following


@njit(cache=True)
def _minute(open_, high, low, close, side, stop, target, inside, last):  # type: ignore[no-untyped-def]
    """One minute of an open trade: (reason or -1, fill price). `inside`: not beyond the vertical barrier."""
    worst = low if side > 0 else high
    best = high if side > 0 else low
    if not inside:
        worst, best = open_, open_
    if side * worst <= side * stop:
        gapped = side * open_ < side * stop
        return STOP_LOSS, open_ if gapped else stop
    if side * best > side * target:
        return TAKE_PROFIT, target
    if not inside:
        return TIME, open_
    if last:
        return TIME, close
    return -1, np.nan


@njit(cache=True)
def _scan(  # type: ignore[no-untyped-def]
    open_, high, low, close, following, entry_from, take_profit, stop_loss, horizon, side,
    entry, exit_, entry_price, exit_price, reason, mfe, mae,
):  # fmt: skip
    n = len(open_)
    for b in range(len(entry_from)):
        first = entry_from[b]
        if first < 0 or first >= n or not (take_profit[b] > 0 and stop_loss[b] > 0):
            continue
        start = following[first]
        vertical = start + horizon - 1
        if start >= first + horizon or vertical >= n or following[vertical] >= n:
            continue
        price = open_[start]
        target = price * (1.0 + side * take_profit[b])
        stop = price * (1.0 - side * stop_loss[b])
        best, worst, j, code, fill = 0.0, 0.0, start, -1, 0.0
        while True:
            code, fill = _minute(open_[j], high[j], low[j], close[j], side, stop, target, j <= vertical, j == vertical)
            if code < 0 or (code == TIME and j == vertical):
                up, down = side * (high[j] / price - 1.0), side * (low[j] / price - 1.0)
                best, worst = max(best, up, down), min(worst, up, down)
            if code >= 0:
                break
            j = following[j + 1]
        gross = side * (fill / price - 1.0)
        entry[b], exit_[b], entry_price[b], exit_price[b], reason[b] = start, j, price, fill, code
        mfe[b], mae[b] = max(best, gross), min(worst, gross)
