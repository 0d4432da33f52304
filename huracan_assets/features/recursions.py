"""Recursions over a dense minute grid: exponential means, Wilder's indices, and the last price known.

NaN marks a minute without a value: it leaves a recursion where it was. A silence of more than `LAST_PRICE_LIMIT`
minutes ends it, and the next value seeds it anew: what was before so long a gap is no longer known to hold.
Output i reads inputs 0..i alone.
"""

from __future__ import annotations

import numpy as np

from huracan_assets.features.kernels import Array
from huracan_assets.resources.compiled import njit

LAST_PRICE_LIMIT = 60  # minutes a close stays "the last price"; beyond an hour's silence there is none
STILL = 1e-12  # of the price: less is no move


@njit(nogil=True)
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


@njit(nogil=True)
def _smoothed(mean: float, value: float, alpha: float, seen: int) -> float:
    """An exponential mean with one value more; the first value seeds it."""
    return (1.0 - alpha) * mean + alpha * value if seen else value


@njit(nogil=True)
def ema(x: Array, alpha: float, least: int) -> Array:
    """Exponential mean e = (1 - alpha) e + alpha x, seeded with the first value; NaN until `least` were seen; (n,).

    alpha = 2/(span+1) is the usual EMA, 1/n is Wilder's smoothing.
    """
    n = x.size
    out = np.empty(n)
    mean, seen, silent = 0.0, 0, 0
    for i in range(n):
        if np.isnan(x[i]):
            silent += 1
            seen = 0 if silent > LAST_PRICE_LIMIT else seen
        else:
            mean = _smoothed(mean, x[i], alpha, seen)
            seen, silent = seen + 1, 0
        out[i] = mean if seen >= least else np.nan
    return out


@njit(nogil=True)
def ema_gaps(x: Array, spans: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]) -> tuple[Array, Array, Array]:
    """Of three pairs of spans, the EMA of the first less that of the second; (n,) each.

    One walk for all: each recursion waits for its own last step, and meanwhile the processor takes the others'.
    """
    n = x.size
    one, two, three = np.empty(n), np.empty(n), np.empty(n)
    (f1, s1), (f2, s2), (f3, s3) = spans
    a1, a2, a3, b1, b2, b3 = 2 / (f1 + 1), 2 / (f2 + 1), 2 / (f3 + 1), 2 / (s1 + 1), 2 / (s2 + 1), 2 / (s3 + 1)
    fast_1, fast_2, fast_3, slow_1, slow_2, slow_3 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    seen, silent = 0, 0
    for i in range(n):
        if np.isnan(x[i]):
            silent += 1
            seen = 0 if silent > LAST_PRICE_LIMIT else seen
        else:
            fast_1, slow_1 = _smoothed(fast_1, x[i], a1, seen), _smoothed(slow_1, x[i], b1, seen)
            fast_2, slow_2 = _smoothed(fast_2, x[i], a2, seen), _smoothed(slow_2, x[i], b2, seen)
            fast_3, slow_3 = _smoothed(fast_3, x[i], a3, seen), _smoothed(slow_3, x[i], b3, seen)
            seen, silent = seen + 1, 0
        one[i] = fast_1 - slow_1 if seen >= max(f1, s1) else np.nan
        two[i] = fast_2 - slow_2 if seen >= max(f2, s2) else np.nan
        three[i] = fast_3 - slow_3 if seen >= max(f3, s3) else np.nan
    return one, two, three


@njit(nogil=True)
def wilder_shares(close: Array, lengths: tuple[int, int]) -> tuple[Array, Array]:
    """U / (U + D) for both lengths: Wilder's means of the rises and falls of the close from the last one known; (n,).

    A half where U + D is below STILL of the price: what is left then is the memory of moves long past.
    """
    n = close.size
    first, second = np.full(n, np.nan), np.full(n, np.nan)
    a, b = 1.0 / lengths[0], 1.0 / lengths[1]
    up_a, down_a, up_b, down_b, little, seen = 0.0, 0.0, 0.0, 0.0, 0.0, 0
    last, silent, still = np.nan, 0, 0  # the last close known, minutes since then, minutes without a change
    for i in range(n):
        change = close[i] - last if silent <= LAST_PRICE_LIMIT else np.nan
        silent += 1
        if not np.isnan(close[i]):
            last, silent = close[i], 0
        if np.isnan(change):
            still += 1
            seen = 0 if still > LAST_PRICE_LIMIT else seen
        else:
            up, down = max(change, 0.0), max(-change, 0.0)
            up_a, down_a = _smoothed(up_a, up, a, seen), _smoothed(down_a, down, a, seen)
            up_b, down_b = _smoothed(up_b, up, b, seen), _smoothed(down_b, down, b, seen)
            little, seen, still = STILL * close[i], seen + 1, 0
        if seen >= lengths[0]:
            first[i] = up_a / (up_a + down_a) if up_a + down_a > little else 0.5
        if seen >= lengths[1]:
            second[i] = up_b / (up_b + down_b) if up_b + down_b > little else 0.5
    return first, second


@njit(nogil=True)
def average_directional_index(high: Array, low: Array, length: int) -> Array:
    """Wilder's ADX within 0..1: his mean of DX = |P - M| / (P + M), P and M those of the movements up and down; (n,).

    The true range cancels: both are divided by the same one. DX is 0 where they are but the memory of moves long past.
    """
    n, alpha = high.size, 1.0 / length
    out = np.full(n, np.nan)
    plus, minus, mean, seen, silent = 0.0, 0.0, 0.0, 0, 0
    for i in range(1, n):
        up, down = high[i] - high[i - 1], low[i - 1] - low[i]
        if np.isnan(up + down):
            silent += 1
            seen = 0 if silent > LAST_PRICE_LIMIT else seen
        else:
            plus = _smoothed(plus, up if up > down and up > 0.0 else 0.0, alpha, seen)
            minus = _smoothed(minus, down if down > up and down > 0.0 else 0.0, alpha, seen)
            seen, silent = seen + 1, 0
            if seen >= length:
                moved = plus + minus
                index = abs(plus - minus) / moved if moved > STILL * high[i] else 0.0
                mean = _smoothed(mean, index, alpha, seen - length)
        if seen >= 2 * length - 1:
            out[i] = mean
    return out


@njit(nogil=True)
def average_true_range(high: Array, low: Array, close: Array, length: int) -> Array:
    """Wilder's mean of max(high, last close) - min(low, last close); a gap's jump belongs to no minute; (n,).

    0 where it is below STILL of the price.
    """
    n, alpha = high.size, 1.0 / length
    out = np.full(n, np.nan)
    mean, known, seen, silent = 0.0, 0.0, 0, 0
    for i in range(n):
        if np.isnan(close[i]):
            silent += 1
            seen = 0 if silent > LAST_PRICE_LIMIT else seen
        else:
            mean = _smoothed(mean, _true_range(high, low, close, i), alpha, seen)
            seen, silent = seen + 1, 0
            known = mean if mean > STILL * close[i] else 0.0
        if seen >= length:
            out[i] = known
    return out


@njit(nogil=True)
def true_range(high: Array, low: Array, close: Array) -> Array:
    """max(high, last close) - min(low, last close); (n,)."""
    out = np.empty(high.size)
    for i in range(high.size):
        out[i] = _true_range(high, low, close, i)
    return out


@njit(nogil=True)
def _true_range(high: Array, low: Array, close: Array, i: int) -> float:
    top: float = high[i]
    bottom: float = low[i]
    if i > 0 and not np.isnan(close[i - 1]):
        top, bottom = max(top, close[i - 1]), min(bottom, close[i - 1])
    return top - bottom
