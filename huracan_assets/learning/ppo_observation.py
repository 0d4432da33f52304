"""Running statistics of the observed features: taken in when a stage begins, frozen while the agent is judged.

Welford's algorithm in the pairwise form of Chan, Golub and LeVeque (1979), one count per feature since
features are undefined on different bars. A feature that is not finite is left out of the statistics and
becomes 0 after standardisation, its running mean; no mask column is added, so "undefined" and "average" look
alike to the network. What is shown of a standardised feature is its weight (`ppo_evidence.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

EPSILON = 1e-8
CLIP = 5.0  # standard deviations; heavy tails would own the first layer


@dataclass
class ObservationStatistics:
    """`mean`, `m2` (sum of squared deviations) and `count` of what was seen, `weight` in [0, 1]; each (f,) float64."""

    mean: Floats
    m2: Floats
    count: Floats
    weight: Floats

    @classmethod
    def empty(cls, features: int) -> ObservationStatistics:
        """Nothing seen: mean 0, variance 1, weight 1."""
        return cls(np.zeros(features), np.zeros(features), np.zeros(features), np.ones(features))

    def variance(self) -> Floats:
        """(f,) population variance; 1 for a feature that was never seen."""
        return np.where(self.count > 0, self.m2 / np.maximum(self.count, 1), 1.0)

    def update(self, rows: Singles) -> None:
        """Take in `rows` (n, f)."""
        finite = np.isfinite(rows)
        count = finite.sum(axis=0, dtype=np.float64)
        values = np.where(finite, rows, 0).astype(np.float64)
        mean = values.sum(axis=0) / np.maximum(count, 1)
        m2 = (np.where(finite, values - mean, 0) ** 2).sum(axis=0)
        total = np.maximum(self.count + count, 1)
        delta = np.where(count > 0, mean - self.mean, 0)
        self.m2 = self.m2 + m2 + delta**2 * self.count * count / total
        self.mean = self.mean + delta * count / total
        self.count = self.count + count

    def standardise(self, rows: Singles) -> Singles:
        """`rows` (..., f) in standard deviations, within +-CLIP, times their weight; float32, 0 where not finite."""
        scale = 1 / np.sqrt(self.variance() + EPSILON)
        with np.errstate(invalid="ignore", over="ignore"):
            scaled = (rows - self.mean.astype(np.float32)) * scale.astype(np.float32)
        scaled = np.where(np.isfinite(rows), scaled, np.float32(0))
        return np.clip(scaled, -CLIP, CLIP, out=scaled) * self.weight.astype(np.float32)
