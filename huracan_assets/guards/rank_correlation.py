"""Rank correlation of many features with one return series, and its error when neighbours depend."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Times = NDArray[np.datetime64]


def ranks(x: Array) -> Array:
    """Ranks down each column of (n,) or (n, f), from 1, ties their mean (Spearman's); NaN stays."""
    if x.ndim == 2:
        return np.stack([ranks(column) for column in x.T], axis=1) if x.shape[1] else x.copy()
    out = np.full(x.size, np.nan)
    order = np.argsort(x)[: np.count_nonzero(~np.isnan(x))]  # NaN last; the order of equal values makes no difference
    if order.size == 0:
        return out
    ranked = x[order]
    newcomer = np.concatenate([[True], ranked[1:] != ranked[:-1]])
    first = np.flatnonzero(newcomer)
    last = np.append(first[1:], order.size)
    out[order] = ((first + last + 1) / 2.0)[np.cumsum(newcomer) - 1]
    return out


def rank_correlation(ranked: Array, target: Array) -> Array:
    """(f,) correlation of each column of ranks (n, f) with the ranks of `target` (n,), over joint rows.

    Ranks are taken over each series' own values; without nulls this is Spearman's rho. 0 where either is
    constant or fewer than three rows are joint: nothing is known of them together.
    """
    y = ranks(target)
    return np.array([_correlation(x, y) for x in ranked.T])


def standard_error(ranked: Array, target: Array, overlap_bars: int) -> Array:
    """(f,) standard error of each rank correlation under independence of the two series (Bartlett 1935).

    Var(r) = (1/n) (1 + 2 sum_k rho_x(k) rho_y(k)). A target that spans `overlap_bars` bars remembers that far
    and no further, so the sum ends there; negative sums are not believed. 1 where fewer than three rows are
    joint.
    """
    y = ranks(target)
    memory = [_correlation(y[lag:], y[:-lag]) for lag in range(1, overlap_bars)]
    out = np.ones(ranked.shape[1])
    for k, x in enumerate(ranked.T):
        joint = np.count_nonzero(~np.isnan(x + y))
        if joint >= 3:
            shared = sum(_correlation(x[lag:], x[:-lag]) * rho for lag, rho in enumerate(memory, start=1))
            out[k] = np.sqrt((1.0 + 2.0 * max(shared, 0.0)) / joint)
    return out


def lagged_returns(as_of: Times, log_price: Array, bars: int) -> Array:
    """(n,) log return of one bar relative to each `as_of`: 1 the bar after it, 0 the bar that ends at it, -1
    before.

    NaN where that bar is not there: bars are as long as the shortest distance between two `as_of`.
    """
    step = np.diff(as_of).min() if as_of.size > 1 else np.timedelta64(1, "us")
    change = np.full(as_of.size, np.nan)
    change[1:] = np.where(np.diff(as_of) == step, np.diff(log_price), np.nan)
    wanted = as_of + bars * step
    place = np.searchsorted(as_of, wanted)
    found = place < as_of.size
    place = np.minimum(place, as_of.size - 1)
    found &= as_of[place] == wanted
    return np.where(found, change[place], np.nan)


def _correlation(x: Array, y: Array) -> float:
    """Pearson's over joint rows; 0 where one does not vary or fewer than three rows are joint."""
    joint = ~np.isnan(x + y)
    if np.count_nonzero(joint) < 3:
        return 0.0
    a, b = x[joint], y[joint]
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a @ a) * (b @ b))
    return float((a @ b) / size) if size > 0 else 0.0
