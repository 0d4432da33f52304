"""Microstructure: what minute candles tell of the spread and of the pressure inside the minute."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from huracan_assets.features.declaration import Feature
from huracan_assets.features.kernels import Array, rolling_sum
from huracan_assets.features.rolling import lag, least, pairs, ratio, total
from huracan_assets.features.window import BPS, Window

SPREAD_MINUTES = 240
SPREAD_LIMIT = 1e4


def edge_spread(open_: Array, high: Array, low: Array, close: Array, minutes: int) -> Array:
    """EDGE, the efficient bid-ask spread estimator from OHLC prices, over a rolling window.

    Ardia, Guidotti, Kroencke (JFE 2024), section 3; `bidask.edge(..., sign=True)` of the same minutes is the
    oracle. The moments of the two GMM conditions are quadratic in quantities that the window's own means fix,
    so a window needs only the rolling sums of the products below. A minute counts together with the one
    before it: where either is missing, the pair is left out.

    Returns:
        (n,) signed square root of the estimated squared spread, a fraction of the price; NaN with fewer than
        half of the pairs, fewer than two that moved, or an open or close that never left the extremes.
    """
    o, h, lo, c = (np.log(x) for x in (open_, high, low, close))
    m = (h + lo) / 2.0
    h1, l1, c1, m1 = (lag(x, 1) for x in (h, lo, c, m))
    whole = ~(np.isnan(o + h + lo + c) | np.isnan(h1 + l1 + c1))
    r1, r2, r3, r4, r5 = m - o, o - m1, m - c1, c1 - m1, o - c1
    tau = ((h != lo) | (lo != c1)).astype(np.float64)
    opens = tau * ((o != h).astype(np.float64) + (o != lo))
    closes = tau * ((c1 != h1).astype(np.float64) + (c1 != l1))

    def average(x: Array) -> Array:
        summed, count = rolling_sum(np.where(whole, x, np.nan), minutes - 1)
        return np.where(count >= max(2, least(minutes - 1)), summed / np.maximum(count, 1.0), np.nan)

    moved = average(tau)
    a, b = ratio(np.full(o.size, -4.0), average(opens)), ratio(np.full(o.size, -4.0), average(closes))
    mu1, mu3, mu5 = (ratio(average(r), moved) for r in (r1, r3, r5))
    first = _condition((r1 * r2, tau * r2, r3 * r4, tau * r4), (a, -a * mu1, b, -b * mu3), average)
    second = _condition((r1 * r5, tau * r5, r5 * r4, tau * r4), (a, -a * mu1, b, -b * mu5), average)
    (e1, v1), (e2, v2) = first, second
    both = v1 + v2
    squared = np.where(both > 0, ratio(v2 * e1 + v1 * e2, both), (e1 + e2) / 2.0)
    spread = np.sign(squared) * np.sqrt(np.abs(squared))
    pairs_moved = rolling_sum(np.where(whole, tau, np.nan), minutes - 1)[0]
    return np.where(pairs_moved >= 2, spread, np.nan)


def _condition(
    terms: tuple[Array, ...], weights: tuple[Array, ...], average: Callable[[Array], Array]
) -> tuple[Array, Array]:
    """Mean and variance of sum_k weights_k terms_k: the weights are the window's, the terms the minutes'."""
    expected = np.zeros(terms[0].size)
    for term, weight in zip(terms, weights, strict=True):
        expected = expected + weight * average(term)
    squared = np.zeros(terms[0].size)
    for i, (left, left_weight) in enumerate(zip(terms, weights, strict=True)):
        for j in range(i, len(terms)):
            twice = 1.0 if i == j else 2.0
            squared = squared + twice * left_weight * weights[j] * average(left * terms[j])
    return expected, squared - expected**2


def spread_bps(w: Window) -> Array:
    """EDGE over 240 minutes in bps; a negative estimate is no spread, so 0; held at 1e4."""
    g = w.grid
    return np.clip(BPS * edge_spread(g.open, g.high, g.low, g.close, SPREAD_MINUTES), 0.0, SPREAD_LIMIT)


def roll_bps(w: Window) -> Array:
    """Roll (1984): 2 sqrt(-cov(r_t, r_t-1)) over 240 minutes in bps; 0 where the covariance is positive."""
    cov = pairs(w.returns, lag(w.returns, 1), SPREAD_MINUTES).cov
    return np.minimum(2.0 * BPS * np.sqrt(np.maximum(-cov, 0.0)), SPREAD_LIMIT)


def uptick(w: Window) -> Array:
    """Share of rising closes among those that moved, 30 minutes; 0.5 where none moved."""
    known = ~np.isnan(w.returns)
    up = total(np.where(known, w.returns > 0, np.nan), 30)
    moved = total(np.where(known, w.returns != 0, np.nan), 30)
    return np.clip(np.where(moved == 0, 0.5, ratio(up, moved)), 0.0, 1.0)


def micro(w: Window) -> Array:
    """Chaikin's money flow over 15 minutes: 0 all volume at the lows, 100 at the highs; 50 without volume."""
    volume = total(w.grid.volume, 15)
    flow = total(w.close_location * w.grid.volume, 15)
    return 50.0 * (1.0 + np.clip(np.where(volume == 0, 0.0, ratio(flow, volume)), -1.0, 1.0))


def wick_balance(w: Window) -> Array:
    """(lower wicks - upper wicks) / range, 30 minutes: rejection from below is positive; 0 without range."""
    g = w.grid
    upper = g.high - np.maximum(g.open, g.close)
    lower = np.minimum(g.open, g.close) - g.low
    walked = total(g.high - g.low, 30)
    return np.clip(np.where(walked == 0, 0.0, ratio(total(lower - upper, 30), walked)), -1.0, 1.0)


FEATURES = (
    Feature(
        "spread_bps",
        "microstructure",
        "EDGE over 240 min (Ardia, Guidotti, Kroencke 2024), 0 where negative, held at 1e4",
        "bps",
        0.0,
        SPREAD_LIMIT,
        SPREAD_MINUTES,
        ("open", "high", "low", "close"),
        spread_bps,
    ),
    Feature(
        "roll_bps",
        "microstructure",
        "2 sqrt(-cov(r_t, r_t-1)) over 240 min (Roll 1984), 0 where cov >= 0, held at 1e4",
        "bps",
        0.0,
        SPREAD_LIMIT,
        242,
        ("close",),
        roll_bps,
    ),
    Feature(
        "uptick",
        "microstructure",
        "rising / moving closes over 30 min",
        "0..1",
        0.0,
        1.0,
        31,
        ("close",),
        uptick,
    ),
    Feature(
        "micro",
        "microstructure",
        "50 (1 + sum CLV volume / sum volume) over 15 min (Chaikin money flow)",
        "0-100",
        0.0,
        100.0,
        15,
        ("high", "low", "close", "volume"),
        micro,
    ),
    Feature(
        "wick_balance",
        "microstructure",
        "(lower - upper wicks) / ranges over 30 min",
        "-1..1",
        -1.0,
        1.0,
        30,
        ("open", "high", "low", "close"),
        wick_balance,
    ),
)
