"""How much each feature has shown, before the trees may lean on it.

Seventy features and two thousand independent labels: some feature always fits the past by luck, a slow one most of
all, for its few swings meet few outcomes. So each feature's split gain is scaled by the evidence that the training
window itself holds for it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huracan_assets.guards.rank_correlation import ranks

Floats = NDArray[np.float64]


def day_t_statistics(features: NDArray[np.float32], labels: Floats, day: NDArray[np.int64]) -> Floats:
    """t-statistic of each feature's rank covariance with each label, a day being one observation, (f, k).

    Overlapping labels and autocorrelated features make the bars of a day tell one story; days are nearly independent.

    Args:
        features: (n, f), NaN where undefined; such rows say nothing about that feature.
        labels: (n, k).
        day: (n,) the day of each row, as consecutive numbers from 0.
    """
    centred = labels - labels.mean(axis=0)
    days = int(day.max()) + 1
    t = np.zeros((features.shape[1], labels.shape[1]))
    for column in range(features.shape[1]):
        rank = _centred_rank(features[:, column])
        for k in range(labels.shape[1]):
            daily = np.bincount(day, weights=rank * centred[:, k], minlength=days)
            spread = daily.std(ddof=1) if days > 1 else 0.0
            t[column, k] = daily.mean() / spread * np.sqrt(days) if spread > 0.0 else 0.0
    return t


def gain_multipliers(t: Floats, prior: float) -> Floats:
    """t^2 / (t^2 + prior), in [0, 1): how much of a split's gain counts, the shrinkage of an estimate with that t."""
    return t**2 / np.where(t == 0.0, 1.0, t**2 + prior)


def _centred_rank(values: NDArray[np.float32]) -> Floats:
    known = np.isfinite(values)
    centred = np.zeros(len(values))
    centred[known] = (ranks(values[known].astype(np.float64)) - 0.5) / max(int(known.sum()), 1) - 0.5
    return centred
