"""Two models a symbol, long and short: the probability that a trade opened now pays, net of everything.

Each is a booster and a linear model that learn from the same rows. They only rank; `learning/calibration.py` turns
their out-of-fold output into probabilities one may size on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.learning.feature_evidence import day_t_statistics, gain_multipliers
from huracan_assets.learning.linear_model import fit_linear
from huracan_assets.learning.side_model import SideModel, SidePair, predict
from huracan_assets.learning.training_set import TrainingSet
from huracan_assets.learning.walk_forward import Fold
from huracan_assets.settings import LightGBMSettings

Floats = NDArray[np.float64]
DAY = np.timedelta64(1, "D")
SEEDS = ("seed", "bagging_seed", "feature_fraction_seed", "data_random_seed", "extra_seed", "drop_seed")


@dataclass(frozen=True)
class WalkForwardModels:
    """What a walk-forward leaves behind; a pair is long, short."""

    per_fold: tuple[SidePair, ...]
    final: SidePair
    raw: Floats  # (n, 2) out-of-fold probabilities, NaN on rows that no fold tests
    importance: Floats  # (f,) share of the final models' weight, sides, trees and lines alike; all 0 if none found any


def lightgbm_parameters(settings: LightGBMSettings, seed: int) -> dict[str, Any]:
    """LightGBM's parameters: the settings, and what makes two runs give the same bits.

    `seed` alone is not enough for that: without `deterministic` and a fixed histogram layout
    (`force_row_wise`) LightGBM times both layouts and takes the quicker one.
    """
    return {
        "objective": "binary",
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.num_leaves,
        "min_data_in_leaf": settings.min_data_in_leaf,
        "feature_fraction": settings.feature_fraction,
        "bagging_fraction": settings.bagging_fraction,
        "bagging_freq": 1,
        "lambda_l2": settings.lambda_l2,
        "max_bin": settings.max_bin,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
        **dict.fromkeys(SEEDS, seed),
    }


def sample_weights(ts: TrainingSet, rows: NDArray[np.int64], half_life_days: float) -> Floats:
    """Uniqueness x recency of the rows, scaled to mean 1, so the settings keep their meaning per row.

    Recency halves every `half_life_days` before the newest of the rows. Returns do not enter: weighting by
    |net| would teach the odds of money, not of trades, and no calibrator could read them as a win rate.
    """
    age = (ts.as_of[rows].max() - ts.as_of[rows]) / DAY
    weights = ts.uniqueness[rows] * np.exp2(-age / half_life_days)
    return np.asarray(weights / weights.mean())


def train_walk_forward(
    ts: TrainingSet,
    folds: Sequence[Fold],
    settings: LightGBMSettings,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> WalkForwardModels:
    """Fit both sides on every fold's training rows, predict its test rows; then fit on all rows.

    Bin edges, means and deviations are learned on the training rows of each fit alone: taken from all rows they
    would show the model the range of the test segment. Binning each fold anew is a seventh of a walk-forward's time.

    Args:
        progress: called with (fits done, fits in all) after each pair of fits.

    Raises:
        ContractError: there is no feature, or a feature is infinite.
    """
    if not ts.names or np.isinf(ts.features).any():
        raise ContractError("the training set has no feature, or an infinite one: rebuild the feature version")
    raw = np.full((len(ts), 2), np.nan)
    per_fold: list[SidePair] = []
    for done, fold in enumerate(folds):
        pair = fit_pair(ts, fold.train, settings, seed)
        raw[fold.test] = predict(pair, ts.features[fold.test])
        per_fold.append(pair)
        if progress is not None:
            progress(2 * (done + 1), 2 * (len(folds) + 1))
    final = fit_pair(ts, np.flatnonzero(ts.teachable), settings, seed)
    if progress is not None:
        progress(2 * (len(folds) + 1), 2 * (len(folds) + 1))
    return WalkForwardModels(tuple(per_fold), final, raw, _importance(final))


def fit_pair(ts: TrainingSet, rows: NDArray[np.int64], settings: LightGBMSettings, seed: int) -> SidePair:
    """Both sides' models on some rows and nothing else; each has its own evidence for the features."""
    won = ts.won[rows].astype(np.float64)
    weights = sample_weights(ts, rows, settings.recency_half_life_days)
    pooled = float(np.average(won, axis=0, weights=weights).mean())
    long, short = (_fit(ts, rows, won[:, side], pooled, settings, seed) for side in range(2))
    return long, short


def balanced(weights: Floats, label: Floats, rate: float) -> Floats:
    """`weights` with winners and losers rescaled so that their weighted win rate is `rate`; their sum stays.

    A side's win rate over the window is the window's trend, and a past trend is no knowledge of the next day: both
    sides start from their common rate. A label that never varies is left alone.
    """
    won = float(weights @ label / weights.sum())
    if not 0.0 < won < 1.0:
        return weights
    return weights * np.where(label > 0.0, rate / won, (1.0 - rate) / (1.0 - won))


def _fit(
    ts: TrainingSet,
    rows: NDArray[np.int64],
    label: Floats,
    pooled: float,
    settings: LightGBMSettings,
    seed: int,
) -> SideModel:
    features = ts.features[rows]
    _, day = np.unique((ts.as_of[rows] - np.timedelta64(1, "us")).astype("datetime64[D]"), return_inverse=True)
    evidence = gain_multipliers(day_t_statistics(features, label, day), settings.evidence_prior)
    weights = balanced(sample_weights(ts, rows, settings.recency_half_life_days), label, pooled)
    booster = _boost(features, label, weights, evidence, ts.names, settings, seed)
    independent = weights * ts.uniqueness[rows].mean()
    linear = fit_linear(features, label, independent, evidence, settings.linear_penalty)
    return SideModel(booster=booster, linear=linear)


def _boost(
    features: NDArray[np.float32],
    label: Floats,
    weights: Floats,
    evidence: Floats,
    names: Sequence[str],
    settings: LightGBMSettings,
    seed: int,
) -> str:
    import lightgbm

    parameters = lightgbm_parameters(settings, seed) | {"feature_contri": evidence.tolist()}
    data = lightgbm.Dataset(features, label=label, weight=weights, feature_name=list(names), params=parameters)
    return str(lightgbm.train(parameters, data, num_boost_round=settings.rounds).model_to_string())


def _importance(pair: SidePair) -> Floats:
    """The mean share of each feature: of the trees' gain, and of the variance of the line's score."""
    from lightgbm import Booster

    weights = []
    for side in pair:
        weights.append(np.asarray(Booster(model_str=side.booster).feature_importance("gain"), np.float64))
        weights.append(np.asarray(side.linear.share))
    total = sum((weight / weight.sum() for weight in weights if weight.sum() > 0), np.zeros(len(weights[0])))
    return total / total.sum() if total.sum() > 0 else total
