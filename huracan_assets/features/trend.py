"""Trend: direction, strength and the higher time frames."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.declaration import HOUSE, Family
from huracan_assets.features.kernels import Array, held, held_change_in_units, ratio
from huracan_assets.features.moment_kernels import rolling_deviation, rolling_line
from huracan_assets.features.momentum import RECURSION_MINUTES
from huracan_assets.features.rolling import least, span_ema, total
from huracan_assets.features.window import Window

FAMILY = Family("trend")
SLOPE_MINUTES = 30
HTF_MINUTES = (15, 60, 240)
HTF_BARS = 8


def efficiency(w: Window, minutes: int) -> Array:
    """Kaufman's efficiency ratio, signed: net move over the path walked, -1..1; 0 where nothing moved."""
    net = total(w.returns, minutes)
    walked = total(np.abs(w.returns), minutes)
    return np.clip(np.where(walked == 0, 0.0, ratio(net, walked)), -1.0, 1.0)


@FAMILY.feature(unit="-1..1", low=-1.0, high=1.0, warm_up=61, inputs=("close",), source="Kaufman (1995), signed")
def trend_str(w: Window) -> Array:
    """Efficiency ratio with its sign: sum r / sum |r| over 60 min; 0 when still."""
    return efficiency(w, 60)


@FAMILY.feature(unit="0..1", low=0.0, high=1.0, warm_up=241, inputs=("close",), source="Kaufman (1995)")
def efficiency_ratio(w: Window) -> Array:
    """|sum r| / sum |r| over 240 min; 0 when still."""
    return np.abs(efficiency(w, 240))


@FAMILY.feature(
    unit="ATR",
    low=-5.0,
    high=5.0,
    warm_up=RECURSION_MINUTES,
    inputs=("high", "low", "close"),
    source=f"{HOUSE}; ATR of Wilder (1978)",
)
def ema_slope(w: Window) -> Array:
    """(EMA21 - EMA21 five minutes ago) / ATR14, held at +-5."""
    return np.asarray(held_change_in_units(span_ema(w.grid.close, 21), 5, w.atr, 5.0))


@FAMILY.feature(unit="sigma", low=-10.0, high=10.0, warm_up=300, inputs=("close",), source=f"{HOUSE}; least squares")
def momentum_slope(w: Window) -> Array:
    """Least-squares slope of ln close over 30 min x 30 / (sigma_240 sqrt 30), held at +-10."""
    slope = rolling_line(w.last_log_close, SLOPE_MINUTES, least(SLOPE_MINUTES))[0]
    return np.asarray(held(ratio(slope, w.volatility_240), np.sqrt(1440.0 * SLOPE_MINUTES), -10.0, 10.0))


def closed_bars(close: Array, minutes: int) -> Array:
    """(n // minutes,) last present close of each UTC-aligned bar; NaN where the bar has none."""
    table = close[: close.size // minutes * minutes].reshape(-1, minutes)
    present = ~np.isnan(table)
    last = minutes - 1 - np.argmax(present[:, ::-1], axis=1)
    return np.where(present.any(axis=1), table[np.arange(len(table)), last], np.nan)


def time_frame_bias(log_close: Array, minutes: int) -> Array:
    """(n,) 0..1: place of the last CLOSED bar's close in the two-sigma band of the last eight of them."""
    bars = closed_bars(log_close, minutes)
    middle, deviation = rolling_deviation(bars, HTF_BARS, least(HTF_BARS))
    place = np.clip(0.5 + ratio(bars - middle, 4.0 * deviation), 0.0, 1.0)
    # At the close of minute i, i + 1 minutes have passed: a bar counts once its last minute has closed.
    newest = np.repeat(np.append(np.nan, place), minutes)[1:]
    return newest[: log_close.size]


@FAMILY.feature(
    unit="0..1", low=0.0, high=1.0, warm_up=2400, inputs=("close",), source=f"{HOUSE}; band of Bollinger (1992)"
)
def htf(w: Window) -> Array:
    """Mean over 15 min, 1 h, 4 h of the last closed bar's place in its 8-bar two-sigma band; two of three at least."""
    bias = [time_frame_bias(w.log_close, minutes) for minutes in HTF_MINUTES]
    known = np.add.reduce([~np.isnan(each) for each in bias], dtype=np.float64)
    summed = np.add.reduce([np.nan_to_num(each) for each in bias])
    return np.where(known >= least(len(HTF_MINUTES)), summed / np.maximum(known, 1.0), np.nan)


FEATURES = tuple(FAMILY.features)
