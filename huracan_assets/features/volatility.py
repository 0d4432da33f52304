"""Volatility: its level, its estimators, where it stands and where it is going."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.declaration import Feature
from huracan_assets.features.kernels import Array, rolling_rank
from huracan_assets.features.rolling import highest, least, mean, ratio, total
from huracan_assets.features.window import BPS, MINUTES_PER_DAY, Window

VOLATILITY_LIMIT = 100.0  # fraction a day
RATIO_LIMIT = 20.0


def held(volatility: Array) -> Array:
    """A daily volatility, held at VOLATILITY_LIMIT."""
    return np.minimum(volatility, VOLATILITY_LIMIT)


def atr(w: Window) -> Array:
    """Average true range in bps of the close, held at 5e4."""
    return np.minimum(BPS * ratio(w.atr, w.grid.close), 5e4)


def parkinson(w: Window) -> Array:
    """sqrt of the mean of ln(H/L)^2 / (4 ln 2) over 60 minutes, a day."""
    variance = np.log(w.grid.high / w.grid.low) ** 2 / (4.0 * np.log(2.0))
    return held(np.sqrt(MINUTES_PER_DAY * mean(variance, 60)))


def garman_klass(w: Window) -> Array:
    """sqrt of the mean of ln(H/L)^2 / 2 - (2 ln 2 - 1) ln(C/O)^2 over 60 minutes, a day.

    Never negative: both open and close lie within high and low, so |ln C/O| <= ln H/L, and 2 ln 2 - 1 < 1/2.
    """
    g = w.grid
    variance = 0.5 * np.log(g.high / g.low) ** 2 - (2.0 * np.log(2.0) - 1.0) * np.log(g.close / g.open) ** 2
    return held(np.sqrt(MINUTES_PER_DAY * mean(variance, 60)))


def vol_regime(w: Window) -> Array:
    """Rank of the hour's realised volatility among the last 1,440 minutes' ones."""
    return rolling_rank(w.volatility_60, 1440, least(1440), w.first_row)


def vol_ratio(w: Window) -> Array:
    """The hour's realised volatility over the day's, held at 20."""
    return np.minimum(ratio(w.volatility_60, w.volatility_1440), RATIO_LIMIT)


def vol_acceleration(w: Window) -> Array:
    """The quarter hour's realised volatility over the four hours', held at 20."""
    return np.minimum(ratio(w.realised(15), w.volatility_240), RATIO_LIMIT)


def drawdown(w: Window) -> Array:
    """ln(highest close of 240 minutes / close) in bps, held at 5e4."""
    log_close = np.log(w.grid.close)
    return np.minimum(BPS * (highest(log_close, 240) - log_close), 5e4)


def drawdown_speed(w: Window) -> Array:
    """The fall from the hour's highest close in deviations of an hour at the day's volatility, held at 20."""
    log_close = np.log(w.grid.close)
    fall = highest(log_close, 60) - log_close
    return np.minimum(ratio(fall, w.volatility_1440 * np.sqrt(60.0 / MINUTES_PER_DAY)), RATIO_LIMIT)


def downside_share(w: Window) -> Array:
    """Share of the squared returns over 240 minutes that falls made; 0.5 where nothing moved."""
    squared = w.returns**2
    fallen = np.where(w.returns < 0, squared, np.where(np.isnan(squared), np.nan, 0.0))
    walked = total(squared, 240)
    return np.clip(np.where(walked == 0, 0.5, ratio(total(fallen, 240), walked)), 0.0, 1.0)


def _realised(minutes: int) -> Feature:
    return Feature(
        name=f"realised_vol_{minutes}",
        family="volatility",
        formula=f"sqrt(1440 mean r^2) over {minutes} min, held at {VOLATILITY_LIMIT:g}",
        unit="fraction a day",
        low=0.0,
        high=VOLATILITY_LIMIT,
        warm_up_minutes=minutes + 1,
        inputs=("close",),
        compute=lambda w: held({60: w.volatility_60, 240: w.volatility_240, 1440: w.volatility_1440}[minutes]),
    )


FEATURES = (
    Feature(
        "atr",
        "volatility",
        "Wilder mean over 14 of the true range, over close, held at 5e4",
        "bps",
        0.0,
        5e4,
        720,
        ("high", "low", "close"),
        atr,
    ),
    _realised(60),
    _realised(240),
    _realised(1440),
    Feature(
        "parkinson",
        "volatility",
        "sqrt(1440 mean ln(H/L)^2 / (4 ln 2)) over 60 min (Parkinson 1980), held at 100",
        "fraction a day",
        0.0,
        VOLATILITY_LIMIT,
        60,
        ("high", "low"),
        parkinson,
    ),
    Feature(
        "garman_klass",
        "volatility",
        "sqrt(1440 mean(ln(H/L)^2/2 - (2 ln 2 - 1) ln(C/O)^2)) over 60 min (1980), held at 100",
        "fraction a day",
        0.0,
        VOLATILITY_LIMIT,
        60,
        ("open", "high", "low", "close"),
        garman_klass,
    ),
    Feature(
        "vol_regime",
        "volatility",
        "rank of realised_vol_60 among its last 1440 minutes",
        "0..1",
        0.0,
        1.0,
        1501,
        ("close",),
        vol_regime,
    ),
    Feature(
        "vol_ratio",
        "volatility",
        "realised_vol_60 / realised_vol_1440, held at 20",
        "ratio",
        0.0,
        RATIO_LIMIT,
        1441,
        ("close",),
        vol_ratio,
    ),
    Feature(
        "vol_acceleration",
        "volatility",
        "realised volatility of 15 min / of 240 min, held at 20",
        "ratio",
        0.0,
        RATIO_LIMIT,
        241,
        ("close",),
        vol_acceleration,
    ),
    Feature(
        "drawdown",
        "volatility",
        "ln(highest close of 240 min / close), held at 5e4",
        "bps",
        0.0,
        5e4,
        240,
        ("close",),
        drawdown,
    ),
    Feature(
        "drawdown_speed",
        "volatility",
        "ln(highest close of 60 min / close) / (sigma_1440 sqrt 60), held at 20",
        "sigma",
        0.0,
        RATIO_LIMIT,
        1441,
        ("close",),
        drawdown_speed,
    ),
    Feature(
        "downside_share",
        "volatility",
        "sum of r^2 where r < 0 over sum of r^2, 240 min",
        "0..1",
        0.0,
        1.0,
        241,
        ("close",),
        downside_share,
    ),
)
