"""The loops under the features: rolling windows and recursions over a dense minute grid.

What they share:
- Arrays hold one float64 a minute; NaN marks a minute without a value. A window reaches over its present
values
  and yields NaN where they are fewer than `least`.
- Windows are joined from block prefixes and suffixes (van Herk 1992), so nothing is ever subtracted: a value
  that left the window leaves no rounding behind, and a constant window has a deviation of exactly zero.
- Output i reads inputs 0..i alone, in an order that depends on i and the window length only: what follows i,
  or is absent there, cannot change a bit.

Here belong loops that numpy cannot express; what a feature means is written in its family's file.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


@njit(cache=True, nogil=True)
def rolling_sum(x: Array, window: int) -> tuple[Array, Array]:
    """Sum and number of the present values among the last `window`; both (n,)."""
    n = x.size
    total, count = np.empty(n), np.empty(n)
    tail_total, tail_count = np.zeros(window), np.zeros(window)
    for start in range(0, n, window):
        stop = min(start + window, n)
        head_total, head_count = 0.0, 0.0
        for i in range(start, stop):
            if not np.isnan(x[i]):
                head_total += x[i]
                head_count += 1.0
            after = i - start + 1
            joined = start > 0 and after < window
            total[i] = tail_total[after] + head_total if joined else head_total
            count[i] = tail_count[after] + head_count if joined else head_count
        if stop - start == window:
            run_total, run_count = 0.0, 0.0
            for i in range(stop - 1, start - 1, -1):
                if not np.isnan(x[i]):
                    run_total += x[i]
                    run_count += 1.0
                tail_total[i - start], tail_count[i - start] = run_total, run_count
    return total, count


@njit(cache=True, nogil=True)
def rolling_max(x: Array, window: int, least: int) -> Array:
    """Highest present value among the last `window`; (n,). The lowest is minus that of -x."""
    n = x.size
    out = np.empty(n)
    tail, tail_count = np.empty(window), np.zeros(window)
    for start in range(0, n, window):
        stop = min(start + window, n)
        head, head_count = -np.inf, 0
        for i in range(start, stop):
            if not np.isnan(x[i]):
                head = max(head, x[i])
                head_count += 1
            after = i - start + 1
            best, count = head, head_count
            if start > 0 and after < window:
                best = max(best, tail[after])
                count += int(tail_count[after])
            out[i] = best if count >= least else np.nan
        if stop - start == window:
            run, run_count = -np.inf, 0
            for i in range(stop - 1, start - 1, -1):
                if not np.isnan(x[i]):
                    run = max(run, x[i])
                    run_count += 1
                tail[i - start], tail_count[i - start] = run, run_count
    return out


@njit(cache=True, nogil=True)
def _merge(a: Array, b: Array, out: Array) -> None:
    """Two disjoint samples as one (Pebay 2008): (count, mean, M2, M3, M4), M_k = sum (x - mean)^k."""
    na, nb = a[0], b[0]
    n = na + nb
    if nb == 0.0:
        out[:] = a
        return
    if na == 0.0:
        out[:] = b
        return
    d = b[1] - a[1]
    r = d / n
    ma2, ma3, mb2, mb3 = a[2], a[3], b[2], b[3]
    cross = d * r * na * nb
    m4 = a[4] + b[4] + cross * r * r * (na * na - na * nb + nb * nb)
    m4 += 6.0 * r * r * (na * na * mb2 + nb * nb * ma2) + 4.0 * r * (na * mb3 - nb * ma3)
    out[4] = m4
    out[3] = ma3 + mb3 + cross * r * (na - nb) + 3.0 * r * (na * mb2 - nb * ma2)
    out[2] = ma2 + mb2 + cross
    out[1] = a[1] + r * nb
    out[0] = n


@njit(cache=True, nogil=True)
def rolling_moments(x: Array, window: int) -> Array:
    """(n, 5): count, mean, M2, M3, M4 (see `_merge`) of the present values among the last `window`."""
    n = x.size
    out = np.zeros((n, 5))
    tail = np.zeros((window, 5))
    head, one = np.zeros(5), np.zeros(5)
    for start in range(0, n, window):
        stop = min(start + window, n)
        head[:] = 0.0
        for i in range(start, stop):
            if not np.isnan(x[i]):
                one[0], one[1] = 1.0, x[i]
                _merge(head, one, head)
            after = i - start + 1
            if start > 0 and after < window:
                _merge(tail[after], head, out[i])
            else:
                out[i] = head
        if stop - start == window:
            head[:] = 0.0
            for i in range(stop - 1, start - 1, -1):
                if not np.isnan(x[i]):
                    one[0], one[1] = 1.0, x[i]
                    _merge(head, one, head)
                tail[i - start] = head
    return out


@njit(cache=True, nogil=True)
def _merge_pairs(a: Array, b: Array, out: Array) -> None:
    """As `_merge`, for pairs: (count, mean x, mean y, Sxx, Syy, Sxy), S the sums of products around means."""
    na, nb = a[0], b[0]
    n = na + nb
    if nb == 0.0:
        out[:] = a
        return
    if na == 0.0:
        out[:] = b
        return
    dx, dy = b[1] - a[1], b[2] - a[2]
    share = na * nb / n
    out[3] = a[3] + b[3] + dx * dx * share
    out[4] = a[4] + b[4] + dy * dy * share
    out[5] = a[5] + b[5] + dx * dy * share
    out[1] = a[1] + dx * (nb / n)
    out[2] = a[2] + dy * (nb / n)
    out[0] = n


@njit(cache=True, nogil=True)
def rolling_pairs(x: Array, y: Array, window: int) -> Array:
    """(n, 6): count, means, Sxx, Syy, Sxy over the last `window` minutes, those where both are present."""
    n = x.size
    out = np.zeros((n, 6))
    tail = np.zeros((window, 6))
    head, one = np.zeros(6), np.zeros(6)
    for start in range(0, n, window):
        stop = min(start + window, n)
        head[:] = 0.0
        for i in range(start, stop):
            if not (np.isnan(x[i]) or np.isnan(y[i])):
                one[0], one[1], one[2] = 1.0, x[i], y[i]
                _merge_pairs(head, one, head)
            after = i - start + 1
            if start > 0 and after < window:
                _merge_pairs(tail[after], head, out[i])
            else:
                out[i] = head
        if stop - start == window:
            head[:] = 0.0
            for i in range(stop - 1, start - 1, -1):
                if not (np.isnan(x[i]) or np.isnan(y[i])):
                    one[0], one[1], one[2] = 1.0, x[i], y[i]
                    _merge_pairs(head, one, head)
                tail[i - start] = head
    return out


@njit(cache=True, nogil=True)
def rolling_rank(x: Array, window: int, least: int, first: int) -> Array:
    """Share of the last `window` present values below the newest, ties by half; (n,), NaN before `first`.

    The newest itself counts as a tie, so n equal values give 0.5. Brute force: only the rows that are read.
    """
    n = x.size
    out = np.full(n, np.nan)
    seen = np.zeros(n + 1, np.int64)
    for i in range(n):
        seen[i + 1] = seen[i] + (not np.isnan(x[i]))
    for i in range(max(first, 0), n):
        newest = x[i]
        low = max(0, i - window + 1)
        present = seen[i + 1] - seen[low]
        if np.isnan(newest) or present < least:
            continue
        below, equal = 0, 0
        for j in range(low, i + 1):
            below += x[j] < newest
            equal += x[j] == newest
        out[i] = (below + 0.5 * equal) / present
    return out


@njit(cache=True, nogil=True)
def ema(x: Array, alpha: float, least: int) -> Array:
    """Exponential mean e += alpha (x - e), seeded with the first value; a missing minute leaves it where it
    was.

    NaN until `least` values were seen. alpha = 2/(span+1) is the usual EMA, 1/n is Wilder's smoothing.
    """
    n = x.size
    out = np.empty(n)
    mean, seen = 0.0, 0
    for i in range(n):
        if not np.isnan(x[i]):
            mean = x[i] if seen == 0 else mean + alpha * (x[i] - mean)
            seen += 1
        out[i] = mean if seen >= least else np.nan
    return out


@njit(cache=True, nogil=True)
def carry_forward(x: Array, limit: int) -> Array:
    """The last known value, for at most `limit` minutes after it; (n,)."""
    n = x.size
    out = np.empty(n)
    last, age = np.nan, limit + 1
    for i in range(n):
        if np.isnan(x[i]):
            age += 1
        else:
            last, age = x[i], 0
        out[i] = last if age <= limit else np.nan
    return out
