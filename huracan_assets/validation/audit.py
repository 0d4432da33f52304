"""The material of the five leakage checks, taken from what the night really used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.guards.leakage import (
    Finding,
    Fit,
    Split,
    fit_on_test,
    future_correlation,
    label_overlap,
    pipeline_orders,
    target_proxy,
    timestamp_alignment,
)
from huracan_assets.learning.classroom import Classroom
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.simulation.conditions import minute_rows

Times = NDArray[np.datetime64]


def audit(
    room: Classroom,
    grid: MinuteGrid,
    features_time: pl.DataFrame,
    bars: pl.DataFrame,
    outcomes: pl.DataFrame,
    fits: Sequence[Fit],
    horizon_bars: int,
    correlation_max: float,
) -> dict[str, list[Finding]]:
    """Run the five checks.

    Args:
        features_time: `ts` and `known_at` of every feature row of the window.
        fits: everything that was fitted, and from when on it was judged.
        horizon_bars: decision bars that a label spans at most.
    """
    ts = room.ts
    values = ts.features.astype(np.float64)
    last_price = np.log(grid.close[minute_rows(grid, ts.as_of) - 1])
    forward = ts.gross_bps[:, 0]
    long = outcomes.filter(pl.col("side") == 1)
    return {
        "future_correlation": future_correlation(ts.names, values, ts.as_of, last_price, correlation_max),
        "target_proxy": target_proxy(ts.names, values, forward, horizon_bars, correlation_max),
        "label_overlap": label_overlap([_split(room, index) for index in range(len(room.folds))]),
        "fit_on_test": fit_on_test(fits),
        "timestamp_alignment": timestamp_alignment(
            pipeline_orders(
                times(features_time["ts"]),
                times(features_time["known_at"]),
                times(bars["as_of"]),
                _newest_known(times(features_time["known_at"]), times(bars["as_of"])),
                times(long["as_of"]),
                times(long["entry_at"]),
                times(long["exit_at"]),
            )
        ),
    }


def fit_of(what: str, fitted_until: datetime, judged_from: np.datetime64) -> Fit:
    """A fit as the checks want it."""
    return Fit(what, np.datetime64(fitted_until.replace(tzinfo=None), "us"), judged_from)


def times(column: pl.Series) -> Times:
    """(n,) UTC instants in microseconds."""
    return column.dt.replace_time_zone(None).cast(pl.Datetime("us")).to_numpy()


def _newest_known(known_at: Times, as_of: Times) -> Times:
    """The known_at of the feature row that each bar carries, found again from the features themselves."""
    return known_at[np.minimum(np.searchsorted(known_at, as_of), len(known_at) - 1)]


def _split(room: Classroom, index: int) -> Split:
    fold, ts = room.folds[index], room.ts
    return Split(
        f"fold {index}", ts.as_of[fold.train], ts.label_end[fold.train], ts.as_of[fold.test], ts.label_end[fold.test]
    )
