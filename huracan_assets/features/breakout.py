"""Breakout: leaving a range, and how convincingly."""

from __future__ import annotations

from functools import partial

import numpy as np

from huracan_assets.features.declaration import HOUSE, Family
from huracan_assets.features.kernels import Array, place, ratio
from huracan_assets.features.momentum import RECURSION_MINUTES
from huracan_assets.features.rolling import lag, mean
from huracan_assets.features.volume import volume_burst
from huracan_assets.features.window import Window

FAMILY = Family("breakout")
THRUST_LIMIT = 10.0


@FAMILY.feature(
    unit="ATR",
    low=-THRUST_LIMIT,
    high=THRUST_LIMIT,
    warm_up=RECURSION_MINUTES,
    inputs=("high", "low", "close"),
    source=f"{HOUSE}; ATR of Wilder (1978)",
)
def breakout_thrust(w: Window) -> Array:
    """(close - the 60 min range before it) / ATR14 with its sign outside the range, 0 inside, held at +-10."""
    g = w.grid
    top, bottom = w.hour_range
    above, below = g.close - lag(top, 1), g.close - lag(bottom, 1)
    outside = np.maximum(above, 0.0) + np.minimum(below, 0.0)
    return np.clip(ratio(outside, w.atr), -THRUST_LIMIT, THRUST_LIMIT)


def range_expansion(w: Window) -> Array:
    """The mean true range of five minutes over that of the 240 before them."""
    return np.asarray(ratio(mean(w.true_range, 5), lag(mean(w.true_range, 240), 5)))


def unit(x: Array) -> Array:
    """x held within 0..1."""
    return np.clip(x, 0.0, 1.0)


@FAMILY.feature(unit="0-100", low=0.0, high=100.0, warm_up=RECURSION_MINUTES, inputs=("high", "low", "close", "volume"))
def ignition_score(w: Window) -> Array:
    """100 x mean of volume_burst, (true range of 5 min / of the 240 before - 1) / 2 and |thrust|, each within 0..1."""
    width = unit((range_expansion(w) - 1.0) / 2.0)
    return 100.0 * (unit(w.once(volume_burst)) + width + unit(np.abs(w.once(breakout_thrust)))) / 3.0


@FAMILY.feature(unit="0..1", low=0.0, high=1.0, warm_up=RECURSION_MINUTES, inputs=("high", "low", "close", "volume"))
def breakout_quality(w: Window) -> Array:
    """Close location on the breakout's side x (1 + volume_burst) / 2, each within 0..1; 0 inside the range."""
    thrust = w.once(breakout_thrust)
    firm = unit(0.5 + 0.5 * np.sign(thrust) * w.close_location)
    carried = unit(0.5 + 0.5 * w.once(volume_burst))
    return np.where(thrust == 0, 0.0, firm * carried)


def price_place(w: Window, minutes: int) -> Array:
    """Place of the close between lowest low and highest high; a half where there is no range."""
    top, bottom = w.hour_range if minutes == 60 else w.range(minutes)
    return np.asarray(place(w.grid.close, bottom, top, 0.5))


for _name, _minutes in (("range_position_60", 60), ("price_position", 240), ("range_position_1440", 1440)):
    FAMILY.feature(
        name=_name,
        formula=f"(close - lowest low) / (highest high - lowest low) over {_minutes} min; a half without range",
        unit="0..1",
        low=0.0,
        high=1.0,
        warm_up=_minutes,
        inputs=("high", "low", "close"),
        source="stochastic %K, Lane (1984)",
    )(partial(price_place, minutes=_minutes))


FEATURES = tuple(FAMILY.features)
