"""Rolling windows over a dense minute grid: the loops that numpy cannot express.

What they share:
- Arrays hold one float64 a minute; NaN marks a minute without a value. A window reaches over its present values and
  yields NaN where they are fewer than `least`.
- Windows are joined from block prefixes and suffixes (van Herk 1992), so nothing is ever subtracted: a value that
  left the window leaves no rounding behind, and a constant window has a deviation of exactly zero.
- Output i reads inputs 0..i alone, in an order that depends on i and the window length only: what follows i, or is
  absent there, cannot change a bit.

What a feature means is written in its family's file; recursions stand in `recursions.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huracan_assets.resources.compiled import njit

Array = NDArray[np.float64]
RANK_BLOCK = 512  # minutes whose counts are kept in the processor's nearest cache


@njit(nogil=True)
def ratio(numerator: Array, denominator: Array) -> Array:
    """Their quotient; NaN where the denominator is zero, so nothing becomes infinite; (n,)."""
    out = np.empty(numerator.size)
    for i in range(numerator.size):
        out[i] = numerator[i] / denominator[i] if denominator[i] != 0.0 else np.nan
    return out


@njit(nogil=True)
def held(x: Array, factor: float, low: float, high: float) -> Array:
    """factor * x, held within low..high; NaN stays NaN; (n,)."""
    out = np.empty(x.size)
    for i in range(x.size):
        value = factor * x[i]
        out[i] = low if value < low else (high if value > high else value)
    return out


@njit(nogil=True)
def held_change(x: Array, past: Array, minutes: int, factor: float, limit: float) -> Array:
    """factor * (x - past, `minutes` ago), held within +-limit; (n,), NaN where nothing is so long ago."""
    out = np.full(x.size, np.nan)
    newest, before, change = x[minutes:], past[: max(x.size - minutes, 0)], out[minutes:]
    for i in range(change.size):
        value = factor * (newest[i] - before[i])
        change[i] = -limit if value < -limit else (limit if value > limit else value)
    return out


@njit(nogil=True)
def held_change_in_units(x: Array, minutes: int, unit: Array, limit: float) -> Array:
    """(x - x, `minutes` ago) / unit, held within +-limit; NaN where the unit is zero; (n,)."""
    out = np.full(x.size, np.nan)
    for i in range(minutes, x.size):
        if unit[i] != 0.0:
            value = (x[i] - x[i - minutes]) / unit[i]
            out[i] = -limit if value < -limit else (limit if value > limit else value)
    return out


@njit(nogil=True)
def place(x: Array, low: Array, high: Array, alone: float) -> Array:
    """Place of x between low and high, within 0..1; `alone` where they are the same; (n,)."""
    out = np.empty(x.size)
    for i in range(x.size):
        width = high[i] - low[i]
        out[i] = min(max((x[i] - low[i]) / width, 0.0), 1.0) if width != 0.0 else alone
        if np.isnan(x[i]):
            out[i] = np.nan
    return out


@njit(nogil=True)
def standardised(x: Array, mean: Array, deviation: Array) -> Array:
    """(x - mean) / deviation; NaN where there is no deviation; (n,)."""
    out = np.empty(x.size)
    for i in range(x.size):
        out[i] = (x[i] - mean[i]) / deviation[i] if deviation[i] != 0.0 else np.nan
    return out


@njit(nogil=True)
def correlation(var_x: Array, var_y: Array, cov: Array) -> Array:
    """Pearson's within [-1, 1], from variances and covariance; NaN where either does not vary; (n,)."""
    out = np.empty(cov.size)
    for i in range(cov.size):
        scale = np.sqrt(var_x[i]) * np.sqrt(var_y[i])
        out[i] = min(max(cov[i] / scale, -1.0), 1.0) if scale != 0.0 else np.nan
        if np.isnan(cov[i]):
            out[i] = np.nan
    return out


