"""Drift: do the newest days' features still look like the days before them?

PSI's rules of thumb (0.10, 0.25) are about independent draws. Market features are not: a feature with a
half-life of an hour passes 0.25 on most days without any drift (definitions 4.1). So each feature's PSI
stands beside the 99th percentile of its own null: PSIs of runs of consecutive days drawn from the reference
itself. Runs, because days drawn one by one forget what a slow feature remembers: at a half-life of a day they
raise 13 % false alarms at a nominal 1 %, runs 2 %. The KS
p-value assumes independent draws too; it is shown, and nothing should be decided on it alone.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.errors import ContractError

Array = NDArray[np.float64]

EPS = 1e-4  # a bin's share never goes below it, so an empty bin costs much and not infinitely much

DRIFT_SCHEMA: dict[str, pl.DataType] = {
    "feature": pl.String(),
    "psi": pl.Float64(),
    "psi_null_99": pl.Float64(),
    "ks": pl.Float64(),
    "ks_p": pl.Float64(),
    "n_reference": pl.Int64(),
    "n_current": pl.Int64(),
    "null_share_reference": pl.Float64(),
    "null_share_current": pl.Float64(),
}


def drift(bars: pl.DataFrame, current_days: int, bins: int, draws: int, seed: int) -> pl.DataFrame:
    """The drift report, `DRIFT_SCHEMA`, one row a feature in the order of the columns.

    psi: sum (q - p) ln(q / p) over the reference's quantile bins (outer edges infinite) and one bin of nulls,
        p the
    reference's share, q the current one, both at least EPS. A feature that dies or wakes therefore drifts;
    one that is null throughout has 0. Equal quantiles merge; a reference constant has the bins below, at and
    above it.
    psi_null_99: 99th percentile of the PSI of runs of `current_days` consecutive days, drawn at random from
        the reference's days
    against the reference. ks, ks_p: two-sample Kolmogorov-Smirnov (asymptotic), null where a side has no
    value.
    n: bars with a value.

    Args:
        bars: `as_of` and feature columns over the look-back; a bar belongs to the day that ends at or after
            it.
        current_days: the newest days that have bars; all days before are the reference.
        draws: runs drawn for the null.
        seed: of the draws, which are the same runs for every feature.

    Raises:
        ContractError: the reference has no more days than the current span: it holds no null.
    """
    day = _day_numbers(bars)
    days, of_bar = np.unique(day, return_inverse=True)
    reference_days = days.size - current_days
    if reference_days <= current_days:
        raise ContractError(
            f"drift needs over {2 * current_days} days of bars, there are {days.size}: widen the look-back"
        )
    drawn = _draw_runs(reference_days, current_days, draws, seed)
    is_reference = of_bar < reference_days
    rows = []
    for name in bars.columns:
        if name == "as_of":
            continue
        values = bars[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        rows.append({"feature": name, **_one(values, of_bar, is_reference, reference_days, bins, drawn)})
    return pl.DataFrame(rows, schema=DRIFT_SCHEMA)


def psi(reference: Array, current: Array) -> Array:
    """Population stability index of counts (..., bins) against counts (bins,) or the same shape; (...,)."""
    p = np.maximum(reference / reference.sum(axis=-1, keepdims=True), EPS)
    q = np.maximum(current / current.sum(axis=-1, keepdims=True), EPS)
    terms: Array = (q - p) * np.log(q / p)
    total: Array = terms.sum(axis=-1)
    return total


def quantile_edges(reference: Array, bins: int) -> Array:
    """Rising inner edges from the reference's present values; a bin is [edge, next), the outer ones open."""
    values = reference[~np.isnan(reference)]
    if values.size == 0:
        return np.empty(0)
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins))
    # One edge at a constant would leave values above it in the constant's own bin.
    return np.array([edges[0], np.nextafter(edges[0], np.inf)]) if values.min() == values.max() else edges


def daily_counts(values: Array, of_bar: NDArray[np.int64], day_count: int, edges: Array) -> Array:
    """(days, bins + 1) bars of each day in each bin, the last one the nulls."""
    width = edges.size + 2
    place = np.where(np.isnan(values), width - 1, np.searchsorted(edges, values, side="right"))
    flat = np.bincount(of_bar * width + place, minlength=day_count * width)
    return flat.reshape(day_count, width).astype(np.float64)


def _one(
    values: Array,
    of_bar: NDArray[np.int64],
    is_reference: NDArray[np.bool_],
    reference_days: int,
    bins: int,
    drawn: Array,
) -> dict[str, float | int | None]:
    old, new = values[is_reference], values[~is_reference]
    edges = quantile_edges(old, bins)
    counts = daily_counts(values, of_bar, int(of_bar.max()) + 1, edges)
    reference, current = counts[:reference_days].sum(axis=0), counts[reference_days:].sum(axis=0)
    null = psi(reference, drawn @ counts[:reference_days])
    known_old, known_new = old[~np.isnan(old)], new[~np.isnan(new)]
    ks, ks_p = _ks(known_old, known_new)
    return {
        "psi": float(psi(reference, current)),
        "psi_null_99": float(np.quantile(null, 0.99)),
        "ks": ks,
        "ks_p": ks_p,
        "n_reference": known_old.size,
        "n_current": known_new.size,
        "null_share_reference": 1.0 - known_old.size / old.size,
        "null_share_current": 1.0 - known_new.size / new.size,
    }


def _ks(old: Array, new: Array) -> tuple[float | None, float | None]:
    if old.size == 0 or new.size == 0:
        return None, None
    from scipy.stats import ks_2samp

    result = ks_2samp(old, new, method="asymp")
    return float(result.statistic), float(result.pvalue)


def _day_numbers(bars: pl.DataFrame) -> NDArray[np.int64]:
    """(n,) the UTC day each bar closes; the one at 24:00 still belongs to the day it ends."""
    closed = bars["as_of"].dt.replace_time_zone(None) - timedelta(microseconds=1)
    numbers: NDArray[np.int64] = closed.dt.date().cast(pl.Int32).cast(pl.Int64).to_numpy()
    return numbers


def _draw_runs(reference_days: int, current_days: int, draws: int, seed: int) -> Array:
    """(draws, reference_days) 1 for the days of a run of consecutive ones; after the last comes the first."""
    starts = np.random.default_rng(seed).integers(0, reference_days, size=draws)
    ahead = (np.arange(reference_days) - starts[:, None]) % reference_days
    return (ahead < current_days).astype(np.float64)
