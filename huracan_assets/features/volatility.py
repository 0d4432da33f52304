"""Volatility: its level, its estimators, where it stands and where it is going."""

from __future__ import annotations

from functools import partial

import numpy as np

from huracan_assets.features.declaration import HOUSE, Family
from huracan_assets.features.kernels import Array, held, ratio, sampled_rank, standardised
from huracan_assets.features.momentum import RECURSION_MINUTES
from huracan_assets.features.rolling import highest, lag, least, mean, total
from huracan_assets.features.window import BPS, MINUTES_PER_DAY, Window

FAMILY = Family("volatility")
VOLATILITY_LIMIT = 100.0  # fraction a day
RATIO_LIMIT = 20.0
WIDTH_LIMIT = 1e5
RANK_SAMPLES, RANK_STRIDE = 96, 15  # a day's quarter hours: what is slow is not ranked minute by minute


def daily(variance: Array) -> Array:
    """The volatility a day of a mean variance a minute, held at VOLATILITY_LIMIT."""
    return np.minimum(np.sqrt(MINUTES_PER_DAY * variance), VOLATILITY_LIMIT)


def day_rank(x: Array, w: Window) -> Array:
    """0..1: rank of x among its values a quarter hour apart through the last day, this one included."""
    return np.asarray(sampled_rank(x, RANK_SAMPLES, RANK_STRIDE, least(RANK_SAMPLES), w.first_row))


@FAMILY.feature(
    unit="bps",
    low=0.0,
    high=5e4,
    warm_up=RECURSION_MINUTES,
    inputs=("high", "low", "close"),
    source="Wilder (1978), over close",
)
def atr(w: Window) -> Array:
    """Wilder mean over 14 min of the true range / close, held at 5e4."""
    return np.asarray(held(w.atr / w.grid.close, BPS, 0.0, 5e4))


def realised(w: Window, minutes: int) -> Array:
    """Realised volatility over `minutes`, sampled each minute."""
    return np.minimum({60: w.volatility_60, 240: w.volatility_240, 1440: w.volatility_1440}[minutes], VOLATILITY_LIMIT)


for _minutes in (60, 240, 1440):
    FAMILY.feature(
        name=f"realised_vol_{_minutes}",
        formula=f"sqrt(1440 mean r^2) of one-minute log returns over {_minutes} min, no mean taken off, held at 100",
        unit="fraction a day",
        low=0.0,
        high=VOLATILITY_LIMIT,
        warm_up=_minutes + 1,
        inputs=("close",),
        source="Andersen & Bollerslev (1998)",
    )(partial(realised, minutes=_minutes))


@FAMILY.feature(
    unit="fraction a day",
    low=0.0,
    high=VOLATILITY_LIMIT,
    warm_up=245,
    inputs=("close",),
    source="Zhang, Mykland & Ait-Sahalia (2005), averaged over subgrids",
)
def realised_vol_5m(w: Window) -> Array:
    """sqrt(288 mean R^2) of overlapping five-minute log returns R over 240 min, held at 100."""
    fives = w.log_close - lag(w.log_close, 5)
    return daily(mean(fives**2, 240) / 5.0)


@FAMILY.feature(
    unit="fraction a day",
    low=0.0,
    high=VOLATILITY_LIMIT,
    warm_up=60,
    inputs=("high", "low"),
    source="Parkinson (1980)",
)
def parkinson(w: Window) -> Array:
    """sqrt(1440 mean ln(H/L)^2 / (4 ln 2)) over 60 min, held at 100."""
    return daily(mean(w.log_range**2, 60) / (4.0 * np.log(2.0)))


@FAMILY.feature(
    unit="fraction a day",
    low=0.0,
    high=VOLATILITY_LIMIT,
    warm_up=60,
    inputs=("open", "high", "low", "close"),
    source="Garman & Klass (1980), the practical estimator",
)
def garman_klass(w: Window) -> Array:
    """sqrt(1440 mean(ln(H/L)^2 / 2 - (2 ln 2 - 1) ln(C/O)^2)) over 60 min, held at 100."""
    body = np.log(w.grid.close / w.grid.open)
    # Never negative: open and close lie within high and low, so |body| <= range, and 2 ln 2 - 1 < 1/2.
    variance = 0.5 * w.log_range**2 - (2.0 * np.log(2.0) - 1.0) * body**2
    return daily(np.maximum(mean(variance, 60), 0.0))