@njit(nogil=True)
def _rolling_total(x: Array, window: int, least: int, averaged: bool) -> Array:
    n = x.size
    out = np.empty(n)
    tail_total, tail_count = np.zeros(window + 1), np.zeros(window + 1, np.int64)
    for start in range(0, n, window):
        stop = min(start + window, n)
        total, count = 0.0, 0
        for i in range(start, stop):
            known = not np.isnan(x[i])
            total += x[i] if known else 0.0
            count += known
            present = tail_count[i - start + 1] + count
            summed = tail_total[i - start + 1] + total
            out[i] = (summed / present if averaged else summed) if present >= least else np.nan
        total, count = 0.0, 0
        for i in range(stop - 1, start - 1, -1):
            known = not np.isnan(x[i])
            total += x[i] if known else 0.0
            count += known
            tail_total[i - start], tail_count[i - start] = total, count
    return out


@njit(nogil=True)
def rolling_sum(x: Array, window: int, least: int) -> Array:
    """Sum of the present values among the last `window`; (n,)."""
    return _rolling_total(x, window, least, False)


@njit(nogil=True)
def rolling_mean(x: Array, window: int, least: int) -> Array:
    """Mean of the present values among the last `window`; (n,)."""
    return _rolling_total(x, window, least, True)


@njit(nogil=True)
def rolling_extreme(x: Array, window: int, least: int, sign: float) -> Array:
    """Highest present value among the last `window` where sign is 1, the lowest where it is -1; (n,)."""
    n = x.size
    out = np.empty(n)
    tail, tail_count = np.full(window + 1, -np.inf), np.zeros(window + 1, np.int64)
    for start in range(0, n, window):
        stop = min(start + window, n)
        highest, count = -np.inf, 0
        for i in range(start, stop):
            if not np.isnan(x[i]):
                highest = max(highest, sign * x[i])
                count += 1
            present = tail_count[i - start + 1] + count
            out[i] = sign * max(highest, tail[i - start + 1]) if present >= least else np.nan
        highest, count = -np.inf, 0
        for i in range(stop - 1, start - 1, -1):
            if not np.isnan(x[i]):
                highest = max(highest, sign * x[i])
                count += 1
            tail[i - start], tail_count[i - start] = highest, count
    return out


@njit(nogil=True)
def rolling_range(high: Array, low: Array, window: int, least: int) -> tuple[Array, Array]:
    """Highest high and lowest low of the last `window`, NaN at the same minutes; (n,) each."""
    n = high.size
    top, bottom = np.empty(n), np.empty(n)
    tails, tail_count = np.empty((window + 1, 2)), np.zeros(window + 1, np.int64)
    tails[:, 0], tails[:, 1] = -np.inf, np.inf
    for start in range(0, n, window):
        stop = min(start + window, n)
        highest, lowest, count = -np.inf, np.inf, 0
        for i in range(start, stop):
            if not np.isnan(high[i]):
                highest, lowest, count = max(highest, high[i]), min(lowest, low[i]), count + 1
            after = i - start + 1
            known = tail_count[after] + count >= least
            top[i] = max(highest, tails[after, 0]) if known else np.nan
            bottom[i] = min(lowest, tails[after, 1]) if known else np.nan
        highest, lowest, count = -np.inf, np.inf, 0
        for i in range(stop - 1, start - 1, -1):
            if not np.isnan(high[i]):
                highest, lowest, count = max(highest, high[i]), min(lowest, low[i]), count + 1
            tails[i - start, 0], tails[i - start, 1], tail_count[i - start] = highest, lowest, count
    return top, bottom


