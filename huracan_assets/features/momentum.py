"""Momentum: how far and how steadily the price went."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.declaration import Feature
from huracan_assets.features.kernels import Array
from huracan_assets.features.rolling import lag, ratio, slope, span_ema, wilder
from huracan_assets.features.window import BPS, LAST_PRICE_LIMIT, Window

RETURN_LIMIT = 5e4  # bps of log price: a factor of e^5
SLOPE_MINUTES = 30


def held_return(w: Window, minutes: int) -> Array:
    """Log return in bps, held within +-RETURN_LIMIT."""
    return np.clip(BPS * w.log_return(minutes), -RETURN_LIMIT, RETURN_LIMIT)


def momentum_slope(w: Window) -> Array:
    """Least-squares slope of log close over 30 minutes, in the deviations of a chance path; held at 10."""
    fitted = slope(w.last_log_close, SLOPE_MINUTES) * SLOPE_MINUTES
    chance = w.volatility_240 / np.sqrt(1440.0) * np.sqrt(SLOPE_MINUTES)
    return np.clip(ratio(fitted, chance), -10.0, 10.0)


def rsi(w: Window, length: int) -> Array:
    """Wilder's relative strength index: 100 up / (up + down); 50 where nothing moved."""
    change = np.diff(w.last_log_close, prepend=np.nan)
    change = np.where(w.grid.present, change, np.nan)
    up = wilder(np.where(np.isnan(change), np.nan, np.maximum(change, 0.0)), length)
    down = wilder(np.where(np.isnan(change), np.nan, np.maximum(-change, 0.0)), length)
    moved = up + down
    share = ratio(up, moved)
    return 100.0 * np.clip(np.where(moved == 0, 0.5, share), 0.0, 1.0)


def macd_line(w: Window) -> Array:
    """EMA(12) - EMA(26) of the log close."""
    log_close = np.log(w.grid.close)
    return span_ema(log_close, 12) - span_ema(log_close, 26)


def macd(w: Window) -> Array:
    """MACD line in bps, held at 1e4."""
    return np.clip(BPS * macd_line(w), -1e4, 1e4)


def macd_histogram(w: Window) -> Array:
    """MACD line minus its EMA(9), in bps, held at 1e4."""
    line = macd_line(w)
    return np.clip(BPS * (line - span_ema(line, 9)), -1e4, 1e4)


def acceleration(w: Window) -> Array:
    """This quarter hour's return minus the one before, in deviations of such a difference; held at 10."""
    newest = w.log_return(15)
    gap = newest - lag(newest, 15)
    return np.clip(ratio(gap, w.volatility_240 * np.sqrt(30.0 / 1440.0)), -10.0, 10.0)


def _return(minutes: int) -> Feature:
    return Feature(
        name=f"ret_{minutes}",
        family="momentum",
        formula=f"ln(close / last close known {minutes} minutes ago), held at +-{RETURN_LIMIT:g}",
        unit="bps",
        low=-RETURN_LIMIT,
        high=RETURN_LIMIT,
        warm_up_minutes=minutes + LAST_PRICE_LIMIT,
        inputs=("close",),
        compute=lambda w: held_return(w, minutes),
    )


def _rsi(length: int) -> Feature:
    return Feature(
        name=f"rsi_{length}",
        family="momentum",
        formula=f"100 U/(U+D), Wilder means over {length} of up and down moves (Wilder 1978); 50 when still",
        unit="0-100",
        low=0.0,
        high=100.0,
        warm_up_minutes=720,
        inputs=("close",),
        compute=lambda w: rsi(w, length),
    )


FEATURES = (
    *(_return(minutes) for minutes in (1, 5, 15, 60, 240)),
    Feature(
        "momentum_slope",
        "momentum",
        "OLS slope of ln close over 30 min x 30 / (sigma_240 sqrt 30), held at +-10",
        "sigma",
        -10.0,
        10.0,
        300,
        ("close",),
        momentum_slope,
    ),
    Feature(
        "acceleration",
        "momentum",
        "(ret_15 - ret_15 a quarter hour ago) / (sigma_240 sqrt 30), held at +-10",
        "sigma",
        -10.0,
        10.0,
        300,
        ("close",),
        acceleration,
    ),
    _rsi(7),
    _rsi(14),
    Feature(
        "macd",
        "momentum",
        "EMA12 - EMA26 of ln close (Appel), held at +-1e4",
        "bps",
        -1e4,
        1e4,
        720,
        ("close",),
        macd,
    ),
    Feature(
        "macd_histogram",
        "momentum",
        "macd - EMA9(macd), held at +-1e4",
        "bps",
        -1e4,
        1e4,
        720,
        ("close",),
        macd_histogram,
    ),
)
