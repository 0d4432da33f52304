"""How far two samples' distributions lie apart: population stability index and Kolmogorov-Smirnov, exactly.

Both here for one pair of samples and for every run of consecutive days against all other days.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huracan_assets.resources.compiled import njit

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

EPS = 1e-4  # a bin's share never goes below it, so an empty bin costs much and not infinitely much


def psi(reference: Array, current: Array) -> Array:
    """Population stability index, sum (q - p) ln(q / p), of counts (..., bins) against counts (..., bins); (...,)."""
    p = np.maximum(reference / reference.sum(axis=-1, keepdims=True), EPS)
    q = np.maximum(current / current.sum(axis=-1, keepdims=True), EPS)
    terms: Array = (q - p) * np.log(q / p)
    total: Array = terms.sum(axis=-1)
    return total


def psi_of_standing_still(reference: Array) -> float:
    """The PSI of a sample whose values all lie in the reference's rarest bin of values: PSI's upper bound.

    Args:
        reference: (bins,) counts, the last bin the nulls.
    """
    return float(psi(reference, np.eye(reference.size)[:-1]).max())


def quantile_edges(reference: Array, bins: int) -> Array:
    """Rising inner edges at the reference's quantiles; a bin is [edge, next), the outer ones are open.

    A value that is two quantiles or more (an atom: an indicator's zero, a constant) has a bin of its own, so that
    what leaves it, to either side, is seen.
    """
    values = reference[~np.isnan(reference)]
    if values.size == 0:
        return np.empty(0)
    quantiles = np.quantile(values, np.linspace(0.0, 1.0, bins + 1))
    atoms = quantiles[1:][quantiles[1:] == quantiles[:-1]]
    return np.unique(np.concatenate([quantiles[1:-1], atoms, np.nextafter(atoms, np.inf)]))


def daily_counts(values: Array, of_bar: Whole, day_count: int, edges: Array) -> Array:
    """(days, bins + 1) bars of each day in each bin, the last one the nulls."""
    width = edges.size + 2
    place = np.where(np.isnan(values), width - 1, np.searchsorted(edges, values, side="right"))
    flat = np.bincount(of_bar * width + place, minlength=day_count * width)
    return flat.reshape(day_count, width).astype(np.float64)


def psi_of_runs(counts: Array, length: int) -> Array:
    """(days,) PSI of each run of `length` consecutive days against all other days.

    Args:
        counts: (days, bins) as from `daily_counts`. After the last day comes the first.
    """
    ring = np.concatenate([np.zeros_like(counts[:1]), counts, counts[: length - 1]]).cumsum(axis=0)
    runs = ring[length:] - ring[:-length]
    return psi(counts.sum(axis=0) - runs, runs)


def ks(old: Array, new: Array) -> float:
    """Two-sample Kolmogorov-Smirnov statistic, sup |F - G|; NaN where a side has no value.

    Args:
        old, new: values without NaN.
    """
    if old.size == 0 or new.size == 0:
        return float("nan")
    old, new = np.sort(old), np.sort(new)
    steps = np.concatenate([old, new])
    below_old = np.searchsorted(old, steps, side="right") / old.size
    below_new = np.searchsorted(new, steps, side="right") / new.size
    return float(np.abs(below_old - below_new).max())


def ks_of_runs(values: Array, of_bar: Whole, day_count: int, length: int) -> Array:
    """(days,) KS statistic of each run of `length` consecutive days against all other days; NaN where one is empty.

    Args:
        values: (n,), NaN where a bar has none. of_bar: (n,) the number of each bar's day. After the last day comes
            the first.
    """
    known = ~np.isnan(values)
    found, day = values[known], of_bar[known]
    order = np.argsort(found, kind="stable")
    ranked = found[order]
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True) if ranked.size else np.empty(0, bool)
    return _ks_of_runs(day[order], last_of_tie, day_count, length)


@njit(nogil=True)
def _shares(day: Whole, day_count: int, length: int) -> tuple[Array, Array]:
    """1/s + 1/(n - s) and 1/(n - s) of each run of s of the n values; 0 where a side has none."""
    size = np.zeros(day_count)
    for place in range(day.size):
        for back in range(length):
            size[(day[place] - back) % day_count] += 1.0
    each, rest = np.zeros(day_count), np.zeros(day_count)
    for run in range(day_count):
        if 0.0 < size[run] < day.size:
            rest[run] = 1.0 / (day.size - size[run])
            each[run] = 1.0 / size[run] + rest[run]
    return each, rest


@njit(nogil=True)
def _ks_of_runs(day: Whole, last_of_tie: NDArray[np.bool_], day_count: int, length: int) -> Array:
    """One walk through the values in order: `inside` counts, for every run at once, its values so far.

    i / s - (k - i) / (n - s), for i of the first k of n values inside a run of s, is i * each - k * rest.
    """
    each, rest = _shares(day, day_count, length)
    inside, worst = np.zeros(day_count), np.zeros(day_count)
    for place in range(day.size):
        for back in range(length):
            inside[(day[place] - back) % day_count] += 1.0
        if last_of_tie[place]:
            below = place + 1.0
            for run in range(day_count):
                worst[run] = max(worst[run], abs(inside[run] * each[run] - below * rest[run]))
    for run in range(day_count):
        if each[run] == 0.0:
            worst[run] = np.nan
    return worst
