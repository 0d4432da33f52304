"""What the regime says about direction: go with a trend, against the edge of a range, and nothing in a panic."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray


def regime_vote(bars: pl.DataFrame, regimes: pl.DataFrame) -> NDArray[np.float64]:
    """(n,) votes in [-1, 1]: p_trend x trend_str - p_range x mean_rev, held back by the probability of panic.

    Args:
        bars: at least `trend_str` and `mean_rev`; a null votes nothing.
        regimes: regimes frame of the same bars.
    """
    trend, stretch = (np.nan_to_num(bars[name].cast(pl.Float64).to_numpy()) for name in ("trend_str", "mean_rev"))
    p_trend, p_range, p_panic = (regimes[name].to_numpy() for name in ("p_trend", "p_range", "p_panic"))
    return np.asarray(np.clip((1.0 - p_panic) * (p_trend * trend - p_range * stretch), -1.0, 1.0))
