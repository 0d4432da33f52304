"""Rolling moments: deviation, skewness, kurtosis and covariance of the last minutes.

A block's prefix sums powers of the distance from its first present value, its suffix those from its last. That value is
one of the sample, so of n values at most a factor of n of the precision is lost (1e-13 of a day's), and where all are
equal nothing is: every sum is exactly zero. Prefix and suffix are joined by the exact formulas of Pebay (2008). What
the kernels share stands in `kernels.py`.
"""

from __future__ import annotations

import numpy as np

from huracan_assets.features.kernels import Array
from huracan_assets.resources.compiled import njit

ROUNDING = 1e-9  # of the variance: what a line leaves over of less than this is rounding


@njit(nogil=True)
def _inverses(window: int) -> Array:
    """1/c for c = 1 .. window, and 0 for 0: the mean of nothing adds nothing."""
    inverse = np.zeros(window + 1)
    for c in range(1, window + 1):
        inverse[c] = 1.0 / c
    return inverse


@njit(nogil=True)
def rolling_deviation(x: Array, window: int, least: int) -> tuple[Array, Array]:
    """Mean and population deviation of the present values among the last `window`; both (n,)."""
    n = x.size
    mean, deviation = np.empty(n), np.empty(n)
    inverse = _inverses(window)
    tail_count, tail_mean, tail_m2 = np.zeros(window + 1, np.int64), np.zeros(window + 1), np.zeros(window + 1)
    for start in range(0, n, window):
        stop = min(start + window, n)
        count, origin, s1, s2 = 0, 0.0, 0.0, 0.0
        for i in range(start, stop):
            if not np.isnan(x[i]):
                origin = x[i] if count == 0 else origin
                d = x[i] - origin
                s1, s2, count = s1 + d, s2 + d * d, count + 1
            after = i - start + 1
            whole = tail_count[after] + count
            if whole < least:
                mean[i], deviation[i] = np.nan, np.nan
                continue
            head_mean = origin + s1 * inverse[count]
            gap = head_mean - tail_mean[after]
            m2 = tail_m2[after] + (s2 - s1 * (s1 * inverse[count]))
            m2 += gap * gap * (tail_count[after] * count * inverse[whole])
            mean[i] = tail_mean[after] + gap * (count * inverse[whole]) if tail_count[after] else head_mean
            deviation[i] = max(m2, 0.0) * inverse[whole]
        count, origin, s1, s2 = 0, 0.0, 0.0, 0.0
        for i in range(stop - 1, start - 1, -1):
            if not np.isnan(x[i]):
                origin = x[i] if count == 0 else origin
                d = x[i] - origin
                s1, s2, count = s1 + d, s2 + d * d, count + 1
            tail_count[i - start] = count
            tail_mean[i - start] = origin + s1 * inverse[count]
            tail_m2[i - start] = s2 - s1 * (s1 * inverse[count])
    return mean, np.sqrt(deviation)


@njit(nogil=True)
def _central(c: float, m: float, s2: float, s3: float, s4: float) -> tuple[float, float, float]:
    """M2, M3, M4 (sums of powers around the mean) of c values from sums of powers around m below it."""
    m2 = s2 - c * m * m
    m3 = s3 - 3.0 * m * s2 + 2.0 * c * m * m * m
    m4 = s4 - 4.0 * m * s3 + 6.0 * m * m * s2 - 3.0 * c * m * m * m * m
    return m2, m3, m4


@njit(nogil=True)
def rolling_shape(x: Array, window: int, least: int) -> tuple[Array, Array, Array]:
    """Population deviation, skewness and excess kurtosis of the last `window`; (n,) each, NaN without variance."""
    n = x.size
    deviation, skew, kurt = np.empty(n), np.empty(n), np.empty(n)
    inverse = _inverses(window)
    tail = np.zeros((window + 1, 5))  # count, mean, M2, M3, M4
    for start in range(0, n, window):
        stop = min(start + window, n)
        b, origin, s1, s2, s3, s4 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(start, stop):
            if not np.isnan(x[i]):
                origin = x[i] if b == 0.0 else origin
                d = x[i] - origin
                s1, s2, s3, s4, b = s1 + d, s2 + d * d, s3 + d * d * d, s4 + d * d * d * d, b + 1.0
            after = i - start + 1
            a, whole = tail[after, 0], tail[after, 0] + b
            deviation[i], skew[i], kurt[i] = np.nan, np.nan, np.nan
            if whole < least:
                continue
            m = s1 * inverse[int(b)]
            h2, h3, h4 = _central(b, m, s2, s3, s4)
            t2, t3 = tail[after, 2], tail[after, 3]
            r = (origin + m - tail[after, 1]) * inverse[int(whole)] if a > 0.0 and b > 0.0 else 0.0
            cross = r * r * whole * a * b
            m2 = t2 + h2 + cross
            m3 = t3 + h3 + cross * r * (a - b) + 3.0 * r * (a * h2 - b * t2)
            m4 = tail[after, 4] + h4 + cross * r * r * (a * a - a * b + b * b)
            m4 += 6.0 * r * r * (a * a * h2 + b * b * t2) + 4.0 * r * (a * h3 - b * t3)
            variance = max(m2, 0.0) * inverse[int(whole)]
            deviation[i] = np.sqrt(variance)
            if variance > 0.0:
                skew[i] = m3 * inverse[int(whole)] / (variance * deviation[i])
                kurt[i] = m4 * inverse[int(whole)] / (variance * variance) - 3.0
        b, origin, s1, s2, s3, s4 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(stop - 1, start - 1, -1):
            if not np.isnan(x[i]):
                origin = x[i] if b == 0.0 else origin
                d = x[i] - origin
                s1, s2, s3, s4, b = s1 + d, s2 + d * d, s3 + d * d * d, s4 + d * d * d * d, b + 1.0
            m = s1 * inverse[int(b)]
            tail[i - start, 0], tail[i - start, 1] = b, origin + m
            tail[i - start, 2], tail[i - start, 3], tail[i - start, 4] = _central(b, m, s2, s3, s4)
    return deviation, skew, kurt


