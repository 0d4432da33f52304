"""Five ways to take the future from a market: nothing of what they return after `at` is true.

A frame here is candles or funding, sorted by `ts`; a row is known at its `known_at`, or at its `ts` where it has none.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np
import polars as pl

Future = Callable[[pl.DataFrame, datetime], pl.DataFrame]

POISON = 1e12
TIMES = ("ts", "known_at")


def removed(frame: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """The rows known at `at`."""
    return frame.filter(_known(frame) <= at)


def blanked(frame: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """The later rows are there, and hold NaN, or null where the column holds no floats."""
    return _overwritten(frame, at, lambda kind: float("nan") if kind.is_float() else None)


def poisoned(frame: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """The later rows hold 1e12, or null where the column holds no numbers."""
    return _overwritten(frame, at, lambda kind: POISON if kind.is_numeric() else None)


def permuted(frame: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """The later rows' values in an order drawn anew, the same for every frame and moment of one length."""
    return _reordered(frame, at, lambda count: np.random.default_rng(count).permutation(count))


def reversed_(frame: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """The later rows' values from the last to the first."""
    return _reordered(frame, at, lambda count: np.arange(count)[::-1])


FUTURES: tuple[Future, ...] = (removed, blanked, poisoned, permuted, reversed_)


def _overwritten(frame: pl.DataFrame, at: datetime, value: Callable[[pl.DataType], float | None]) -> pl.DataFrame:
    later = _known(frame) > at
    return frame.with_columns(
        pl.when(later).then(pl.lit(value(kind)).cast(kind)).otherwise(name).alias(name)
        for name, kind in frame.schema.items()
        if name not in TIMES
    )


def _reordered(frame: pl.DataFrame, at: datetime, order: Callable[[int], np.ndarray]) -> pl.DataFrame:
    known = _known(frame) <= at
    later = frame.filter(~known)
    values = later.select(pl.exclude(TIMES))[order(later.height)]
    times = later.select(name for name in TIMES if name in frame.columns)
    made = pl.concat([times, values], how="horizontal").select(frame.columns)
    return pl.concat([frame.filter(known), made]).sort("ts", maintain_order=True)


def _known(frame: pl.DataFrame) -> pl.Expr:
    return pl.col("known_at") if "known_at" in frame.columns else pl.col("ts")
