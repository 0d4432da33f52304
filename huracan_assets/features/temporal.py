"""Temporal: where the bar's close stands in the day and in the week, on a circle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from huracan_assets.features.declaration import Feature
from huracan_assets.features.kernels import Array
from huracan_assets.features.window import Window

MINUTES_PER_WEEK = 7 * 1440
MONDAY = 4 * 1440  # 1970-01-01 was a Thursday


def epoch_minutes(w: Window) -> NDArray[np.int64]:
    """(n,) whole minutes since 1970 at each close."""
    return w.grid.known_at.astype("datetime64[m]").astype(np.int64)


def day_angle(w: Window) -> Array:
    """(n,) radians: 0 at 00:00 UTC, 2 pi a day."""
    return (2.0 * np.pi / 1440.0) * (epoch_minutes(w) % 1440).astype(np.float64)


def week_angle(w: Window) -> Array:
    """(n,) radians: 0 on Monday 00:00 UTC, 2 pi a week."""
    return (2.0 * np.pi / MINUTES_PER_WEEK) * ((epoch_minutes(w) - MONDAY) % MINUTES_PER_WEEK).astype(np.float64)


def _clock(name: str, formula: str, compute: Callable[[Window], Array]) -> Feature:
    return Feature(name, "temporal", formula, "-1..1", -1.0, 1.0, 1, ("clock",), compute)


FEATURES = (
    _clock("minute_of_day_sin", "sin(2 pi minute of day / 1440) at the close", lambda w: np.sin(day_angle(w))),
    _clock("minute_of_day_cos", "cos(2 pi minute of day / 1440) at the close", lambda w: np.cos(day_angle(w))),
    _clock("day_of_week_sin", "sin(2 pi minute of week / 10080) at the close", lambda w: np.sin(week_angle(w))),
    _clock("day_of_week_cos", "cos(2 pi minute of week / 10080) at the close", lambda w: np.cos(week_angle(w))),
)
