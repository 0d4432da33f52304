"""The mean of a figure over trades, with an error that knows that trades of one market are not independent.

Trades of a day share its news and may overlap, so the day is the unit: each day's sum about the mean is one term of a
series, and the long-run variance of that series is the mean square of its first cosine projections (Mueller 2004;
Lazarus, Lewis, Stock & Watson 2018, "HAR inference: recommendations for practice", JBES 36). The t law then has as
many degrees of freedom as there are projections. A day without trades is a term of zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEVEL = 0.95
PROJECTIONS = 0.4  # of T^(2/3), as recommended there


@dataclass(frozen=True)
class DailyMean:
    """A mean over `count` values on `days` days, its standard error, its 95 % interval and the p-value of zero."""

    mean: float
    error: float
    low: float
    high: float
    p_value: float
    count: int
    days: int


def daily_mean(values: Floats, day: Ints, least_days: int) -> DailyMean | None:
    """The mean of `values`, or None where fewer than `least_days` days have any.

    A series without any spread is known without an error: its interval is a point.

    Args:
        values: (n,), finite.
        day: (n,) number of the day of each; gaps are days without values.
        least_days: days with a value that are needed, at least 3.
    """
    from scipy.special import stdtr, stdtrit

    held = np.unique(day)
    if len(held) < max(least_days, 3):
        return None
    first, span = int(held[0]), int(held[-1] - held[0]) + 1
    mean = float(values.mean())
    terms = np.bincount(day - first, weights=values - mean, minlength=span).astype(np.float64)
    freedom = max(2, int(PROJECTIONS * span ** (2.0 / 3.0)))
    error = float(np.sqrt(span * _long_run_variance(terms, freedom)) / len(values))
    reach = float(stdtrit(freedom, 0.5 + LEVEL / 2.0)) * error
    chance = 2.0 * float(stdtr(freedom, -abs(mean) / error)) if error > 0.0 else float(mean == 0.0)
    return DailyMean(mean, error, mean - reach, mean + reach, chance, len(values), len(held))


def _long_run_variance(terms: Floats, projections: int) -> float:
    """Mean square of the first cosine projections of a series (t,) about zero."""
    span = len(terms)
    at = (np.arange(span) + 0.5) / span
    # One projection at a time: the sums then do not depend on how many there are.
    squares = [float((terms * np.cos(np.pi * j * at)).sum()) ** 2 for j in range(1, projections + 1)]
    return 2.0 / span * float(np.mean(squares))


def holm(p_values: Floats, level: float = 1.0 - LEVEL) -> NDArray[np.bool_]:
    """Which of several hypotheses fall, at most `level` chance that a true one does (Holm 1979), (n,)."""
    order = np.argsort(p_values, kind="stable")
    bounds = level / (len(p_values) - np.arange(len(p_values)))
    fallen = np.logical_and.accumulate(p_values[order] <= bounds)
    found = np.zeros(len(p_values), np.bool_)
    found[order] = fallen
    return found