@njit(nogil=True)
def rolling_joint(x: Array, y: Array, window: int, least: int) -> tuple[Array, Array, Array, Array, Array]:
    """Means, population variances and covariance over the last `window`, of minutes at which both are present.

    Returns:
        mean x, mean y, var x, var y, cov; (n,) each.
    """
    n = x.size
    mean_x, mean_y, var_x, var_y, cov = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    inverse = _inverses(window)
    tail = np.zeros((window + 1, 6))  # count, means, Sxx, Syy, Sxy around the means
    for start in range(0, n, window):
        stop = min(start + window, n)
        count, x0, y0, sx, sy, sxx, syy, sxy = 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(start, stop):
            if not (np.isnan(x[i]) or np.isnan(y[i])):
                x0, y0 = (x[i], y[i]) if count == 0 else (x0, y0)
                dx, dy = x[i] - x0, y[i] - y0
                sx, sy, count = sx + dx, sy + dy, count + 1
                sxx, syy, sxy = sxx + dx * dx, syy + dy * dy, sxy + dx * dy
            t = tail[i - start + 1]
            whole = int(t[0]) + count
            if whole < least:
                mean_x[i], mean_y[i], var_x[i], var_y[i], cov[i] = np.nan, np.nan, np.nan, np.nan, np.nan
                continue
            mx, my, part, share = sx * inverse[count], sy * inverse[count], count * inverse[whole], inverse[whole]
            gx, gy, both = x0 + mx - t[1], y0 + my - t[2], t[0] * part
            mean_x[i] = t[1] + gx * part if t[0] > 0.0 else x0 + mx
            mean_y[i] = t[2] + gy * part if t[0] > 0.0 else y0 + my
            var_x[i] = max(t[3] + (sxx - sx * mx) + gx * gx * both, 0.0) * share
            var_y[i] = max(t[4] + (syy - sy * my) + gy * gy * both, 0.0) * share
            cov[i] = (t[5] + (sxy - sx * my) + gx * gy * both) * share
        count, x0, y0, sx, sy, sxx, syy, sxy = 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(stop - 1, start - 1, -1):
            if not (np.isnan(x[i]) or np.isnan(y[i])):
                x0, y0 = (x[i], y[i]) if count == 0 else (x0, y0)
                dx, dy = x[i] - x0, y[i] - y0
                sx, sy, count = sx + dx, sy + dy, count + 1
                sxx, syy, sxy = sxx + dx * dx, syy + dy * dy, sxy + dx * dy
            t = tail[i - start]
            mx, my = sx * inverse[count], sy * inverse[count]
            t[0], t[1], t[2] = count, x0 + mx, y0 + my
            t[3], t[4], t[5] = sxx - sx * mx, syy - sy * my, sxy - sx * my
    return mean_x, mean_y, var_x, var_y, cov


@njit(nogil=True)
def rolling_line(y: Array, window: int, least: int) -> tuple[Array, Array, Array]:
    """The least-squares line of the present values among the last `window` against time; (n,) each.

    Minutes are counted from the border of the two blocks that a window spans, so their sums are exact.

    Returns:
        slope a minute, distance of the newest value from the line, population deviation of all from it.
    """
    n = y.size
    slope, off, deviation = np.empty(n), np.empty(n), np.empty(n)
    inverse = _inverses(window)
    tail = np.zeros((window + 1, 7))  # count, St, Stt, origin, Sy, Syy, Sty
    for start in range(0, n, window):
        stop = min(start + window, n)
        count, st, stt, origin, sy, syy, sty = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(start, stop):
            if not np.isnan(y[i]):
                origin = y[i] if count == 0.0 else origin
                t, d = float(i - start), y[i] - origin
                count, st, stt = count + 1.0, st + t, stt + t * t
                sy, syy, sty = sy + d, syy + d * d, sty + t * d
            a = tail[i - start + 1]
            whole = a[0] + count
            slope[i], off[i], deviation[i] = np.nan, np.nan, np.nan
            if whole < least or whole < 2.0:
                continue
            base = origin if count > 0.0 else a[3]
            gap = a[3] - base if a[0] > 0.0 else 0.0
            ty, tyy, tty = a[4] + gap * a[0], a[5] + gap * (2.0 * a[4] + gap * a[0]), a[6] + gap * a[1]
            share = inverse[int(whole)]
            mean_t, mean_y = (a[1] + st) * share, (ty + sy) * share
            var_t, var_y = (a[2] + stt) * share - mean_t * mean_t, (tyy + syy) * share - mean_y * mean_y
            slope[i] = ((tty + sty) * share - mean_t * mean_y) / var_t
            off[i] = y[i] - base - mean_y - slope[i] * (float(i - start) - mean_t)
            left = var_y - slope[i] * slope[i] * var_t
            deviation[i] = np.sqrt(left) if left > ROUNDING * var_y else 0.0
        count, st, stt, origin, sy, syy, sty = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(stop - 1, start - 1, -1):
            if not np.isnan(y[i]):
                origin = y[i] if count == 0.0 else origin
                t, d = float(i - stop), y[i] - origin
                count, st, stt = count + 1.0, st + t, stt + t * t
                sy, syy, sty = sy + d, syy + d * d, sty + t * d
            a = tail[i - start]
            a[0], a[1], a[2], a[3], a[4], a[5], a[6] = count, st, stt, origin, sy, syy, sty
    return slope, off, deviation
