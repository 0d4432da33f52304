"""Do the probabilities mean what they say? Brier score, and calibration errors that know their sample size.

A binned ECE is biased upwards, most for a perfect forecaster: with 200 labels it reads 0.07. So beside it
stands an estimate whose expectation is 0 for a perfect forecaster, at the effective sample size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from huracan_assets.errors import ContractError

Floats = NDArray[np.float64]
Names = NDArray[np.str_]

BINS = 10
LEAST_LABELS = 10.0  # independent labels in a bin, below which the bins become fewer


class CalibrationFigures(BaseModel):
    """How well some probabilities mean what they say."""

    model_config = ConfigDict(frozen=True)
    regimes: tuple[str, ...]  # in which they were said
    n_eff: float
    brier: float
    base_rate_brier: float  # of who had known the share of these very outcomes
    ece: float  # debiased


def calibration_figures(p: Floats, y: Floats, uniqueness: Floats, regime: Names) -> CalibrationFigures:
    """The figures of probabilities p (n,) of outcomes y (n,), each outcome worth its uniqueness (n,).

    Raises:
        ContractError: fewer than 2 effective labels, or not one probability and outcome each.
    """
    rate = float(np.average(y, weights=uniqueness))
    return CalibrationFigures(
        regimes=tuple(np.unique(regime).tolist()),
        n_eff=float(uniqueness.sum()),
        brier=brier_score(p, y, uniqueness),
        base_rate_brier=rate * (1.0 - rate),
        ece=debiased_calibration_error(p, y, uniqueness),
    )


def figures_by_regime(
    p: Floats, y: Floats, uniqueness: Floats, regime: Names, least_labels: float
) -> tuple[CalibrationFigures, ...]:
    """The figures regime by regime, the rarest pooled until each group holds `least_labels` effective labels.

    Fewer than 2 labels in all have no figures. Of 300 labels a perfect forecaster shows a debiased error over 0.10 in
    1 case of 100, of 100 labels in 19.
    """
    if float(uniqueness.sum()) < 2.0:
        return ()
    inside = [np.isin(regime, names) for names in pooled_regimes(regime, uniqueness, least_labels)]
    return tuple(calibration_figures(p[rows], y[rows], uniqueness[rows], regime[rows]) for rows in inside)


def pooled_regimes(regime: Names, uniqueness: Floats, least_labels: float) -> list[tuple[str, ...]]:
    """Groups of regimes, from the rarest, each filled until it holds `least_labels`; what is left joins the last."""
    names, place = np.unique(regime, return_inverse=True)
    labels = np.bincount(place, weights=uniqueness)
    groups: list[tuple[str, ...]] = []
    filling: tuple[str, ...] = ()
    held = 0.0
    for rank in np.argsort(labels, kind="stable"):
        filling, held = (*filling, str(names[rank])), held + float(labels[rank])
        if held >= least_labels:
            groups, filling, held = [*groups, filling], (), 0.0
    if filling:
        groups = [*groups[:-1], (*groups[-1], *filling)] if groups else [filling]
    return groups


def brier_score(p: Floats, y: Floats, uniqueness: Floats | None = None) -> float:
    """Mean squared error of probabilities p (n,) against outcomes y (n,) of 0 or 1, weighted by uniqueness (n,)."""
    p, y, weights = _checked(p, y, uniqueness)
    return float(np.average((p - y) ** 2, weights=weights))


def debiased_calibration_error(p: Floats, y: Floats, uniqueness: Floats | None = None, bins: int = BINS) -> float:
    """Root mean squared calibration error, its sampling noise taken off.

    sqrt(max(0, sum_b s_b [(ybar_b - pbar_b)^2 - ybar_b (1 - ybar_b) / (m_b - 1)])), Kumar, Liang & Ma
    (NeurIPS 2019, definition 5.1; the correction is that of Broecker 2012 and Ferro & Fricker 2012), where
    s_b is the bin's share and m_b its effective labels: the sum of their uniqueness. By Jensen it bounds the
    true binned ECE from above, so an ECE bound applied to it is not loosened.

    Args:
        uniqueness: of each label (n,) in (0, 1], which also weighs the means; 1 each where None. Overlapping
            labels counted as independent would take off too little noise.
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
