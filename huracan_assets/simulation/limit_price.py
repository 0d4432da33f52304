"""Where the limit of an entry rests: behind the last price known at the decision, on the market's own lattice.

The distance is a multiple of the half spread known at the decision, rounded up to whole ticks. The tick is the least
step between two prices of the day before the decision: a limit between two ticks would be traded through where the
market only touches it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from huracan_assets.resources.compiled import njit
from huracan_assets.simulation.kernel import inlined
from huracan_assets.simulation.path import Path

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TICK_MINUTES = 1440
DECIMALS = 10  # prices with more have no lattice
NOISE = 1e-3  # of a unit of the last decimal: what a difference of two prices may be off


class Resting(NamedTuple):
    """The limits of m entries: how far behind the market they stand, in the quote coin, and 10^decimals of a price.

    Where a scale is 0 the market has no lattice. Without rows entries are market orders.
    """

    behind: Floats
    scale: Floats


NONE_RESTS = Resting(np.empty(0), np.empty(0))


def resting_limits(path: Path, decided: Ints, half_spread_bps: Floats, offset: float) -> Resting:
    """The limits of entries at each decision (m,), from minutes known at it alone.

    Args:
        decided: the minute that opens at the decision (m,).
        half_spread_bps: known at the decision (m,).
        offset: distance from the last known price in half spreads.
    """
    tick, seen = _ticks(path.open, path.high, path.low, path.close, decided)
    scale, units = _lattice(tick)
    distance = offset * half_spread_bps * seen / 1e4
    with np.errstate(divide="ignore", invalid="ignore"):
        ticks = np.ceil(distance * scale / units - NOISE)
        behind = np.where(scale > 0.0, ticks * units / scale, distance)
    return Resting(behind, scale)


def _lattice(tick: Floats) -> tuple[Floats, Floats]:
    """10^decimals of each tick and the tick in units of the last decimal, (m,); both 0 where there is no lattice."""
    scale, units = np.zeros(len(tick)), np.zeros(len(tick))
    for decimals in range(DECIMALS, -1, -1):
        counted = tick * 10.0**decimals
        whole = np.round(counted)
        fits = (whole >= 1.0) & (np.abs(counted - whole) < NOISE)
        scale[fits], units[fits] = 10.0**decimals, whole[fits]
    return scale, units


@njit()
def _ticks(opened: Any, high: Any, low: Any, close: Any, decided: Any) -> Any:
    """The least step between prices in the day before each decision, and the last price before it, (m,); or NaN."""
    n = len(close)
    steps, last = np.full(n, np.inf), np.full(n + 1, np.nan)
    for i in range(n):
        for step in (abs(high[i] - low[i]), abs(close[i] - opened[i]), abs(opened[i] - last[i])):
            if step > 0.0:
                steps[i] = min(steps[i], step)
        last[i + 1] = close[i] if close[i] > 0.0 else last[i]
    ticks, seen = np.full(len(decided), np.nan), np.full(len(decided), np.nan)
    for b in range(len(decided)):
        end = min(max(decided[b], 0), n)
        seen[b] = last[end]
        least = np.inf
        for i in range(max(0, end - TICK_MINUTES), end):
            least = min(least, steps[i])
        if least < np.inf:
            ticks[b] = least
    return ticks, seen


@inlined
def limit_price(path: Any, seen: Any, arrived: Any, side: Any, behind: Any, scale: Any) -> Any:
    """The price at which an order comes to rest in the minute `arrived`.

    It stands behind the last known price. Where the market has come towards it by then, it stands as far behind that
    minute's open: it is post-only, and one that would take, or might, is priced anew.
    """
    known, opened = path.close[seen], path.open[arrived]
    price = (min(known, opened) if side > 0 else max(known, opened)) - side * behind
    return np.floor(price * scale + 0.5) / scale if scale > 0.0 else price
