"""Two boosters a symbol, long and short: the probability that a trade opened now pays, net of everything.

They only rank; `learning/calibration.py` turns their out-of-fold output into probabilities one may size on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.learning.feature_evidence import day_t_statistics, gain_multipliers
from huracan_assets.learning.training_set import TrainingSet
from huracan_assets.learning.walk_forward import Fold
from huracan_assets.settings import LightGBMSettings

if TYPE_CHECKING:
    from lightgbm import Booster

Floats = NDArray[np.float64]
Texts = tuple[str, str]

DAY = np.timedelta64(1, "D")
SEEDS = ("seed", "bagging_seed", "feature_fraction_seed", "data_random_seed", "extra_seed", "drop_seed")


@dataclass(frozen=True)
class WalkForwardModels:
    """What a walk-forward leaves behind; a pair is long, short."""

    fold_texts: tuple[Texts, ...]
    final_texts: Texts
    raw: Floats  # (n, 2) out-of-fold probabilities, NaN on rows that no fold tests
    importance: Floats  # (f,) share of the final models' gain, both sides alike; all 0 if no tree found a split


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

    Bin edges are learned on the training rows of each fit alone: edges taken from all rows would show
    the model the range of the test segment. Binning each fold anew is a seventh of a walk-forward's time.

    Args:
        progress: called with (fits done, fits in all) after each pair of fits.

    Raises:
        ContractError: there is no feature, or a feature is infinite.
    """
    if not ts.names or np.isinf(ts.features).any():
        raise ContractError("the training set has no feature, or an infinite one: rebuild the feature version")
    raw = np.full((len(ts), 2), np.nan)
    texts: list[Texts] = []
    for done, fold in enumerate(folds):
        boosters = _fit_pair(ts, fold.train, settings, seed)
        for side, booster in enumerate(boosters):
            raw[fold.test, side] = booster.predict(ts.features[fold.test], num_threads=1)
        texts.append(_texts(boosters))
        if progress is not None:
            progress(2 * (done + 1), 2 * (len(folds) + 1))
    final = _fit_pair(ts, np.arange(len(ts)), settings, seed)
    if progress is not None:
        progress(2 * (len(folds) + 1), 2 * (len(folds) + 1))
    return WalkForwardModels(tuple(texts), _texts(final), raw, _gain_shares(final))


def predict(model_texts: Texts, features: NDArray[np.float32]) -> Floats:
    """Raw probabilities of long and short (m, 2) for features (m, f) in the training set's column order."""
    from lightgbm import Booster

    columns = [Booster(model_str=text).predict(features, num_threads=1) for text in model_texts]
    return np.column_stack([np.asarray(column, np.float64) for column in columns])


def _fit_pair(
    ts: TrainingSet, rows: NDArray[np.int64], settings: LightGBMSettings, seed: int
) -> tuple[Booster, Booster]:
    """Each side has its own evidence for the features, so its own data set."""
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
) -> Booster:
    import lightgbm

    features = ts.features[rows]
    _, day = np.unique((ts.as_of[rows] - np.timedelta64(1, "us")).astype("datetime64[D]"), return_inverse=True)
    evidence = gain_multipliers(day_t_statistics(features, label, day), settings.evidence_prior)
    parameters = lightgbm_parameters(settings, seed) | {"feature_contri": evidence.tolist()}
    data = lightgbm.Dataset(
        features,
        label=label,
        weight=balanced(sample_weights(ts, rows, settings.recency_half_life_days), label, pooled),
        feature_name=list(ts.names),
        params=parameters,
    )
    return lightgbm.train(parameters, data, num_boost_round=settings.rounds)


def _texts(boosters: tuple[Booster, Booster]) -> Texts:
    long, short = boosters
    return long.model_to_string(), short.model_to_string()


def _gain_shares(boosters: tuple[Booster, Booster]) -> Floats:
    gains = [np.asarray(booster.feature_importance("gain"), np.float64) for booster in boosters]
    shares = [gain / gain.sum() if gain.sum() > 0 else gain for gain in gains]
    total = shares[0] + shares[1]
    return total / total.sum() if total.sum() > 0 else total
