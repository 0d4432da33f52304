"""Clean and leaky features of a random walk, and an order flow with an edge that is true."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
N, CORRELATION_MAX, HORIZON, MINUTE = 6000, 0.25, 8, np.timedelta64(60_000_000, "us")
AS_OF = np.datetime64("2024-01-01", "us") + 15 * MINUTE * np.arange(1, N + 1)


def walk(seed: int) -> Array:
    """Log price of a market without any edge, with volatility that clusters."""
    rng = np.random.default_rng(seed)
    calm = np.exp(0.5 * np.sin(np.arange(N) / 150.0))
    return np.cumsum(2e-3 * calm * rng.standard_t(4, N))


def trailing(price: Array, bars: int) -> Array:
    return np.concatenate([np.full(bars, np.nan), price[bars:] - price[:-bars]])


def ahead(x: Array, bars: int) -> Array:
    return np.concatenate([x[bars:], np.full(bars, np.nan)])


def average(x: Array, bars: int) -> Array:
    return np.convolve(np.nan_to_num(x), np.ones(bars) / bars, "full")[: x.size]


PRICE = walk(1)
CLEAN = {
    "return": trailing(PRICE, 1),
    "momentum": trailing(PRICE, 8),
    "slow": trailing(PRICE, 96),
    "distance": PRICE - average(PRICE, 20),
    "volatility": average(np.abs(trailing(PRICE, 1)), 16),
    "clock": np.sin(np.arange(N) * 2 * np.pi / 96),
    "noise": np.random.default_rng(3).standard_normal(N),
    "global z": (trailing(PRICE, 8) - np.nanmean(trailing(PRICE, 8))) / np.nanstd(trailing(PRICE, 8)),
    "dead": np.full(N, np.nan),
}
LEAKS = {
    "shift -1": ahead(trailing(PRICE, 1), 1),
    "shift -1 of momentum": ahead(trailing(PRICE, 8), 1),
    "centred window": ahead(PRICE, 4) - PRICE + trailing(PRICE, 4),
    "as-of join forward": np.where(np.arange(N) % 4 == 0, trailing(PRICE, 4), np.nan),
    "label itself": ahead(PRICE, 8) - PRICE,
}
# Each row takes the next row of the coarse series that has a value, instead of the last.
JOINED = LEAKS["as-of join forward"]
LEAKS["as-of join forward"] = JOINED[np.minimum(-(-np.arange(N) // 4) * 4, N - 1)]


def flow(seed: int, edge: float, persistence: float = 0.9) -> tuple[Array, Array]:
    """An autoregressive order flow (N,) that lifts the next bar's return by `edge` deviations, and the log price."""
    rng = np.random.default_rng(seed)
    x = np.empty(N)
    x[0] = rng.standard_normal()
    for i in range(1, N):
        x[i] = persistence * x[i - 1] + np.sqrt(1 - persistence**2) * rng.standard_normal()
    return x, np.cumsum(2e-3 * (edge * np.concatenate([[0.0], x[:-1]]) + rng.standard_normal(N)))
