"""EDGE, the efficient bid-ask spread estimator from OHLC prices (Ardia, Guidotti & Kroencke, JFE 2024), rolling.

Section 3 of the paper combines two moment conditions x = a (r1 - tau m1) u + b (v - tau mv) r4, where a, b, m1, mv are
means over the window and u, v products of a minute's own. Multiplied out, mean and variance of x are quadratic in means
of the products below, so that a window needs only their rolling sums, joined as `kernels.py` says.
`bidask.edge(..., sign=True)` of the same minutes is the oracle.
"""

from __future__ import annotations

import numpy as np

from huracan_assets.features.kernels import Array
from huracan_assets.resources.compiled import njit

MOVED, OPENS, CLOSES, R1, R3, R5, COUNT = range(7)  # places of the plain sums
FIRST, SECOND = 7, 21  # of each condition: its four terms, then their ten products
SUMS = 35


@njit(nogil=True)
def _add_minute(sums: Array, prices: Array, i: int) -> None:
    """Add minute i to the sums, with the one before it; nothing where a price of the two is missing."""
    if i == 0:
        return
    o, h, lo, c = prices[i, 0], prices[i, 1], prices[i, 2], prices[i, 3]
    h1, l1, c1 = prices[i - 1, 1], prices[i - 1, 2], prices[i - 1, 3]
    m, m1 = (h + lo) / 2.0, (h1 + l1) / 2.0
    if np.isnan(o + c + m + c1 + m1):
        return
    r1, r2, r3, r4, r5 = m - o, o - m1, m - c1, c1 - m1, o - c1
    tau = 1.0 if h != lo or lo != c1 else 0.0
    sums[MOVED] += tau
    sums[OPENS] += tau * ((o != h) + (o != lo))
    sums[CLOSES] += tau * ((c1 != h1) + (c1 != l1))
    sums[R1] += r1
    sums[R3] += r3
    sums[R5] += r5
    sums[COUNT] += 1.0
    _add_terms(sums, FIRST, r1 * r2, tau * r2, r3 * r4, tau * r4)
    _add_terms(sums, SECOND, r1 * r5, tau * r5, r5 * r4, tau * r4)


@njit(nogil=True)
def _add_terms(sums: Array, at: int, s: float, t: float, u: float, v: float) -> None:
    """Four terms of a condition and their products, each pair once."""
    sums[at] += s
    sums[at + 1] += t
    sums[at + 2] += u
    sums[at + 3] += v
    sums[at + 4] += s * s
    sums[at + 5] += t * t
    sums[at + 6] += u * u
    sums[at + 7] += v * v
    sums[at + 8] += s * t
    sums[at + 9] += s * u
    sums[at + 10] += s * v
    sums[at + 11] += t * u
    sums[at + 12] += t * v
    sums[at + 13] += u * v


@njit(nogil=True)
def _condition(sums: Array, at: int, n: float, a: float, b: float, c: float, d: float) -> tuple[float, float]:
    """Mean and variance of a s + b t + c u + d v over the window's n minutes."""
    expected = (a * sums[at] + b * sums[at + 1] + c * sums[at + 2] + d * sums[at + 3]) / n
    own = a * a * sums[at + 4] + b * b * sums[at + 5] + c * c * sums[at + 6] + d * d * sums[at + 7]
    crossed = (
        a * (b * sums[at + 8] + c * sums[at + 9] + d * sums[at + 10])
        + b * (c * sums[at + 11] + d * sums[at + 12])
        + c * d * sums[at + 13]
    )
    return expected, (own + 2.0 * crossed) / n - expected * expected


@njit(nogil=True)
def _spread(sums: Array, least: int) -> float:
    """Signed root of the estimated squared spread from a window's sums."""
    n, moved = sums[COUNT], sums[MOVED]
    if n < least or moved < 2.0 or sums[OPENS] == 0.0 or sums[CLOSES] == 0.0:
        return np.nan
    a, b = -4.0 * n / sums[OPENS], -4.0 * n / sums[CLOSES]
    mean_1 = sums[R1] / moved
    e1, v1 = _condition(sums, FIRST, n, a, -a * mean_1, b, -b * sums[R3] / moved)
    e2, v2 = _condition(sums, SECOND, n, a, -a * mean_1, b, -b * sums[R5] / moved)
    total = v1 + v2
    squared = (v2 * e1 + v1 * e2) / total if total > 0.0 else (e1 + e2) / 2.0
    root: float = np.sign(squared) * np.sqrt(np.abs(squared))
    return root


@njit(nogil=True)
def rolling_edge(prices: Array, minutes: int, least: int) -> Array:
    """The spread over the last `minutes`, a fraction of the price, signed; (n,).

    A minute counts together with the one before it: where either is missing, the pair is left out.

    Args:
        prices: (n, 4) ln open, high, low, close.

    Returns:
        NaN with fewer than `least` pairs, fewer than two that moved, or an open or close that never left the extremes.
    """
    n, window = len(prices), minutes - 1
    out = np.empty(n)
    tail, head, joined = np.zeros((window + 1, SUMS)), np.zeros(SUMS), np.empty(SUMS)
    for start in range(0, n, window):
        stop = min(start + window, n)
        head[:] = 0.0
        for i in range(start, stop):
            _add_minute(head, prices, i)
            for k in range(SUMS):
                joined[k] = tail[i - start + 1, k] + head[k]
            out[i] = _spread(joined, least)
        head[:] = 0.0
        for i in range(stop - 1, start - 1, -1):
            _add_minute(head, prices, i)
            tail[i - start, :] = head
    return out
