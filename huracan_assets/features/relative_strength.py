"""Relative strength: the coin against the benchmark.

Without a benchmark every feature here is null. The benchmark against itself is the neutral case: rs 50,
leader 0, residual_z 0, beta 1, correlation 1.
"""

from __future__ import annotations

import numpy as np

from huracan_assets.features.declaration import Feature
from huracan_assets.features.kernels import Array
from huracan_assets.features.momentum import RETURN_LIMIT
from huracan_assets.features.rolling import lag, mean, pairs, ratio, total
from huracan_assets.features.window import BPS, LAST_PRICE_LIMIT, Window

MINUTES = 240
PRICES = ("close", "benchmark.close")


def neutral_ratio(numerator: Array, denominator: Array) -> Array:
    """`ratio`, and 0 where there is nothing to divide."""
    return np.where(numerator == 0, 0.0, ratio(numerator, denominator))


def rs(w: Window) -> Array:
    """0-100: 50 (1 + tanh(z/2)), z the excess return over 240 minutes in deviations of its own steps."""
    excess = w.returns - w.benchmark_returns
    scale = np.sqrt(mean(excess**2, MINUTES) * MINUTES)
    return 50.0 * (1.0 + np.tanh(neutral_ratio(total(excess, MINUTES), scale) / 2.0))


def leader(w: Window) -> Array:
    """-1..1: (corr(r_t-1, b_t) - corr(b_t-1, r_t)) / 2 over 240 minutes; positive: the coin moves first."""
    own, other = w.returns, w.benchmark_returns
    leads = pairs(lag(own, 1), other, MINUTES).correlation()
    follows = pairs(lag(other, 1), own, MINUTES).correlation()
    return 0.5 * (leads - follows)


def beta(w: Window) -> Array:
    """cov(r, benchmark r) / var(benchmark r) over 240 minutes, held at 10."""
    table = pairs(w.returns, w.benchmark_returns, MINUTES)
    return np.clip(ratio(table.cov, table.var_y), -10.0, 10.0)


def residual_z(w: Window) -> Array:
    """The hour's return beyond beta times the benchmark's, in deviations of the residual; held at 10.

    The residual variance of the 240 minutes that fit beta is var(r) - beta cov(r, benchmark r).
    """
    table = pairs(w.returns, w.benchmark_returns, MINUTES)
    slope = ratio(table.cov, table.var_y)
    both = ~np.isnan(w.returns + w.benchmark_returns)
    own = total(np.where(both, w.returns, np.nan), 60)
    other = total(np.where(both, w.benchmark_returns, np.nan), 60)
    variance = np.maximum(table.var_x - slope * table.cov, 0.0)
    return np.clip(neutral_ratio(own - slope * other, np.sqrt(60.0 * variance)), -10.0, 10.0)


def benchmark_return(w: Window, minutes: int) -> Array:
    """The benchmark's log return in bps, held at +-5e4."""
    log_close = w.benchmark_log_close
    return np.clip(BPS * (log_close - lag(log_close, minutes)), -RETURN_LIMIT, RETURN_LIMIT)


def _benchmark_return(minutes: int) -> Feature:
    return Feature(
        name=f"benchmark_ret_{minutes}",
        family="relative_strength",
        formula=f"the benchmark's ln(close / close {minutes} min ago), held at +-{RETURN_LIMIT:g}",
        unit="bps",
        low=-RETURN_LIMIT,
        high=RETURN_LIMIT,
        warm_up_minutes=minutes + LAST_PRICE_LIMIT,
        inputs=("benchmark.close",),
        compute=lambda w: benchmark_return(w, minutes),
    )


FEATURES = (
    Feature(
        "rs",
        "relative_strength",
        "50 (1 + tanh(z/2)), z of the excess return over the benchmark, 240 min",
        "0-100",
        0.0,
        100.0,
        241,
        PRICES,
        rs,
    ),
    Feature(
        "leader",
        "relative_strength",
        "(corr(r_t-1, b_t) - corr(b_t-1, r_t)) / 2 over 240 min",
        "-1..1",
        -1.0,
        1.0,
        242,
        PRICES,
        leader,
    ),
    Feature(
        "beta",
        "relative_strength",
        "cov(r, b) / var(b) over 240 min, held at +-10",
        "ratio",
        -10.0,
        10.0,
        241,
        PRICES,
        beta,
    ),
    Feature(
        "benchmark_correlation",
        "relative_strength",
        "corr(r, b) over 240 min",
        "-1..1",
        -1.0,
        1.0,
        241,
        PRICES,
        lambda w: pairs(w.returns, w.benchmark_returns, MINUTES).correlation(),
    ),
    Feature(
        "residual_z",
        "relative_strength",
        "sum over 60 min of r - beta b, over its deviation, held at +-10",
        "z",
        -10.0,
        10.0,
        241,
        PRICES,
        residual_z,
    ),
    _benchmark_return(15),
    _benchmark_return(60),
)
