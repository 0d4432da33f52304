"""Relative strength: the coin against the benchmark, and what the benchmark does first.

Without a benchmark every feature here is null. The benchmark against itself is the neutral case: rs 50, leader 0,
residual_z and catch-up 0, beta 1, correlation 1. There is no feature of the cross-section: a symbol-day would then
depend on which other symbols lie in the lake, and a backfill would not equal the night.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from huracan_assets.features.compression import own_gap, quantile_gap
from huracan_assets.features.declaration import HOUSE, Family
from huracan_assets.features.kernels import Array, held_change, ratio
from huracan_assets.features.moment_kernels import ROUNDING
from huracan_assets.features.momentum import RETURN_LIMIT
from huracan_assets.features.recursions import LAST_PRICE_LIMIT
from huracan_assets.features.rolling import joint, lag, mean, total
from huracan_assets.features.volume import taker_imbalance, volume_score
from huracan_assets.features.window import BPS, Window

FAMILY = Family("relative_strength")
MINUTES = 240
PRICES = ("close", "benchmark.close")
QUIET_Z = 3.0
QUIET_LIMIT = 2.5e4


def neutral_ratio(numerator: Array, denominator: Array) -> Array:
    """`ratio`, and 0 where there is nothing to divide by: what does not vary has left nothing over."""
    return np.where(denominator == 0, 0.0 * numerator, ratio(numerator, denominator))


@FAMILY.feature(unit="0-100", low=0.0, high=100.0, warm_up=241, inputs=PRICES)
def rs(w: Window) -> Array:
    """50 (1 + tanh(z/2)), z of the return over 240 min beyond the benchmark's, in deviations of its own steps."""
    excess = w.returns - w.benchmark_returns
    scale = np.sqrt(mean(excess**2, MINUTES) * MINUTES)
    return 50.0 * (1.0 + np.tanh(0.5 * neutral_ratio(total(excess, MINUTES), scale)))


@FAMILY.feature(
    unit="-1..1", low=-1.0, high=1.0, warm_up=242, inputs=PRICES, source=f"{HOUSE}; lagged correlations of Pearson"
)
def leader(w: Window) -> Array:
    """(corr(r_t-1, b_t) - corr(b_t-1, r_t)) / 2 over 240 min: positive, the coin moves before the benchmark."""
    leads = joint(lag(w.returns, 1), w.benchmark_returns, MINUTES).correlation()
    follows = joint(lag(w.benchmark_returns, 1), w.returns, MINUTES).correlation()
    return 0.5 * (leads - follows)


def slope_on_benchmark(w: Window) -> Array:
    """cov(r, b) / var(b) over 240 minutes."""
    return np.asarray(ratio(w.with_benchmark_240.cov, w.with_benchmark_240.var_y))


@FAMILY.feature(unit="ratio", low=-10.0, high=10.0, warm_up=241, inputs=PRICES, source="Sharpe (1964)")
def beta(w: Window) -> Array:
    """cov(r, b) / var(b) over 240 min, held at +-10."""
    return np.clip(w.once(slope_on_benchmark), -10.0, 10.0)


@FAMILY.feature(unit="-1..1", low=-1.0, high=1.0, warm_up=241, inputs=PRICES, source="Pearson")
def benchmark_correlation(w: Window) -> Array:
    """corr(r, b) over 240 min."""
    return w.with_benchmark_240.correlation()


def residual_deviation(w: Window) -> Array:
    """Of one minute's return beyond beta times the benchmark's: sqrt(var(r) - beta cov(r, b)), 240 minutes."""
    fit = w.with_benchmark_240
    left = fit.var_x - w.once(slope_on_benchmark) * fit.cov
    return np.sqrt(np.where(left > ROUNDING * fit.var_x, left, 0.0))


def residual_score(w: Window, minutes: int) -> Array:
    """The newest minutes' return beyond beta times the benchmark's, in deviations; held at +-10."""
    both = 0.0 * (w.returns + w.benchmark_returns)
    benchmark = total(w.benchmark_returns + both, minutes)
    off = total(w.returns + both, minutes) - w.once(slope_on_benchmark) * benchmark
    return np.clip(neutral_ratio(off, np.sqrt(minutes) * w.once(residual_deviation)), -10.0, 10.0)


@FAMILY.feature(
    unit="z", low=-10.0, high=10.0, warm_up=241, inputs=PRICES, source=f"{HOUSE}; residual of Sharpe's (1964) line"
)
def residual_z(w: Window) -> Array:
    """Sum over 60 min of r - beta b / its deviation, held at +-10; 0 where r is beta b."""
    return residual_score(w, 60)


def catch_up(w: Window, minutes: int) -> Array:
    """What the coin still owes the benchmark."""
    return -residual_score(w, minutes)


for _minutes in (5, 15):
    FAMILY.feature(
        name=f"catch_up_{_minutes}",
        formula=f"sum over {_minutes} min of beta b - r / its deviation, held at +-10: what the benchmark has led by",
        unit="z",
        low=-10.0,
        high=10.0,
        warm_up=241,
        inputs=PRICES,
        source=f"{HOUSE}; lead and lag of Lo & MacKinlay (1990)",
    )(partial(catch_up, minutes=_minutes))


def benchmark_return(w: Window, minutes: int) -> Array:
    """The benchmark's log return in bps."""
    return np.asarray(held_change(w.benchmark_log_close, w.benchmark_log_close, minutes, BPS, RETURN_LIMIT))


for _minutes in (1, 5, 15, 60):
    FAMILY.feature(
        name=f"benchmark_ret_{_minutes}",
        formula=f"the benchmark's ln(last close known / that of {_minutes} min ago), held at +-5e4",
        unit="bps",
        low=-RETURN_LIMIT,
        high=RETURN_LIMIT,
        warm_up=_minutes + LAST_PRICE_LIMIT,
        inputs=("benchmark.close",),
        source="log return",
    )(partial(benchmark_return, minutes=_minutes))


def benchmark_imbalance(w: Window, minutes: int) -> Array:
    """The benchmark's taker imbalance."""
    return w.undefined() if w.benchmark is None else taker_imbalance(replace(w, grid=w.benchmark), minutes)


for _minutes in (15, 60):
    FAMILY.feature(
        name=f"benchmark_imbalance_{_minutes}",
        formula=f"the benchmark's sum(2 taker_buy - volume) / sum volume over {_minutes} min; null without volume",
        unit="-1..1",
        low=-1.0,
        high=1.0,
        warm_up=_minutes,
        inputs=("benchmark.volume", "benchmark.taker_buy_volume"),
        source="order imbalance, Chordia, Roll & Subrahmanyam (2002)",
    )(partial(benchmark_imbalance, minutes=_minutes))


@FAMILY.feature(
    unit="bps",
    low=-QUIET_LIMIT,
    high=QUIET_LIMIT,
    warm_up=1455,
    inputs=(*PRICES, "volume"),
    source="reversals after low volume: Campbell, Grossman & Wang (1993)",
)
def quiet_gap(w: Window) -> Array:
    """(upper_gap + the benchmark's) / 2 x exp(-volume_z / 2), volume_z within +-3: what little volume made; +-2.5e4."""
    if w.benchmark is None:
        return w.undefined()
    gap = 0.5 * (w.once(own_gap) + quantile_gap(np.log(w.benchmark.close), w.first_row))
    weight = np.exp(-0.5 * np.clip(w.once(volume_score), -QUIET_Z, QUIET_Z))
    return np.clip(gap * weight, -QUIET_LIMIT, QUIET_LIMIT)


FEATURES = tuple(FAMILY.features)
