"""Two models a symbol, long and short: the probability that a trade opened now pays, net of everything.

Each is a booster and a linear model that learn from the same rows. They only rank; `learning/calibration.py` turns
their out-of-fold output into probabilities one may size on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.learning.binned_rows import BinnedRows
from huracan_assets.learning.early_stopping import best_round, split_newest
from huracan_assets.learning.feature_evidence import day_t_statistics, gain_multipliers
from huracan_assets.learning.linear_model import fit_linear, share
from huracan_assets.learning.side_model import SideModel, SidePair
from huracan_assets.learning.training_set import TrainingSet
from huracan_assets.learning.walk_forward import Fold
from huracan_assets.settings import LightGBMSettings

if TYPE_CHECKING:
    import lightgbm

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DAY = np.timedelta64(1, "D")
SEEDS = ("seed", "bagging_seed", "feature_fraction_seed", "data_random_seed", "extra_seed", "drop_seed")


@dataclass(frozen=True)
class WalkForwardModels:
    """What a walk-forward leaves behind."""

    per_fold: tuple[SidePair, ...]
    final: SidePair
    raw: Floats  # (n, 2) out-of-fold probabilities, NaN on rows that no fold asks about
    importance: Floats  # (f,) share of the final models' weight, sides, trees and lines alike; all 0 if none found any


def lightgbm_parameters(settings: LightGBMSettings, seed: int) -> dict[str, Any]:
    """LightGBM's parameters: the settings, and what makes two runs give the same bits.

    `seed` alone is not enough for that: without `deterministic` and a fixed histogram layout
    (`force_row_wise`) LightGBM times both layouts and takes the quicker one.
    """
    return {
        "objective": "binary",
        "metric": "binary_logloss",
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.num_leaves,
        "min_data_in_leaf": settings.min_data_in_leaf,
        "feature_fraction": settings.feature_fraction,
        "bagging_fraction": settings.bagging_fraction,
        "bagging_freq": 1,
        "lambda_l2": settings.lambda_l2,
        "max_bin": settings.max_bin,
        "feature_pre_filter": False,  # a feature that no split of the first fold can use may be of use in a later one
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
        **dict.fromkeys(SEEDS, seed),
    }


def sample_weights(ts: TrainingSet, rows: Ints, half_life_days: float) -> Floats:
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
    embargo: timedelta,
    progress: Callable[[int, int], None] | None = None,
) -> WalkForwardModels:
    """Fit both sides on every fold's training rows, predict its segment; then fit on all rows.

    Means and deviations are learned on the training rows of each fit alone, bin edges on those of the first fold, which
    every fold may see; taken from all rows they would show the model the range of the test segment.

    Args:
        embargo: between the rows that teach the choice of rounds and those that judge it.
        progress: called with (fits done, fits in all) after each pair of fits.

    Raises:
        ContractError: there is no feature, a feature is infinite, or the rows are too few to choose the rounds on.
    """
    if not ts.names or np.isinf(ts.features).any():
        raise ContractError("the training set has no feature, or an infinite one: rebuild the feature version")
    binned = bin_rows(ts, folds[0].train, settings, seed)
    raw = np.full((len(ts), 2), np.nan)
    per_fold: list[SidePair] = []
    for done, fold in enumerate(folds):
        pair = fit_pair(ts, fold.train, settings, seed, embargo, binned)
        raw[fold.asked] = pair.predict(ts.features[fold.asked])
        per_fold.append(pair)
        if progress is not None:
            progress(2 * (done + 1), 2 * (len(folds) + 1))
    final = fit_pair(ts, np.flatnonzero(ts.teachable), settings, seed, embargo, binned)
    if progress is not None:
        progress(2 * (len(folds) + 1), 2 * (len(folds) + 1))
    return WalkForwardModels(tuple(per_fold), final, raw, _importance(final))


def bin_rows(ts: TrainingSet, edges_from: Ints, settings: LightGBMSettings, seed: int) -> BinnedRows:
    """All rows in bins whose edges `edges_from` alone have told."""
    return BinnedRows(ts.features, ts.names, edges_from, lightgbm_parameters(settings, seed))


def fit_pair(
    ts: TrainingSet, rows: Ints, settings: LightGBMSettings, seed: int, embargo: timedelta, binned: BinnedRows
) -> SidePair:
    """Both sides' models on some rows and nothing else; each has its own evidence for the features.

    The number of rounds is chosen on the newest of the rows by models that have not seen them; then all rows teach.

    Args:
        rows: ascending.
        binned: rows of `ts`; their edges must be known to `rows`.
    """
    rounds = _chosen_rounds(ts, rows, settings, seed, embargo, binned)
    sides: list[SideModel] = []
    for lesson, evidence in zip(_lessons(ts, rows, settings), _evidence(ts, rows, settings), strict=True):
        booster = _begin(lesson, evidence, settings, seed, binned)
        for _ in range(rounds):
            booster.update()
        independent = lesson.weights * ts.uniqueness[rows].mean()
        linear = fit_linear(ts.features[rows], lesson.label, independent, evidence, settings.linear_penalty)
        sides.append(SideModel(booster=str(booster.model_to_string()), linear=linear))
    # Rows whose labels overlap tell the same: one for each independent label is enough.
    apart = max(1, round(1.0 / ts.uniqueness[rows].mean()))
    return SidePair.of(sides[0], sides[1], ts.features[rows[::apart]])


def balanced(weights: Floats, label: Floats, rate: float) -> Floats:
    """`weights` with winners and losers rescaled so that their weighted win rate is `rate`; their sum stays.

    A side's win rate over the window is the window's trend, and a past trend is no knowledge of the next day: both
    sides start from their common rate. A label that never varies is left alone.
    """
    won = float(weights @ label / weights.sum())
    if not 0.0 < won < 1.0:
        return weights
    return weights * np.where(label > 0.0, rate / won, (1.0 - rate) / (1.0 - won))


@dataclass(frozen=True)
class _Lesson:
    """What one side's models are taught by some rows, or judged by."""

    rows: Ints  # (m,)
    label: Floats  # (m,)
    weights: Floats  # (m,)


