"""Compression: narrow and orderly markets, and how far the price is from their middle."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.declaration import HOUSE, Family
from huracan_assets.features.kernels import Array, place, rolling_extreme, rolling_low_quantile, rolling_pattern_entropy
from huracan_assets.features.recursions import LAST_PRICE_LIMIT
from huracan_assets.features.rolling import lag, least, mean, zscore
from huracan_assets.features.volatility import day_rank
from huracan_assets.features.window import BPS, Window

FAMILY = Family("compression")
RANGE_MINUTES = 60
# Which of six order patterns three closes a, b, c form, by 4 (a > b) + 2 (b > c) + (a > c); -1: none can.
PATTERN = np.array([0, -1, 1, 2, 3, 4, -1, 5])
GAP_WINDOWS = (60, 150, 300, 480)
GAP_LIMIT = 5e3
UPPER_SHARE = 0.2  # of the closes, the highest


@FAMILY.feature(
    unit="0..1", low=0.0, high=1.0, warm_up=1460, inputs=("close",), source=f"{HOUSE}; band of Bollinger (1992)"
)
def compression(w: Window) -> Array:
    """1 - rank of bb_width among its values a quarter hour apart through the last 1440 min, ties by half."""
    return 1.0 - day_rank(w.band[1], w)


@FAMILY.feature(unit="0..1", low=0.0, high=1.0, warm_up=1500, inputs=("high", "low"))
def compress_rank(w: Window) -> Array:
    """1 - rank of the 60 min range ln(H/L) among its values a quarter hour apart through 1440 min, ties by half."""
    top, bottom = w.hour_range
    return 1.0 - day_rank(np.log(top / bottom), w)


@FAMILY.feature(unit="0..1", low=0.0, high=1.0, warm_up=66, inputs=("high", "low"), source="NR7, Crabel (1990)")
def nr7_density(w: Window) -> Array:
    """Share of 60 min whose range is the narrowest of the last 7."""
    width = w.grid.high - w.grid.low
    narrowest = np.asarray(rolling_extreme(width, 7, 7, -1.0))
    return mean((width == narrowest) + 0.0 * narrowest, RANGE_MINUTES)


@FAMILY.feature(unit="-1..1", low=-1.0, high=1.0, warm_up=240, inputs=("close",), source=f"{HOUSE}; standard score")
def mean_rev(w: Window) -> Array:
    """tanh(z/2), z of ln close over 240 min (population): 1 far above the mean that a reversion returns to."""
    return np.tanh(0.5 * zscore(w.log_close, 240))


def quantile_gap(log_close: Array, first_row: int) -> Array:
    """Mean over `GAP_WINDOWS` of (ln close - its upper quintile's edge) / sqrt(window), bps; NaN before `first_row`."""
    total = np.zeros(log_close.size)
    for window in GAP_WINDOWS:
        # The upper quantile is minus the lower one of the mirrored prices.
        edge = rolling_low_quantile(-log_close, window, least(window), first_row, UPPER_SHARE)
        total += (log_close + edge) / np.sqrt(window)
    return np.clip(BPS * total / len(GAP_WINDOWS), -GAP_LIMIT, GAP_LIMIT)


@FAMILY.feature(
    unit="bps",
    low=-GAP_LIMIT,
    high=GAP_LIMIT,
    warm_up=max(GAP_WINDOWS),
    inputs=("close",),
    source=f"{HOUSE}; quantiles of Hyndman & Fan's (1996) type 7",
)
def upper_gap(w: Window) -> Array:
    """Mean over k of 60, 150, 300, 480 min of (ln close - 80 % quantile of ln close over k) / sqrt k, held at +-5e3."""
    return w.once(own_gap)


def own_gap(w: Window) -> Array:
    """`quantile_gap` of the coin itself."""
    return quantile_gap(w.log_close, w.first_row)


@FAMILY.feature(
    unit="0..1", low=0.0, high=1.0, warm_up=RANGE_MINUTES + LAST_PRICE_LIMIT, inputs=("high", "low", "close")
)
def pullback(w: Window) -> Array:
    """Share of the 60 min range given back against the hour's direction; 0 without range."""
    top, bottom = w.hour_range
    net = w.log_return(RANGE_MINUTES)
    from_top, from_bottom = place(-w.grid.close, -top, -bottom, 0.0), place(w.grid.close, bottom, top, 0.0)
    return np.where(net >= 0, from_top, from_bottom) + 0.0 * net


@FAMILY.feature(unit="0..1", low=0.0, high=1.0, warm_up=242, inputs=("close",), source="Bandt & Pompe (2002), order 3")
def entropy(w: Window) -> Array:
    """Permutation entropy of three consecutive closes over 240 min / ln 6; equal closes count as rising."""
    a, b, c = lag(w.grid.close, 2), lag(w.grid.close, 1), w.grid.close
    pattern = PATTERN[4 * (a > b) + 2 * (b > c) + (a > c)]
    return np.asarray(rolling_pattern_entropy(np.where(np.isnan(a + b + c), -1, pattern), 6, 240, least(240)))


FEATURES = tuple(FAMILY.features)
