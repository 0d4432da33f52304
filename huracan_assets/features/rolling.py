"""The statistics that the families share, on top of the kernels: NaN where a window is less than half
present.

Half is the rule of the whole recipe: a feature over k minutes is undefined unless at least ceil(k/2) of them
exist. Shorter gaps are left out of the window, never filled.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from huracan_assets.features.kernels import (
    Array,
    ema,
    rolling_max,
    rolling_moments,
    rolling_pairs,
    rolling_sum,
)


def least(window: int) -> int:
    """The fewest present minutes on which a window of this length may speak: half of it, rounded up."""
    return (window + 1) // 2


def ratio(numerator: Array, denominator: Array) -> Array:
    """Their quotient; NaN where the denominator is zero, so nothing becomes infinite."""
    defined = denominator != 0
    return np.where(defined, numerator / np.where(defined, denominator, 1.0), np.nan)


def lag(x: Array, minutes: int) -> Array:
    """The value `minutes` ago; NaN where the window does not reach back."""
    out = np.full(x.size, np.nan)
    out[minutes:] = x[: x.size - minutes]
    return out


def total(x: Array, window: int) -> Array:
    """Sum of the present values."""
    values, count = rolling_sum(x, window)
    return np.where(count >= least(window), values, np.nan)


def mean(x: Array, window: int) -> Array:
    """Mean of the present values."""
    values, count = rolling_sum(x, window)
    return np.where(count >= least(window), values / np.maximum(count, 1.0), np.nan)


def highest(x: Array, window: int) -> Array:
    """Maximum of the present values."""
    return rolling_max(x, window, least(window))


def lowest(x: Array, window: int) -> Array:
    """Minimum of the present values."""
    return -rolling_max(-x, window, least(window))


class Moments(NamedTuple):
    """Population moments of a rolling window, each (n,); skew and kurt (excess) are NaN without variance."""

    mean: Array
    std: Array
    skew: Array
    kurt: Array


def moments(x: Array, window: int) -> Moments:
    """Mean, population deviation, skewness g1 and excess kurtosis g2 (scipy's defaults)."""
    count, centre, m2, m3, m4 = rolling_moments(x, window).T
    enough = np.where(count >= least(window), count, np.nan)
    variance = m2 / enough
    return Moments(
        mean=np.where(np.isnan(enough), np.nan, centre),
        std=np.sqrt(variance),
        skew=ratio(m3 / enough, variance**1.5),
        kurt=ratio(m4 / enough, variance**2) - 3.0,
    )


def zscore(x: Array, window: int) -> Array:
    """(x - mean) / population deviation over the last `window`; |z| cannot pass sqrt(window - 1)."""
    count, centre, m2 = rolling_moments(x, window).T[:3]
    enough = np.where(count >= least(window), count, np.nan)
    return ratio(x - centre, np.sqrt(m2 / enough))


class Pairs(NamedTuple):
    """Population (co)variances of two series over a rolling window, each (n,)."""

    var_x: Array
    var_y: Array
    cov: Array

    def correlation(self) -> Array:
        """Pearson's, within [-1, 1]; NaN where either does not vary."""
        return np.clip(ratio(self.cov, np.sqrt(self.var_x) * np.sqrt(self.var_y)), -1.0, 1.0)


def pairs(x: Array, y: Array, window: int) -> Pairs:
    """Variances and covariance over the minutes at which both are present."""
    table = rolling_pairs(x, y, window).T
    enough = np.where(table[0] >= least(window), table[0], np.nan)
    return Pairs(table[3] / enough, table[4] / enough, table[5] / enough)


def slope(y: Array, window: int) -> Array:
    """Least-squares slope of y against time, per minute."""
    clock = np.arange(y.size, dtype=np.float64)
    fit = pairs(clock, y, window)
    return ratio(fit.cov, fit.var_x)


def span_ema(x: Array, span: int) -> Array:
    """EMA with alpha = 2/(span+1), undefined before `span` values."""
    return ema(x, 2.0 / (span + 1.0), span)


def wilder(x: Array, length: int) -> Array:
    """Wilder's smoothing, alpha = 1/length, undefined before `length` values."""
    return ema(x, 1.0 / length, length)
