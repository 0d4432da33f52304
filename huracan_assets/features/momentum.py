"""Momentum: how far and how steadily the price went."""

from __future__ import annotations

from functools import partial

import numpy as np

from huracan_assets.features.declaration import Family
from huracan_assets.features.kernels import Array, held, held_change, ratio
from huracan_assets.features.recursions import (
    LAST_PRICE_LIMIT,
    average_directional_index,
    ema_gaps,
    wilder_shares,
)
from huracan_assets.features.rolling import lag, span_ema, zscore
from huracan_assets.features.window import BPS, Window

FAMILY = Family("momentum")
RETURN_LIMIT = 5e4  # bps of log price: a factor of e^5
EMA_LIMIT = 1e4
Z_LIMIT = 38.0  # sqrt(1440 - 1) = 37.93: no member of a window of 1,440 can lie further out
RECURSION_MINUTES = 720  # Wilder's mean over 14 has forgotten all but 1e-23 of what was before, EMA34 all but 1e-18


def held_return(w: Window, minutes: int) -> Array:
    """Log return in bps, held within +-RETURN_LIMIT."""
    return np.asarray(held_change(w.log_close, w.last_log_close, minutes, BPS, RETURN_LIMIT))


def return_z(w: Window, minutes: int) -> Array:
    """The newest of the day's returns over `minutes`, standardised among them."""
    return zscore(w.log_return(minutes), 1440)


def weighted_return(w: Window, span: int) -> Array:
    """Exponentially weighted one-minute return in bps a minute."""
    return np.asarray(held(span_ema(w.returns, span), BPS, -RETURN_LIMIT, RETURN_LIMIT))


EMA_SPANS = ((5, 21), (8, 34), (12, 26))


def ema_spreads(w: Window) -> tuple[Array, Array, Array]:
    """EMA(fast) - EMA(slow) of the log close, of each pair of spans."""
    return ema_gaps(w.log_close, EMA_SPANS)


def ema_spread(w: Window, fast: int, slow: int) -> Array:
    """The spread of a pair of `EMA_SPANS` in bps."""
    return np.asarray(held(w.once(ema_spreads)[EMA_SPANS.index((fast, slow))], BPS, -EMA_LIMIT, EMA_LIMIT))


RSI_LENGTHS = (7, 14)


def rises(w: Window) -> tuple[Array, Array]:
    """Wilder's share of rises in the moves of the close from the last one known, for both lengths."""
    return wilder_shares(w.grid.close, RSI_LENGTHS)


def rsi(w: Window, length: int) -> Array:
    """Wilder's relative strength index of the closes."""
    return 100.0 * w.once(rises)[RSI_LENGTHS.index(length)]


for _minutes in (1, 2, 5, 15, 30, 60, 240, 720, 1440):
    FAMILY.feature(
        name=f"ret_{_minutes}",
        formula=f"ln(close / last close known {_minutes} min ago), held at +-5e4",
        unit="bps",
        low=-RETURN_LIMIT,
        high=RETURN_LIMIT,
        warm_up=_minutes + LAST_PRICE_LIMIT,
        inputs=("close",),
        source="log return",
    )(partial(held_return, minutes=_minutes))


@FAMILY.feature(
    unit="bps",
    low=-RETURN_LIMIT,
    high=RETURN_LIMIT,
    warm_up=1440 + LAST_PRICE_LIMIT,
    inputs=("close",),
    source="intraday pattern of Heston, Korajczyk & Sadka (2010)",
)
def ret_120_yesterday(w: Window) -> Array:
    """ln(last close known 1320 min ago / that of 1440 min ago): the two hours now begun, a day ago; within +-5e4."""
    before = w.last_log_close
    return np.asarray(held(lag(before, 1320) - lag(before, 1440), BPS, -RETURN_LIMIT, RETURN_LIMIT))


for _minutes in (5, 15, 60, 240):
    FAMILY.feature(
        name=f"ret_z_{_minutes}",
        formula=f"z-score (population) of ret_{_minutes} among those of the last 1440 min",
        unit="z",
        low=-Z_LIMIT,
        high=Z_LIMIT,
        warm_up=1440 + _minutes + LAST_PRICE_LIMIT,
        inputs=("close",),
        source="standard score",
    )(partial(return_z, minutes=_minutes))

for _span in (5, 15):
    FAMILY.feature(
        name=f"ret_ew_{_span}",
        formula=f"EMA{_span} (alpha = 2/{_span + 1}) of one-minute log returns, held at +-5e4",
        unit="bps a minute",
        low=-RETURN_LIMIT,
        high=RETURN_LIMIT,
        warm_up=RECURSION_MINUTES,
        inputs=("close",),
        source="exponential mean, Roberts (1959)",
    )(partial(weighted_return, span=_span))

for _fast, _slow in EMA_SPANS[:2]:
    FAMILY.feature(
        name=f"ema_{_fast}_{_slow}",
        formula=f"EMA{_fast} - EMA{_slow} of ln close (alpha = 2/(span+1)), held at +-1e4",
        unit="bps",
        low=-EMA_LIMIT,
        high=EMA_LIMIT,
        warm_up=RECURSION_MINUTES,
        inputs=("close",),
        source="exponential mean, Roberts (1959); of log prices",
    )(partial(ema_spread, fast=_fast, slow=_slow))

for _length in RSI_LENGTHS:
    FAMILY.feature(
        name=f"rsi_{_length}",
        formula=f"100 U / (U + D), Wilder means over {_length} min of rises and falls of the close; 50 when still",
        unit="0-100",
        low=0.0,
        high=100.0,
        warm_up=RECURSION_MINUTES,
        inputs=("close",),
        source="Wilder (1978)",
    )(partial(rsi, length=_length))


@FAMILY.feature(unit="0-100", low=0.0, high=100.0, warm_up=1440, inputs=("high", "low"), source="Wilder (1978)")
def adx(w: Window) -> Array:
    """Wilder mean over 14 of 100 |DI+ - DI-| / (DI+ + DI-), each over 14 min; 0 when still."""
    return 100.0 * np.asarray(average_directional_index(w.grid.high, w.grid.low, 14))


@FAMILY.feature(
    unit="bps",
    low=-EMA_LIMIT,
    high=EMA_LIMIT,
    warm_up=RECURSION_MINUTES,
    inputs=("close",),
    source="Appel (1979); of log prices",
)
def macd(w: Window) -> Array:
    """EMA12 - EMA26 of ln close, held at +-1e4."""
    return ema_spread(w, 12, 26)


@FAMILY.feature(
    unit="bps",
    low=-EMA_LIMIT,
    high=EMA_LIMIT,
    warm_up=RECURSION_MINUTES,
    inputs=("close",),
    source="Appel (1979); of log prices",
)
def macd_histogram(w: Window) -> Array:
    """MACD line (EMA12 - EMA26 of ln close) minus its EMA9, held at +-1e4."""
    line = w.once(ema_spreads)[2]
    return np.asarray(held(line - span_ema(line, 9), BPS, -EMA_LIMIT, EMA_LIMIT))


@FAMILY.feature(unit="sigma", low=-10.0, high=10.0, warm_up=300, inputs=("close",))
def acceleration(w: Window) -> Array:
    """(ret_15 - ret_15 a quarter hour ago) / (sigma_240 sqrt 30), held at +-10."""
    newest = w.log_return(15)
    gap = newest - lag(newest, 15)
    return np.asarray(held(ratio(gap, w.volatility_240), np.sqrt(1440.0 / 30.0), -10.0, 10.0))


FEATURES = tuple(FAMILY.features)
