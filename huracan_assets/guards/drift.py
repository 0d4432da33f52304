"""Drift: do the newest days' features still look like the days before them?

Rules of thumb (PSI 0.10, 0.25; a KS p-value) are about independent draws. Market features remember: one with a
half-life of an hour passes PSI 0.25 on most days without any drift (definitions 4.1). So each statistic of each
feature has a threshold from its own null: the same statistic of every run of as many consecutive days of the
reference, against the reference's other days. That is a block bootstrap with one block a draw, and as there are
only as many runs as days, all of them are taken and none is drawn.

The threshold is not a percentile of that null. 143 days hold twenty weeks, and the twenty-first passes the largest
of twenty one time in 21: overlapping runs make a 99th percentile look known that is not (measured: 2 to 3 % of
driftless weeks pass it, 4.5 % of real ones). It is the upper prediction limit for one more run, from mean and
standard deviation of the log-odds of (statistic / its upper bound), with as many degrees of freedom as there are
runs beside one another (Hahn & Meeker 1991, 4.8). A feature that stands still reaches the bound, so it is found
however slow the feature is. `experiments drift_false_alarms` and `drift_power` measure both sides of it.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.guards.distance import (
    Array,
    Whole,
    daily_counts,
    ks,
    ks_of_runs,
    psi,
    psi_of_runs,
    psi_of_standing_still,
    quantile_edges,
)

# Share of the upper bound below which a difference is none: a clock's statistics differ by rounding alone. Above
# the other end a run stands still.
NEGLIGIBLE, STILL = 1e-3, 1.0 - 1e-3

DRIFT_SCHEMA: dict[str, pl.DataType] = {
    "feature": pl.String(),
    "psi": pl.Float64(),
    "psi_threshold": pl.Float64(),
    "ks": pl.Float64(),
    "ks_threshold": pl.Float64(),
    "alarm": pl.Boolean(),
    "n_reference": pl.Int64(),
    "n_current": pl.Int64(),
    "null_share_reference": pl.Float64(),
    "null_share_current": pl.Float64(),
}


def drift(bars: pl.DataFrame, current_days: int, bins: int, quantile: float) -> pl.DataFrame:
    """The drift report, `DRIFT_SCHEMA`, one row a feature in the order of the columns.

    psi: over the reference's quantile bins (`distance.quantile_edges`) and one bin of nulls, so a feature that dies
        or wakes drifts; one that is null throughout has 0.
    ks: Kolmogorov-Smirnov statistic of the bars with a value, null where a side has none.
    psi_threshold, ks_threshold: what one more week without drift stays below; `ks_threshold` is null where fewer
        than two runs have values.
    alarm: one of the two is over its threshold. Each has half of the nominal rate 1 - `quantile` (Bonferroni), so a
        feature without drift raises an alarm at most at that rate; of 75 features, 0.75 on a night at 0.99.
    n: bars with a value.

    Args:
        bars: `as_of` and feature columns over the look-back; a bar belongs to the day that ends at or after it.
        current_days: the newest days that have bars; all days before are the reference.
        bins: of the PSI.
        quantile: the share of driftless features that raise no alarm.

    Raises:
        ContractError: the reference has no more days than the current span: it holds no null.
    """
    days, of_bar = np.unique(_day_numbers(bars), return_inverse=True)
    reference_days = days.size - current_days
    if reference_days <= current_days:
        raise ContractError(
            f"drift needs over {2 * current_days} days of bars, there are {days.size}: widen the look-back"
        )
    rows = []
    for name in bars.columns:
        if name == "as_of":
            continue
        values = bars[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        rows.append({"feature": name, **_one(values, of_bar, reference_days, current_days, bins, quantile)})
    return pl.DataFrame(rows, schema=DRIFT_SCHEMA)


def prediction_limit(null: Array, bound: float, spans: float, quantile: float) -> float:
    """The upper prediction limit, at `quantile`, for one more value beside those of `null`.

    Values are taken as log-odds of their share of `bound`, and as normal there with unknown mean and spread.

    Args:
        null: (n,) statistics in [0, bound] of runs that overlap.
        bound: what the statistic can reach.
        spans: how many runs lie beside one another without overlap; over 1.
    """
    from scipy.special import expit, logit, stdtrit

    odds = logit(np.clip(null / bound, NEGLIGIBLE, STILL))
    reach = stdtrit(spans - 1.0, quantile) * np.sqrt(1.0 + 1.0 / spans)
    return bound * float(expit(odds.mean() + reach * odds.std(ddof=1)))


def _one(
    values: Array, of_bar: Whole, reference_days: int, current_days: int, bins: int, quantile: float
) -> dict[str, float | int | bool | None]:
    is_reference = of_bar < reference_days
    old, new = values[is_reference], values[~is_reference]
    counts = daily_counts(values, of_bar, reference_days + current_days, quantile_edges(old, bins))
    reference = counts[:reference_days].sum(axis=0)
    spans, level = reference_days / current_days, 1.0 - (1.0 - quantile) / 2.0
    null = psi_of_runs(counts[:reference_days], current_days)
    psi_threshold = prediction_limit(null, psi_of_standing_still(reference), spans, level)
    found_psi = float(psi(reference, counts[reference_days:].sum(axis=0)))
    known_old, known_new = old[~np.isnan(old)], new[~np.isnan(new)]
    ks_null = ks_of_runs(old, of_bar[is_reference], reference_days, current_days)
    ks_null = ks_null[~np.isnan(ks_null)]
    ks_threshold = prediction_limit(ks_null, 1.0, spans, level) if ks_null.size > 1 else np.nan
    found_ks = ks(known_old, known_new)
    return {
        "psi": found_psi,
        "psi_threshold": psi_threshold,
        "ks": None if np.isnan(found_ks) else found_ks,
        "ks_threshold": None if np.isnan(ks_threshold) else ks_threshold,
        "alarm": found_psi > psi_threshold or found_ks > ks_threshold,
        "n_reference": known_old.size,
        "n_current": known_new.size,
        "null_share_reference": 1.0 - known_old.size / old.size,
        "null_share_current": 1.0 - known_new.size / new.size,
    }


def _day_numbers(bars: pl.DataFrame) -> NDArray[np.int64]:
    """(n,) the UTC day each bar closes; the one at 24:00 still belongs to the day it ends."""
    closed = bars["as_of"].dt.replace_time_zone(None) - timedelta(microseconds=1)
    numbers: NDArray[np.int64] = closed.dt.date().cast(pl.Int32).cast(pl.Int64).to_numpy()
    return numbers