def _lessons(ts: TrainingSet, rows: Ints, settings: LightGBMSettings) -> list[_Lesson]:
    """Of long and short, from their common win rate."""
    won = ts.won[rows].astype(np.float64)
    weights = sample_weights(ts, rows, settings.recency_half_life_days)
    pooled = float(np.average(won, axis=0, weights=weights).mean())
    return [_Lesson(rows, won[:, side], balanced(weights, won[:, side], pooled)) for side in range(2)]


def _evidence(ts: TrainingSet, rows: Ints, settings: LightGBMSettings) -> Floats:
    """How much of each feature's gain counts, for long and short (2, f)."""
    _, day = np.unique((ts.as_of[rows] - np.timedelta64(1, "us")).astype("datetime64[D]"), return_inverse=True)
    t = day_t_statistics(ts.features[rows], ts.won[rows].astype(np.float64), day)
    return gain_multipliers(t.T, settings.evidence_prior)


def _chosen_rounds(
    ts: TrainingSet, rows: Ints, settings: LightGBMSettings, seed: int, embargo: timedelta, binned: BinnedRows
) -> int:
    """How many rounds boosters of the earlier rows need to judge the newest ones best."""
    earlier, newest = split_newest(ts, rows, settings.stopping_share, embargo)
    boosters = []
    for lesson, evidence, judges in zip(
        _lessons(ts, earlier, settings), _evidence(ts, earlier, settings), _lessons(ts, newest, settings), strict=True
    ):
        boosters.append(_begin(lesson, evidence, settings, seed, binned))
        boosters[-1].add_valid(binned.dataset(judges.rows, judges.label, judges.weights), "judges")
    return best_round(boosters, settings.fewest_rounds, settings.rounds, settings.patience)


def _begin(
    lesson: _Lesson, evidence: Floats, settings: LightGBMSettings, seed: int, binned: BinnedRows
) -> lightgbm.Booster:
    """A booster before its first round."""
    import lightgbm

    parameters = lightgbm_parameters(settings, seed) | {"feature_contri": evidence.tolist()}
    return lightgbm.Booster(parameters, binned.dataset(lesson.rows, lesson.label, lesson.weights))


def _importance(pair: SidePair) -> Floats:
    """The mean share of each feature: of the trees' gain, and of the variance of the line's score."""
    shares = [told for side in pair.sides for told in (share(side.gain), np.asarray(side.linear.share))]
    return share(np.sum(shares, axis=0))
