"""A day's features from the minutes before it, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
import polars as pl

from huracan_assets.days import DAY, MINUTES_PER_DAY, midnight
from huracan_assets.errors import ContractError
from huracan_assets.features.kernels import Array
from huracan_assets.features.recipe import RECIPE, WARM_UP_DAYS
from huracan_assets.features.window import Window
from huracan_assets.market.grid import MinuteGrid

TIME = pl.Datetime("us", "UTC")


def compute_features(
    day: date, candles: pl.DataFrame, benchmark: pl.DataFrame | None, funding: pl.DataFrame | None
) -> pl.DataFrame:
    """The features frame of `day`: `ts`, `known_at`, then the recipe's columns as Float32, null where
    undefined.

    Reads the candles that open in [day - WARM_UP_DAYS, day] and the funding events of the same span; whatever
    else the frames hold is not looked at, so the bits are those of any other call with the same minutes.

    Args:
        candles: candles frame, sorted by ts; minutes and whole days of the warm-up may be missing.
        benchmark: the benchmark's candles; the symbol's own for the benchmark itself, None where there are
            none.
        funding: funding frame, sorted by ts; None where there is none.

    Returns:
        one row for each candle of the day; none where the day has no candle.
    """
    window = day_window(day, candles, benchmark, funding)
    rows = np.flatnonzero(window.grid.present[window.first_row :]) + window.first_row
    columns = [
        pl.Series("ts", window.grid.ts[rows]).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        pl.Series("known_at", window.grid.known_at[rows]).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
    ]
    for name, values in compute_window(window).items():
        columns.append(pl.Series(name, values[rows].astype(np.float32), nan_to_null=True))
    return pl.DataFrame(columns)


def compute_window(window: Window) -> dict[str, Array]:
    """Every feature over the window's minutes, (n,) float64 each; rows before `first_row` are not valid."""
    with np.errstate(invalid="ignore"):  # NaN is how a missing minute travels
        return {feature.name: feature.compute(window) for feature in RECIPE}


def day_window(
    day: date, candles: pl.DataFrame, benchmark: pl.DataFrame | None, funding: pl.DataFrame | None
) -> Window:
    """The frames' minutes of [day - WARM_UP_DAYS, day] on dense grids; arguments as `compute_features`."""
    first = day - WARM_UP_DAYS * DAY
    opens, ends = midnight(first), midnight(day + DAY)

    def dense(frame: pl.DataFrame) -> MinuteGrid:
        return MinuteGrid.from_candles(_between(frame, opens, ends), first, day)

    # An event at the very end of the day belongs to the next day's partition, as a candle opening there does.
    events = None if funding is None else _between(funding, opens, ends)
    return Window(
        grid=dense(candles),
        benchmark=None if benchmark is None else dense(benchmark),
        funding_ts=np.empty(0, "datetime64[us]") if events is None else _times(events["ts"]),
        funding_rate=np.empty(0) if events is None else events["rate"].cast(pl.Float64).to_numpy(),
        first_row=WARM_UP_DAYS * MINUTES_PER_DAY,
    )


def _times(column: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    return column.dt.replace_time_zone(None).cast(pl.Datetime("us")).to_numpy()


def _between(frame: pl.DataFrame, opens: datetime, ends: datetime) -> pl.DataFrame:
    """The rows of a sorted frame with opens <= ts < ends, found by bisection."""
    low, high = frame["ts"].search_sorted(opens, side="left"), frame["ts"].search_sorted(ends, side="left")
    return frame.slice(low, high - low)


def decision_bars(features: pl.DataFrame, decision_minutes: int) -> pl.DataFrame:
    """The rows on which decisions are taken: `as_of` (= known_at), then the feature columns.

    Args:
        features: features frames of one symbol, one below the other, in order.
        decision_minutes: a bar ends at each multiple of it since midnight UTC; one whose last minute is
            missing does not exist.

    Raises:
        ContractError: decision_minutes does not divide a day, or the rows are not in order.
    """
    if decision_minutes < 1 or MINUTES_PER_DAY % decision_minutes:
        raise ContractError(f"decision_minutes {decision_minutes} does not divide a day: choose one of its divisors")
    if not features["known_at"].is_sorted():
        raise ContractError("features are not sorted by known_at: put the days in order before taking decision bars")
    minute = pl.col("known_at").dt.hour().cast(pl.Int32) * 60 + pl.col("known_at").dt.minute()
    names: Sequence[str] = [name for name in features.columns if name not in ("ts", "known_at")]
    return features.filter(minute % decision_minutes == 0).select(pl.col("known_at").alias("as_of"), *names)
