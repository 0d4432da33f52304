"""Temporal: where the bar's close stands in the day and in the week, on a circle, and in which session."""

from __future__ import annotations

from functools import partial

import numpy as np

from huracan_assets.features.declaration import Family
from huracan_assets.features.kernels import Array
from huracan_assets.features.window import Window

FAMILY = Family("temporal")
DAY, WEEK, SESSION = 1440, 7 * 1440, 480
MONDAY = 4 * 1440  # 1970-01-01 was a Thursday


def circle(w: Window, period: int, start: int, cosine: bool) -> Array:
    """Sine or cosine of the close's place in a period that began `start` minutes after 1970."""
    angle = 2.0 * np.pi / period * np.arange(period)
    table: Array = np.cos(angle) if cosine else np.sin(angle)
    return table[(w.minute - start) % period]


for _name, _period, _start in (("minute_of_day", DAY, 0), ("day_of_week", WEEK, MONDAY)):
    for _wave in ("sin", "cos"):
        FAMILY.feature(
            name=f"{_name}_{_wave}",
            formula=f"{_wave}(2 pi minute of the {'day' if _period == DAY else 'week'} / {_period}) at the close, UTC",
            unit="-1..1",
            low=-1.0,
            high=1.0,
            warm_up=1,
            inputs=("clock",),
            source="circular coding, Mardia (1972)",
        )(partial(circle, period=_period, start=_start, cosine=_wave == "cos"))


@FAMILY.feature(unit="session", low=0.0, high=2.0, warm_up=1, inputs=("clock",))
def session(w: Window) -> Array:
    """Eight hours of the day, by the close, UTC: 0 Asia from 00:00, 1 Europe from 08:00, 2 Americas from 16:00."""
    return (w.minute % DAY // SESSION).astype(np.float64)


FEATURES = tuple(FAMILY.features)
