"""What is fitted for a segment has the same bits whatever the rows are that were not yet known when it began.

Scalers, boosters, lines, calibrators, policies, the points of set-ups, and PPO with its observation statistics: each is
fitted on the night's own rows and on rows that are another market from the segment's begin on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from huracan_assets.decision.ensemble import SOURCES
from huracan_assets.decision.policy import PastBars, fit_policy
from huracan_assets.learning.calibration import fit_calibrators, regime_at
from huracan_assets.learning.lightgbm_model import bin_rows, fit_pair
from huracan_assets.learning.ppo_context import bar_context
from huracan_assets.learning.ppo_walk_forward import train_walk_forward as train_ppo
from huracan_assets.learning.records import out_of_fold_lean
from huracan_assets.learning.training_set import TrainingSet
from huracan_assets.learning.walk_forward import Fold, WalkForward
from huracan_assets.memory.recall import RECALL_SCHEMA, recalled_at
from huracan_assets.memory.set_up_map import SetUpMap
from huracan_assets_tests.leak_zoo import night

Floats = NDArray[np.float64]
Numbers = NDArray[Any]  # of either width
Rows = NDArray[np.int64]
Poison = Callable[[Numbers], Numbers]

SETTINGS = night.SETTINGS
TINY = {
    "environments": 4, "rollout_bars": 32, "episode_bars": 64, "hidden": 8, "minibatch": 64,
    "first_steps": 256, "fold_steps": 128, "seeds": 2,
}  # fmt: skip

POISONS: dict[str, Poison] = {
    "blanked": lambda x: np.full_like(x, np.nan),
    "poisoned": lambda x: np.full_like(x, 1e12),
    "permuted": lambda x: np.random.default_rng(1).permutation(x),
    "reversed": lambda x: x[::-1].copy(),
}


def unknown_rows(fold: Fold) -> Rows:
    """Rows whose label was not known an embargo before the fold began."""
    return np.flatnonzero(~(night.walk().ts.label_end + np.timedelta64(night.EMBARGO) <= fold.test_start))


def other(values: Numbers, rows: Rows, poison: Poison, finite: bool = False) -> Numbers:
    """`values` with those of `rows` poisoned; numbers that must be numbers stay so."""
    changed = values.copy()
    wrong = poison(values[rows])
    changed[rows] = np.nan_to_num(wrong, nan=-777.0) if finite else wrong
    return changed


def other_rows(fold: Fold, poison: Poison) -> TrainingSet:
    """The night's rows, another market from the fold's begin on: features, outcomes and weights."""
    ts, rows = night.walk().ts, unknown_rows(fold)
    return replace(
        ts,
        features=other(ts.features, rows, poison).astype(np.float32),
        net_bps=other(ts.net_bps, rows, poison, finite=True),
        gross_bps=other(ts.gross_bps, rows, poison, finite=True),
        cost_bps=np.abs(other(ts.cost_bps, rows, poison, finite=True)),
        uniqueness=np.clip(other(ts.uniqueness, rows, poison, finite=True), 1e-3, 1.0),
    )


@pytest.mark.parametrize("name", sorted(POISONS))
def test_models_and_their_scalers(name: str) -> None:
    folds, settings, seed = night.walk().folds, SETTINGS.learning.lightgbm, SETTINGS.seed
    for fold in (folds[0], folds[-1]):
        ts = other_rows(fold, POISONS[name])
        binned = bin_rows(ts, folds[0].train, settings, seed)
        assert fit_pair(ts, fold.train, settings, seed, night.EMBARGO, binned) == night.models().per_fold[fold.index]


@pytest.mark.parametrize("name", sorted(POISONS))
def test_calibrators_and_policies(name: str) -> None:
    walk, learning = night.walk(), SETTINGS.learning
    lean = out_of_fold_lean(night.models().per_fold, night.raw(), walk.folds)
    votes = np.random.default_rng(1).uniform(-1, 1, (len(walk.ts), len(SOURCES)))
    regime, every = regime_at(night.window().regimes, walk.ts.as_of), np.arange(len(walk.ts))
    for fold in walk.traded:
        rows, ts = unknown_rows(fold), other_rows(fold, POISONS[name])
        raw = other(night.raw(), rows, POISONS[name], finite=True)
        elsewhere = np.where(np.isin(np.arange(len(regime)), rows), "PANIC", regime)
        fitted = []
        for scores, leans, of, said, where in (
            (night.raw(), lean, walk.ts, votes, regime),
            (raw, other(lean, rows, POISONS[name], finite=True), ts, other(votes, rows, POISONS[name]), elsewhere),
        ):
            known = walk.known_before(fold)
            maps = fit_calibrators(WalkForward(of, walk.folds[: fold.index + 1]), scores, where, learning)
            pair = maps.per_fold[fold.index]
            assert pair is not None
            cost = of.cost_bps.mean(axis=1)
            past = PastBars(leans, said, of.net_bps, cost, of.uniqueness, of.label_end).at(np.isin(every, known))
            fitted.append((pair, fit_policy(past, pair, SETTINGS.decision).model_dump_json()))
        assert fitted[0] == fitted[1]


@pytest.mark.parametrize("name", sorted(POISONS))
def test_the_points_of_set_ups(name: str) -> None:
    bars, fold = night.bars(), night.walk().folds[-1]
    mapped = SetUpMap(names=night.walk().ts.names, recipe_sha256="", seed=1, usual_days=4, bars_a_day=96)
    known = int((bars["as_of"].to_numpy() <= fold.test_start).sum())
    values = bars.select(mapped.names).to_numpy()
    elsewhere = other(values, np.arange(known, len(values)), POISONS[name])
    poisoned = bars.select("as_of").hstack(pl.DataFrame(elsewhere, schema=mapped.names).fill_nan(None))
    points = mapped.points(bars)[:known]
    assert np.isfinite(points).all(axis=1).sum() > known // 2
    assert mapped.points(poisoned)[:known].tobytes() == points.tobytes()


@pytest.mark.parametrize("name", ["blanked", "reversed"])
def test_ppo_its_observation_statistics_and_its_votes(name: str) -> None:
    """The agent of the first fold, and what it says of a bar while other bars are judged beside it."""
    walk, poison = night.walk(), POISONS[name]
    fold, ppo = walk.folds[0], SETTINGS.learning.ppo.model_copy(update=TINY)
    returns = np.append(np.diff(walk.ts.gross_bps[:, 0]), np.nan)
    half = fold.test[: len(fold.test) // 2]
    later = np.setdiff1d(unknown_rows(fold), half)
    only_train = np.zeros(len(walk.ts), np.bool_)
    only_train[fold.train] = True

    def agent_of(features: NDArray[np.float32], earned: Floats, context: NDArray[np.float32]) -> tuple[bytes, bytes]:
        cost = walk.ts.cost_bps[:, 0]
        made = train_ppo(features, context, earned, cost, [fold], only_train, ppo, SETTINGS.seed, "none")
        return made.last_fold, made.votes[half].tobytes()

    regimes = night.window().regimes
    known = bar_context(walk.ts.as_of, regimes, recalled_at(pl.DataFrame(schema=RECALL_SCHEMA), regimes["as_of"]))
    honest = agent_of(walk.ts.features, returns, known)
    features = other(walk.ts.features, later, poison).astype(np.float32)
    earned = other(returns, np.setdiff1d(unknown_rows(fold), [fold.test[-1]]), POISONS["reversed"])
    context = other(known, later, POISONS["reversed"]).astype(np.float32)
    assert agent_of(features, earned, context) == honest
