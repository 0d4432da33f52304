"""Stationary block bootstrap (Politis & Romano 1994): what else these days might have looked like.

Blocks of geometric length, in expectation `block` days, keep the dependence within a block; the caller gives
the generator, so a report repeats to the bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huracan_assets.errors import ContractError

Floats = NDArray[np.float64]


def stationary_indices(n: int, block: float, paths: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Row indices (paths, n) of resampled series: each step goes on to the next row or, with chance 1/block,
    restarts.

    Raises:
        ContractError: fewer than two rows, or a block shorter than one row.
    """
    if n < 2 or block < 1:
        raise ContractError(f"a bootstrap of {n} rows in blocks of {block} is none: give more days or longer blocks")
    starts = rng.integers(0, n, size=(paths, n))
    restart = rng.random((paths, n)) < 1.0 / block
    steps = np.arange(n)
    since = np.maximum.accumulate(np.where(restart, steps, 0), axis=1)
    return np.asarray((np.take_along_axis(starts, since, axis=1) + steps - since) % n)


def drawdown_quantile(
    returns: Floats, block: float, paths: int, rng: np.random.Generator, quantile: float = 0.95
) -> float:
    """Quantile over the paths of the largest fall of the summed returns below their peak, a positive
    fraction.
    """
    sampled = np.asarray(returns, np.float64)[stationary_indices(len(returns), block, paths, rng)]
    equity = np.cumsum(sampled, axis=1)
    peak = np.maximum(np.maximum.accumulate(equity, axis=1), 0.0)
    return float(np.quantile((peak - equity).max(axis=1), quantile))


def sharpe_interval(
    returns: Floats, block: float, paths: int, rng: np.random.Generator, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of the per-period Sharpe ratio; a path without variance counts as 0."""
    sampled = np.asarray(returns, np.float64)[stationary_indices(len(returns), block, paths, rng)]
    spread = sampled.std(axis=1, ddof=1)
    safe = np.where(spread > 0, spread, 1.0)
    sharpes = np.where(spread > 0, sampled.mean(axis=1) / safe, 0.0)
    low, high = np.quantile(sharpes, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def challenger_p_value(
    challenger: Floats, champion: Floats, block: float, paths: int, rng: np.random.Generator
) -> float:
    """p-value of "the challenger's mean daily return is not above the champion's", over the same days.

    The daily differences are resampled about their own mean (the null), in blocks; p = (1 + #{null >= mean})
    / (paths + 1). Resampling about the sample's own mean loses the share (2 block - 1)/n of the variance of
    independent days, which is given back; a nominal 5 % still errs in 6 to 8 % of 60 to 120 days whose
    dependence is shorter than a block. A challenger that is the champion's twin gets 1.

    Raises:
        ContractError: the series are not of one length, or not longer than two blocks.
    """
    n = len(challenger)
    if n != len(champion):
        raise ContractError("champion and challenger must be compared over the same days: align their returns")
    if n <= 2 * block:
        raise ContractError(f"{n} days are too few to compare in blocks of {block}: wait for more common days")
    gain = np.asarray(challenger, np.float64) - np.asarray(champion, np.float64)
    mean = gain.mean()
    null = gain[stationary_indices(n, block, paths, rng)].mean(axis=1) - mean
    null /= np.sqrt(1.0 - (2.0 * block - 1.0) / n)
    return float((1 + (null >= mean).sum()) / (paths + 1))
