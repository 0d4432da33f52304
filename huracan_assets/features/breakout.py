"""Breakout: leaving a range, and how convincingly."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.declaration import Feature
from huracan_assets.features.kernels import Array, rolling_max
from huracan_assets.features.rolling import highest, lag, lowest, mean, ratio
from huracan_assets.features.volume import vol_jump
from huracan_assets.features.window import Window

RANGE_MINUTES = 60
THRUST_LIMIT = 10.0


def breakout_thrust(w: Window) -> Array:
    """How far the close stands outside the hour before it, in ATRs with its sign, held at 10; 0 inside."""
    g = w.grid
    above = g.close - lag(highest(g.high, RANGE_MINUTES), 1)
    below = g.close - lag(lowest(g.low, RANGE_MINUTES), 1)
    outside = np.maximum(above, 0.0) + np.minimum(below, 0.0)
    return np.clip(ratio(outside, w.atr), -THRUST_LIMIT, THRUST_LIMIT)


def range_expansion(w: Window) -> Array:
    """The mean true range of five minutes over that of the 240 before them."""
    return ratio(mean(w.true_range, 5), lag(mean(w.true_range, 240), 5))


def unit(x: Array) -> Array:
    """x held within 0..1."""
    return np.clip(x, 0.0, 1.0)


def ignition_score(w: Window) -> Array:
    """0-100: volume, range and thrust igniting together; they count full at e times, 3 times and 1 ATR."""
    volume = unit(vol_jump(w))
    width = unit((range_expansion(w) - 1.0) / 2.0)
    thrust = unit(np.abs(breakout_thrust(w)))
    return 100.0 * (volume + width + thrust) / 3.0


def breakout_quality(w: Window) -> Array:
    """0..1: of a close outside, how firmly it lies at that side times the volume behind it; 0 inside."""
    thrust = breakout_thrust(w)
    firm = unit(0.5 + 0.5 * np.sign(thrust) * w.close_location)
    carried = unit(0.5 + 0.5 * vol_jump(w))
    return np.where(thrust == 0, 0.0, firm * carried)


def nr7_density(w: Window) -> Array:
    """Share of the last 60 minutes whose range was the narrowest of seven (Crabel's NR7)."""
    width = w.grid.high - w.grid.low
    narrowest = -rolling_max(-width, 7, 7)
    return mean(np.where(np.isnan(narrowest), np.nan, width == narrowest), RANGE_MINUTES)


def price_position(w: Window) -> Array:
    """Place of the close between lowest low and highest high of 240 minutes; 0.5 where there is no range."""
    top, bottom = highest(w.grid.high, 240), lowest(w.grid.low, 240)
    place = ratio(w.grid.close - bottom, top - bottom)
    return unit(np.where(top == bottom, 0.5, place))


def pullback(w: Window) -> Array:
    """How much of the hour's range the price gave back, against the hour's direction; 0 without range."""
    top, bottom = highest(w.grid.high, RANGE_MINUTES), lowest(w.grid.low, RANGE_MINUTES)
    net = w.log_return(RANGE_MINUTES)
    given = np.where(net >= 0, top - w.grid.close, w.grid.close - bottom)
    share = np.where(top == bottom, 0.0, ratio(given, top - bottom))
    return np.where(np.isnan(net), np.nan, unit(share))


FEATURES = (
    Feature(
        "ignition_score",
        "breakout",
        "100 x mean of volume jump, range expansion and |thrust|, each held within 0..1",
        "0-100",
        0.0,
        100.0,
        720,
        ("high", "low", "close", "volume"),
        ignition_score,
    ),
    Feature(
        "breakout_thrust",
        "breakout",
        "(close - the 60 min range before it) / ATR14 outside the range, else 0, held at +-10",
        "ATR",
        -THRUST_LIMIT,
        THRUST_LIMIT,
        720,
        ("high", "low", "close"),
        breakout_thrust,
    ),
    Feature(
        "breakout_quality",
        "breakout",
        "close location on the breakout's side x volume jump, each 0..1; 0 inside",
        "0..1",
        0.0,
        1.0,
        720,
        ("high", "low", "close", "volume"),
        breakout_quality,
    ),
    Feature(
        "nr7_density",
        "breakout",
        "share of 60 min whose range is the narrowest of 7 (Crabel 1990)",
        "0..1",
        0.0,
        1.0,
        66,
        ("high", "low"),
        nr7_density,
    ),
    Feature(
        "price_position",
        "breakout",
        "(close - low) / (high - low) over 240 min; 0.5 without range",
        "0..1",
        0.0,
        1.0,
        240,
        ("high", "low", "close"),
        price_position,
    ),
    Feature(
        "pullback",
        "breakout",
        "share of the 60 min range given back against the hour's direction",
        "0..1",
        0.0,
        1.0,
        120,
        ("high", "low", "close"),
        pullback,
    ),
)
