"""The statistics that the families share, on top of the kernels: NaN where a window is less than half present.

Half is the rule of the whole recipe: a feature over k minutes is undefined unless at least ceil(k/2) of them exist.
Shorter gaps are left out of the window, never filled.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from huracan_assets.features.kernels import (
    Array,
    correlation,
    rolling_extreme,
    rolling_mean,
    rolling_sum,
    standardised,
)
from huracan_assets.features.moment_kernels import rolling_deviation, rolling_joint
from huracan_assets.features.recursions import ema


def least(window: int) -> int:
    """The fewest present minutes on which a window of this length may speak: half of it, rounded up."""
    return (window + 1) // 2


def lag(x: Array, minutes: int) -> Array:
    """The value `minutes` ago; NaN where the window does not reach back."""
    out = np.empty(x.size)
    out[:minutes] = np.nan
    out[minutes:] = x[: max(x.size - minutes, 0)]
    return out


def total(x: Array, window: int) -> Array:
    """Sum of the present values."""
    return x if window == 1 else np.asarray(rolling_sum(x, window, least(window)))


def mean(x: Array, window: int) -> Array:
    """Mean of the present values."""
    return np.asarray(rolling_mean(x, window, least(window)))


def highest(x: Array, window: int) -> Array:
    """Maximum of the present values."""
    return np.asarray(rolling_extreme(x, window, least(window), 1.0))


def zscore(x: Array, window: int) -> Array:
    """(x - mean) / population deviation over the last `window`; |z| cannot pass sqrt(window - 1)."""
    return np.asarray(standardised(x, *rolling_deviation(x, window, least(window))))


class Joint(NamedTuple):
    """Means, population variances and covariance of two series over a rolling window, each (n,)."""

    mean_x: Array
    mean_y: Array
    var_x: Array
    var_y: Array
    cov: Array

    def correlation(self) -> Array:
        """Pearson's, within [-1, 1]; NaN where either does not vary."""
        return np.asarray(correlation(self.var_x, self.var_y, self.cov))


def joint(x: Array, y: Array, window: int) -> Joint:
    """Their joint moments over the minutes at which both are present."""
    return Joint(*rolling_joint(x, y, window, least(window)))


def span_ema(x: Array, span: int) -> Array:
    """EMA with alpha = 2/(span+1), undefined before `span` values."""
    return np.asarray(ema(x, 2.0 / (span + 1.0), span))
