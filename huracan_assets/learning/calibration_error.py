"""Do the probabilities mean what they say? Brier score, and calibration errors that know their sample size.

A binned ECE is biased upwards, most for a perfect forecaster: with 200 labels it reads 0.07. So beside it
stands an estimate whose expectation is 0 for a perfect forecaster, at the effective sample size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huracan_assets.errors import ContractError

Floats = NDArray[np.float64]

BINS = 10
LEAST_LABELS = 10.0  # independent labels in a bin, below which the bins become fewer


def brier_score(p: Floats, y: Floats) -> float:
    """Mean squared error of probabilities p (n,) against outcomes y (n,) of 0 or 1."""
    p, y, _ = _checked(p, y, None)
    return float(((p - y) ** 2).mean())


def expected_calibration_error(p: Floats, y: Floats, bins: int = BINS) -> float:
    """ECE: sum_b n_b/n |mean y - mean p| over bins of equal mass by rank of p; y is the predicted event
    itself.
    """
    p, y, weights = _checked(p, y, None)
    share, gap, _, _ = _binned(p, y, weights, bins)
    return float((share * np.abs(gap)).sum())


def debiased_calibration_error(p: Floats, y: Floats, uniqueness: Floats | None = None, bins: int = BINS) -> float:
    """Root mean squared calibration error, its sampling noise taken off.

    sqrt(max(0, sum_b s_b [(ybar_b - pbar_b)^2 - ybar_b (1 - ybar_b) / (m_b - 1)])), Kumar, Liang & Ma
    (NeurIPS 2019, definition 5.1; the correction is that of Broecker 2012 and Ferro & Fricker 2012), where
    s_b is the bin's share and m_b its effective labels: the sum of their uniqueness. By Jensen it bounds the
    true binned ECE from above, so an ECE bound applied to it is not loosened.

    Args:
        uniqueness: of each label (n,) in (0, 1], which also weighs the means; 1 each where None. Overlapping
            labels
            counted as independent would take off too little noise.
        bins: equal-mass bins at most; fewer where one would hold less than 10 effective labels.

    Raises:
        ContractError: fewer than 2 effective labels, or not one probability and outcome each.
    """
    p, y, weights = _checked(p, y, uniqueness)
    effective = float(weights.sum())
    if effective < 2:
        raise ContractError(f"{effective:.1f} effective labels say nothing about calibration: judge more trades")
    share, gap, rate, labels = _binned(p, y, weights, int(np.clip(effective / LEAST_LABELS, 1, bins)))
    noise = rate * (1 - rate) / np.maximum(labels - 1.0, 1.0)
    return float(np.sqrt(max(0.0, float((share * (gap**2 - noise)).sum()))))


def _binned(p: Floats, y: Floats, weights: Floats, bins: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Per bin of equal weight: share, mean y - mean p, mean y, weight. Equal forecasts never part."""
    inverse = np.unique(p, return_inverse=True)[1]
    mass = np.bincount(inverse, weights=weights)
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    bin_of = np.minimum((middle * bins).astype(np.int64), bins - 1)[inverse]
    labels = np.bincount(bin_of, weights=weights, minlength=bins)
    filled = labels > 0
    labels = labels[filled]
    rate = np.bincount(bin_of, weights=weights * y, minlength=bins)[filled] / labels
    forecast = np.bincount(bin_of, weights=weights * p, minlength=bins)[filled] / labels
    return labels / labels.sum(), rate - forecast, rate, np.asarray(labels, np.float64)


def _checked(p: Floats, y: Floats, weights: Floats | None) -> tuple[Floats, Floats, Floats]:
    p, y = np.asarray(p, np.float64), np.asarray(y, np.float64)
    weights = np.ones(len(p)) if weights is None else np.asarray(weights, np.float64)
    sound = len(p) > 0 and p.shape == y.shape == weights.shape and ((p >= 0) & (p <= 1)).all()
    if not (sound and ((y == 0) | (y == 1)).all() and (weights > 0).all()):
        raise ContractError("calibration needs probabilities in [0, 1], outcomes 0 or 1 and positive weights, paired")
    return p, y, weights
