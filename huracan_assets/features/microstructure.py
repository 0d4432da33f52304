"""Microstructure: what minute candles tell of the spread and of the pressure inside the minute, and what books do."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.declaration import HOUSE, Family
from huracan_assets.features.edge import rolling_edge
from huracan_assets.features.kernels import Array, ratio
from huracan_assets.features.rolling import lag, least, mean, total
from huracan_assets.features.window import BPS, Window

FAMILY = Family("microstructure")
SPREAD_MINUTES = 240
SPREAD_LIMIT = 1e4
BOOK_AGE = np.timedelta64(2, "m")  # an older book is no book


@FAMILY.feature(
    unit="bps",
    low=0.0,
    high=SPREAD_LIMIT,
    warm_up=SPREAD_MINUTES,
    inputs=("open", "high", "low", "close"),
    source="Ardia, Guidotti & Kroencke (2024), EDGE",
)
def spread_bps(w: Window) -> Array:
    """EDGE over 240 min, a negative estimate as 0, held at 1e4."""
    prices = np.log(np.stack([w.grid.open, w.grid.high, w.grid.low, w.grid.close], axis=1))
    return np.clip(BPS * rolling_edge(prices, SPREAD_MINUTES, least(SPREAD_MINUTES - 1)), 0.0, SPREAD_LIMIT)


@FAMILY.feature(unit="bps", low=0.0, high=SPREAD_LIMIT, warm_up=242, inputs=("close",), source="Roll (1984)")
def roll_bps(w: Window) -> Array:
    """2 sqrt(-cov(r_t, r_t-1)) over 240 min, 0 where the covariance is positive, held at 1e4."""
    return np.minimum(2.0 * BPS * np.sqrt(np.maximum(-w.with_last_240.cov, 0.0)), SPREAD_LIMIT)


@FAMILY.feature(
    unit="bps",
    low=0.0,
    high=SPREAD_LIMIT,
    warm_up=241,
    inputs=("high", "low"),
    source="Corwin & Schultz (2012), negative estimates as 0 before the mean",
)
def corwin_schultz_bps(w: Window) -> Array:
    """Mean over 240 min of max(0, 2 (e^a - 1) / (1 + e^a)), a from the ranges of two minutes, held at 1e4."""
    high, low = np.maximum(w.grid.high, lag(w.grid.high, 1)), np.minimum(w.grid.low, lag(w.grid.low, 1))
    one_minute = w.log_range**2
    beta = one_minute + lag(one_minute, 1)
    constant = 3.0 - 2.0 * np.sqrt(2.0)
    alpha = (np.sqrt(2.0) - 1.0) / constant * np.sqrt(beta) - np.log(high / low) / np.sqrt(constant)
    # 2 (e^a - 1) / (1 + e^a) = 2 tanh(a / 2); where it is not positive the spread is 0.
    spread = 2.0 * np.tanh(0.5 * np.maximum(alpha, 0.0))
    return np.minimum(BPS * mean(spread, SPREAD_MINUTES), SPREAD_LIMIT)


@FAMILY.feature(unit="0..1", low=0.0, high=1.0, warm_up=31, inputs=("close",))
def uptick(w: Window) -> Array:
    """Rising / moving closes over 30 min; a half when still."""
    gap = 0.0 * w.returns
    up, moved = total((w.returns > 0) + gap, 30), total((w.returns != 0) + gap, 30)
    return np.where(moved == 0, 0.5, ratio(up, moved))


@FAMILY.feature(
    unit="0-100",
    low=0.0,
    high=100.0,
    warm_up=15,
    inputs=("high", "low", "close", "volume"),
    source="Chaikin money flow, scaled",
)
def micro(w: Window) -> Array:
    """50 (1 + sum CLV volume / sum volume) over 15 min, CLV the close's place in its minute; 50 without volume."""
    volume = total(w.grid.volume, 15)
    flow = total(w.close_location * w.grid.volume, 15)
    return 50.0 * (1.0 + np.clip(np.where(volume == 0, 0.0, ratio(flow, volume)), -1.0, 1.0))


@FAMILY.feature(unit="-1..1", low=-1.0, high=1.0, warm_up=30, inputs=("open", "high", "low", "close"))
def wick_balance(w: Window) -> Array:
    """(lower - upper wicks) / ranges over 30 min: rejection from below is positive; 0 without range."""
    g = w.grid
    upper, lower = g.high - np.maximum(g.open, g.close), np.minimum(g.open, g.close) - g.low
    walked = total(g.high - g.low, 30)
    return np.clip(np.where(walked == 0, 0.0, ratio(total(lower - upper, 30), walked)), -1.0, 1.0)


BOOK = ("order_books.bid_prices", "order_books.ask_prices", "order_books.bid_sizes", "order_books.ask_sizes")


@FAMILY.feature(
    unit="bps",
    low=-1e4,
    high=1e4,
    warm_up=2,
    inputs=BOOK,
    source=f"{HOUSE}; the weighted mid of Gatheral & Oomen (2010), Stoikov's (2018) correction needs a fitted chain",
)
def microprice_bps(w: Window) -> Array:
    """ln(size-weighted mid / mid) of the newest book, at most 2 min old, held at +-1e4; null without a book."""
    if w.order_books is None:
        return w.undefined()
    names = ("bid", "ask", "bid_size", "ask_size")
    bid, ask, bid_size, ask_size = (w.order_books.value(name, w.known_at, BOOK_AGE) for name in names)
    weighted = ratio(bid * ask_size + ask * bid_size, bid_size + ask_size)
    return np.clip(BPS * np.log(ratio(weighted, (bid + ask) / 2.0)), -1e4, 1e4)


@FAMILY.feature(
    unit="-1..1",
    low=-1.0,
    high=1.0,
    warm_up=2,
    inputs=("order_books.bid_sizes", "order_books.ask_sizes"),
    source="Cao, Hansch & Wang (2009)",
)
def book_imbalance(w: Window) -> Array:
    """(bid - ask sizes) / all, of up to ten levels of the newest book, at most 2 min old; null without a book."""
    if w.order_books is None:
        return w.undefined()
    bid, ask = (w.order_books.value(name, w.known_at, BOOK_AGE) for name in ("bid_depth", "ask_depth"))
    return np.clip(ratio(bid - ask, bid + ask), -1.0, 1.0)


FEATURES = tuple(FAMILY.features)