@FAMILY.feature(unit="0..1", low=0.0, high=1.0, warm_up=1501, inputs=("close",), source=f"{HOUSE}; percentile rank")
def vol_regime(w: Window) -> Array:
    """Rank of realised_vol_60 among its values a quarter hour apart through the last 1440 min, ties by half."""
    return day_rank(w.volatility_60, w)


@FAMILY.feature(unit="ratio", low=0.0, high=RATIO_LIMIT, warm_up=1441, inputs=("close",))
def vol_ratio(w: Window) -> Array:
    """realised_vol_60 / realised_vol_1440, held at 20."""
    return np.minimum(ratio(w.volatility_60, w.volatility_1440), RATIO_LIMIT)


@FAMILY.feature(unit="ratio", low=0.0, high=RATIO_LIMIT, warm_up=241, inputs=("close",))
def vol_acceleration(w: Window) -> Array:
    """Realised volatility of 15 min / of 240 min, held at 20."""
    return np.minimum(ratio(w.realised(15), w.volatility_240), RATIO_LIMIT)


@FAMILY.feature(unit="bps", low=0.0, high=5e4, warm_up=240, inputs=("close",))
def drawdown(w: Window) -> Array:
    """ln(highest close of 240 min / close), held at 5e4."""
    return np.asarray(held(highest(w.log_close, 240) - w.log_close, BPS, 0.0, 5e4))


@FAMILY.feature(unit="bps", low=0.0, high=5e4, warm_up=720, inputs=("close",))
def run_up(w: Window) -> Array:
    """ln(close / lowest close of 720 min), held at 5e4."""
    return np.asarray(held(highest(-w.log_close, 720) + w.log_close, BPS, 0.0, 5e4))


@FAMILY.feature(unit="sigma", low=0.0, high=RATIO_LIMIT, warm_up=1441, inputs=("close",))
def drawdown_speed(w: Window) -> Array:
    """ln(highest close of 60 min / close) / (sigma_1440 sqrt 60), held at 20."""
    fall = highest(w.log_close, 60) - w.log_close
    return np.asarray(held(ratio(fall, w.volatility_1440), np.sqrt(MINUTES_PER_DAY / 60.0), 0.0, RATIO_LIMIT))


@FAMILY.feature(
    unit="0..1",
    low=0.0,
    high=1.0,
    warm_up=241,
    inputs=("close",),
    source="Barndorff-Nielsen, Kinnebrock & Shephard (2010), realised semivariance",
)
def downside_share(w: Window) -> Array:
    """Sum of r^2 where r < 0 over sum of r^2, 240 min; a half when still."""
    fallen, walked = total(np.minimum(w.returns, 0.0) ** 2, 240), total(w.squared_returns, 240)
    return np.clip(np.where(walked == 0, 0.5, ratio(fallen, walked)), 0.0, 1.0)


@FAMILY.feature(
    unit="bps", low=0.0, high=WIDTH_LIMIT, warm_up=20, inputs=("close",), source="Bollinger (1992); of log prices"
)
def bb_width(w: Window) -> Array:
    """4 population deviations of ln close over 20 min, held at 1e5."""
    return np.asarray(held(w.band[1], 4.0 * BPS, 0.0, WIDTH_LIMIT))


# A member of a window of 20 lies at most sqrt(19) deviations from its mean: %b within 0.5 +- 1.09.
@FAMILY.feature(unit="%b", low=-0.6, high=1.6, warm_up=20, inputs=("close",), source="Bollinger (1992); of log prices")
def bb_position(w: Window) -> Array:
    """%b = (ln close - lower band) / width, two population deviations over 20 min; null without width."""
    return 0.5 + 0.25 * np.asarray(standardised(w.log_close, *w.band))


FEATURES = tuple(FAMILY.features)