@njit(nogil=True)
def sampled_rank(x: Array, samples: int, stride: int, least: int, first: int) -> Array:
    """Share of x[i], x[i - stride], ... (`samples` of them) that lie below x[i], ties by half; (n,).

    The newest itself counts as a tie, so equal values give 0.5. NaN before `first`, which saves their time. All pairs
    are compared, lag by lag for many minutes side by side; the counts are whole numbers, so exact.
    """
    n, reach = x.size, samples * stride
    out, known = np.full(n, np.nan), np.zeros(n + reach, np.int64)  # values at i, i - stride, ... to the beginning
    for i in range(n):
        known[reach + i] = known[reach + i - stride] + (not np.isnan(x[i]))
    twice = np.empty(RANK_BLOCK)
    for start in range(max(first, 0), n, RANK_BLOCK):
        stop = min(start + RANK_BLOCK, n)
        twice[:] = 0.0
        for lag in range(0, min(reach, stop), stride):
            begin = max(start, lag)  # minutes before it have nothing so long ago
            now, past, below = x[begin:stop], x[begin - lag : stop - lag], twice[begin - start : stop - start]
            for k in range(stop - begin):
                below[k] += (1.0 if past[k] < now[k] else 0.0) + (1.0 if past[k] <= now[k] else 0.0)
        for i in range(start, stop):
            present = known[reach + i] - known[i]
            if present >= least and not np.isnan(x[i]):
                out[i] = 0.5 * twice[i - start] / present
    return out


@njit(nogil=True)
def _put(ordered: Array, size: int, value: float) -> int:
    """Put a value among the first `size` ordered ones, the last one falling out where all places are taken."""
    k = min(size, ordered.size - 1)
    while k > 0 and ordered[k - 1] > value:
        ordered[k] = ordered[k - 1]
        k -= 1
    ordered[k] = value
    return min(size + 1, ordered.size)


@njit(nogil=True)
def _take(ordered: Array, size: int, value: float) -> int:
    """Take a value out of the first `size` ordered ones, if it is not beyond them."""
    if size == 0 or value > ordered[size - 1]:
        return size
    k = 0
    while ordered[k] < value:
        k += 1
    for later in range(k, size - 1):
        ordered[later] = ordered[later + 1]
    return size - 1


@njit(nogil=True)
def rolling_low_quantile(x: Array, window: int, least: int, first: int, share: float) -> Array:
    """The quantile `share`, at most a half, of the last `window` present values; (n,), NaN before `first`.

    Interpolated (Hyndman & Fan's type 7). The quantile 1 - share is minus this one of -x. Only the lowest values of the
    window are kept in order, twice as many as are needed; when too few of them are left, the window is read again.
    """
    n, begin = x.size, max(0, first - window + 1)
    out = np.full(n, np.nan)
    needed = int(share * (window - 1)) + 2
    lowest, size, count = np.empty(2 * needed), 0, 0
    for i in range(begin, n):
        leaves = i - window
        if leaves >= begin and not np.isnan(x[leaves]):
            size = _take(lowest, size, x[leaves])
            count -= 1
        if not np.isnan(x[i]):
            if size == count < lowest.size or (size > 0 and x[i] < lowest[size - 1]):
                size = _put(lowest, size, x[i])
            count += 1
        if size < min(needed, count):
            size = 0
            for j in range(max(begin, leaves + 1), i + 1):
                if not np.isnan(x[j]) and (size < lowest.size or x[j] < lowest[size - 1]):
                    size = _put(lowest, size, x[j])
        if i >= first and count >= least:
            at = share * (count - 1)
            low = int(at)
            high = min(low + 1, count - 1)
            out[i] = lowest[low] + (at - low) * (lowest[high] - lowest[low])
    return out


@njit(nogil=True)
def rolling_pattern_entropy(code: NDArray[np.int64], patterns: int, window: int, least: int) -> Array:
    """(n,) Shannon entropy of the codes 0..patterns-1 among the last `window`, over ln(patterns); -1 is no code."""
    n = code.size
    out = np.full(n, np.nan)
    counts, present = [0] * patterns, 0
    weighted = np.zeros(window + 1)  # c ln c
    for c in range(2, window + 1):
        weighted[c] = c * np.log(c)
    for i in range(n):
        if i >= window and code[i - window] >= 0:
            counts[code[i - window]] -= 1
            present -= 1
        if code[i] >= 0:
            counts[code[i]] += 1
            present += 1
        if present >= least:
            summed = 0.0
            for c in counts:
                summed += weighted[c]
            out[i] = min(max((np.log(present) - summed / present) / np.log(patterns), 0.0), 1.0)
    return out
