"""Sharpe ratios that know how little they prove, and the plain figures of risk.

Sharpe ratios are per period unless their name says annual. Kurtosis is raw (3 for a normal law): feeding an
excess kurtosis into these formulas makes every probability too good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huracan_assets.errors import ContractError

Floats = NDArray[np.float64]

DAYS_PER_YEAR = 365
EULER_GAMMA = float(np.euler_gamma)


@dataclass(frozen=True)
class Moments:
    """What the Sharpe statistics need of a return series; moments are the population's (divided by T)."""

    periods: int
    sharpe: float  # per period, standard deviation with T - 1
    skew: float
    kurtosis: float  # raw

    @property
    def variance_factor(self) -> float:
        """1 - skew SR + (kurtosis - 1)/4 SR^2: T times the variance of the estimated Sharpe (Mertens
        2002).
        """
        return 1.0 - self.skew * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe**2


def moments(returns: Floats) -> Moments:
    """Moments of a series (T,). A series without variance proves nothing: Sharpe 0, normal moments.

    Raises:
        ContractError: fewer than two returns, or one that is not finite.
    """
    returns = np.asarray(returns, np.float64)
    if len(returns) < 2 or not np.isfinite(returns).all():
        raise ContractError(f"a Sharpe ratio needs two or more finite returns, not these {len(returns)}")
    mean = returns.mean()
    centred = returns - mean
    spread = float(np.sqrt((centred**2).mean()))
    if spread <= 1e-12 * float(np.abs(returns).max()):
        return Moments(len(returns), 0.0, 0.0, 3.0)
    scaled = centred / spread
    return Moments(
        periods=len(returns),
        sharpe=float(mean / returns.std(ddof=1)),
        skew=float((scaled**3).mean()),
        kurtosis=float((scaled**4).mean()),
    )


def sharpe_ratio(returns: Floats) -> float:
    """Mean over standard deviation, per period; 0 for a series without variance."""
    return moments(returns).sharpe


def annual_sharpe(returns: Floats) -> float:
    """Sharpe ratio of daily returns, times sqrt(365)."""
    return annualised(sharpe_ratio(returns))


def annualised(daily_sharpe: float) -> float:
    """A Sharpe ratio per day as one per year of 365 days."""
    return daily_sharpe * float(np.sqrt(DAYS_PER_YEAR))


def annual_volatility(returns: Floats) -> float:
    """Standard deviation of daily returns, times sqrt(365)."""
    return float(np.std(returns, ddof=1) * np.sqrt(DAYS_PER_YEAR))


def probabilistic_sharpe(of: Moments, benchmark: float = 0.0) -> float:
    """P(true Sharpe > benchmark), both per period.

    PSR = Phi[(SR - SR*) sqrt(T - 1) / sqrt(1 - skew SR + (kurtosis - 1)/4 SR^2)] (Bailey & Lopez de Prado
    2012).
    """
    from scipy.stats import norm

    # Two-point laws can make the factor 0, or a rounding error below it.
    scale = float(np.sqrt(max(of.variance_factor, 1e-12)))
    return float(norm.cdf((of.sharpe - benchmark) * np.sqrt(of.periods - 1) / scale))


def expected_max_sharpe(trials: int, variance: float) -> float:
    """Expected best per-period Sharpe of `trials` independent trials without skill (Bailey & Lopez de Prado
    2014).

    sqrt(V) [(1 - g) Z(1 - 1/N) + g Z(1 - 1/(N e))], g Euler's constant; 0 for a single trial: nothing was
    selected.

    Args:
        variance: of the trials' per-period Sharpe ratios.
    """
    from scipy.stats import norm

    if trials < 2:
        return 0.0
    best = (1 - EULER_GAMMA) * norm.ppf(1 - 1 / trials) + EULER_GAMMA * norm.ppf(1 - 1 / (trials * np.e))
    return float(np.sqrt(variance) * best)


def deflated_sharpe(of: Moments, trials: int, trial_sharpes: Sequence[float] = ()) -> float:
    """PSR against the best Sharpe that `trials` attempts without skill would have shown.

    Args:
        trials: all attempts ever made, failed and killed ones included; at least 1.
        trial_sharpes: per-period Sharpe ratios of the attempts that left one. The V of the formula is their sample
            variance, and at least 1/(T - 1), the variance of a Sharpe ratio without skill: nights that share most of
            their days resemble each other, and their small variance would deflate nothing.

    Raises:
        ContractError: fewer trials than trial Sharpe ratios, or none.
    """
    if trials < max(1, len(trial_sharpes)):
        raise ContractError(f"{trials} trials cannot have left {len(trial_sharpes)} Sharpe ratios: count them all")
    known = float(np.var(np.asarray(trial_sharpes), ddof=1)) if len(trial_sharpes) >= 2 else 0.0
    variance = max(known, 1.0 / (of.periods - 1))
    return probabilistic_sharpe(of, expected_max_sharpe(trials, variance))


def min_track_record_length(of: Moments, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """Periods after which this Sharpe would prove to lie above the benchmark; infinite where it does not lie
    above.
    """
    from scipy.stats import norm

    if of.sharpe <= benchmark:
        return float("inf")
    return float(1.0 + of.variance_factor * (norm.ppf(confidence) / (of.sharpe - benchmark)) ** 2)


def max_drawdown(returns: Floats) -> float:
    """Largest fall of the summed returns below their peak, a positive fraction of the position.

    Sums, not products: every trade risks the same position, nothing is reinvested. The start counts as a
    peak.
    """
    equity = np.concatenate([[0.0], np.cumsum(returns)])
    return float((np.maximum.accumulate(equity) - equity).max())


def profit_factor(pnl: Floats) -> float:
    """Sum of gains over sum of losses; infinite without a loss, 0 without a trade."""
    pnl = np.asarray(pnl, np.float64)
    gains, losses = float(pnl[pnl > 0].sum()), float(-pnl[pnl < 0].sum())
    if losses == 0:
        return float("inf") if gains > 0 else 0.0
    return gains / losses


def longest_losing_run(pnl: Floats) -> int:
    """Most trades in a row that did not gain."""
    longest = current = 0
    for lost in (np.asarray(pnl) <= 0).tolist():
        current = current + 1 if lost else 0
        longest = max(longest, current)
    return longest


def losing_run_bound(win_rate: float, trades: int, confidence: float = 0.95) -> int:
    """The losing run that `trades` independent trades stay within with probability `confidence` or more."""
    for length in range(trades + 1):
        if no_run_probability(1.0 - win_rate, trades, length + 1) >= confidence:
            return length
    return trades


def no_run_probability(loss_rate: float, trades: int, length: int) -> float:
    """P(no `length` losses in a row among `trades` independent ones), exactly.

    f(n) = f(n-1) - p q^k f(n-k-1) for n > k, f(k) = 1 - q^k, f(n) = 1 below (Feller I, XIII.7): the first run
    of k ends at trade n only after a gain at n - k and no run before it.
    """
    if trades < length:
        return 1.0
    full = loss_rate**length
    none = [1.0] * length + [1.0 - full]
    for n in range(length + 1, trades + 1):
        none.append(none[n - 1] - (1.0 - loss_rate) * full * none[n - length - 1])
    return none[trades]
