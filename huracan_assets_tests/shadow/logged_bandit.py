"""Logged decisions whose truth is known: what the log shows is noise around it, in days that hang together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from huracan_assets.shadow.off_policy import LoggedDecisions

PER_DAY = 24


@dataclass(frozen=True)
class Bandit:
    """A log, another policy, and what a decision of that policy is worth in the long run."""

    log: LoggedDecisions
    target: np.ndarray
    truth: float

    @classmethod
    def draw(cls, rng: np.random.Generator, days: int = 60, *, explores: bool = True) -> Bandit:
        """`days` days of decisions.

        A signal x foretells the long side's reward as 4 tanh(2x), which is no line, less a cost of 1; the short side's
        is the mirror image. A shock of the day, which lingers, hits long and short alike. The log goes long more often
        the higher x is; the target goes long where x > 0.3 and short where x < -0.3. A log that does not explore does
        the opposite of the target.
        """
        n = days * PER_DAY
        x = rng.standard_normal(n)
        day = np.repeat(np.arange(days), PER_DAY)
        shock = rng.standard_normal(days)
        for d in range(1, days):
            shock[d] += 0.4 * shock[d - 1]
        target = np.stack([x > 0.3, x < -0.3], axis=1).astype(np.float64)
        if explores:
            lean = 1.0 / (1.0 + np.exp(-0.8 * x))
            propensity = np.stack([0.1 + 0.5 * lean, 0.1 + 0.5 * (1.0 - lean)], axis=1)
        else:
            propensity = target[:, ::-1].copy()
        draw = rng.random(n)
        action = np.where(draw < propensity[:, 0], 1, np.where(draw < propensity.sum(axis=1), -1, 0))
        edge = 4.0 * np.tanh(2.0 * x)
        reward = np.where(action != 0, action * edge - 1.0 + shock[day] + 6.0 * rng.standard_t(4, n), 0.0)
        log = LoggedDecisions(action, propensity, reward, np.stack([x, rng.standard_normal(n)], axis=1), day)
        return cls(log, target, _truth())


@cache
def _truth() -> float:
    """E[(4 tanh(2|x|) - 1) 1{|x| > 0.3}] for a normal x, by quadrature."""
    x = np.linspace(0.3, 10.0, 400_001)
    density = 2.0 * np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi)
    return float(np.trapezoid((4.0 * np.tanh(2.0 * x) - 1.0) * density, x))
