"""A small real Brain: a booster and a line for each side, a PPO agent and a fitted policy, on the recipe's features."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np

from huracan_assets.days import DAY, days_between
from huracan_assets.decision.brain import Brain
from huracan_assets.features.feature_sets import FeatureSet, engine_set
from huracan_assets.features.recipe import FEATURE_NAMES, WARM_UP_DAYS, recipe_hash
from huracan_assets.learning.linear_model import fit_linear
from huracan_assets.learning.side_model import SideModel, SidePair
from huracan_assets.shadow.replay import Stretch
from huracan_assets_tests.decision.evidence import policy
from huracan_assets_tests.features.random_market import candles, funding

FIRST = date(2026, 1, 5)


def side_model(seed: int) -> SideModel:
    """A few small trees and a line that scatter around one half."""
    import lightgbm

    rng = np.random.default_rng(seed)
    features = rng.normal(size=(400, len(FEATURE_NAMES)))
    label = (features[:, :3].sum(axis=1) + rng.normal(size=400) > 0).astype(float)
    parameters = {"objective": "binary", "num_leaves": 4, "verbosity": -1, "num_threads": 1, "seed": seed}
    data = lightgbm.Dataset(features, label, feature_name=list(FEATURE_NAMES))
    return SideModel(
        booster=lightgbm.train(parameters, data, num_boost_round=5).model_to_string(),
        linear=fit_linear(features.astype(np.float32), label, np.ones(400), np.ones(len(FEATURE_NAMES)), 1.0),
    )


def side_pair() -> SidePair:
    """Both sides' models, which lean to neither on the whole."""
    features = np.random.default_rng(3).normal(size=(400, len(FEATURE_NAMES))).astype(np.float32)
    return SidePair.of(side_model(1), side_model(2), features)


def agent(feature_set: FeatureSet) -> bytes:
    """The checkpoint of an agent for these features that has not learned anything yet."""
    from huracan_assets.learning.market_env import make_market
    from huracan_assets.learning.ppo import begin_stage, new_learner
    from huracan_assets.learning.ppo_checkpoint import save
    from huracan_assets.settings import read_settings

    rng = np.random.default_rng(4)
    features = rng.normal(size=(600, len(FEATURE_NAMES))).astype(np.float32)
    tiny = {"environments": 2, "rollout_bars": 8, "episode_bars": 16, "hidden": 8, "minibatch": 8}
    learner = new_learner(len(FEATURE_NAMES), read_settings("local").learning.ppo.model_copy(update=tiny), 4)
    begin_stage(learner, make_market(features, rng.normal(0, 5, 600), np.full(600, 10.0), None), 64)
    return save([learner], feature_set.reference)


@cache
def brain() -> Brain:
    """It trades on almost anything, so that there is something to see."""
    eager = policy(
        2,
        min_confidence=0.0,
        min_agreement=0.0,
        min_edge_to_cost=0.0,
        min_position_share=1.0,
        max_spread_bps=1e3,
        max_daily_volatility=10.0,
    )
    return Brain(eager, side_pair(), agent(engine_set()), FEATURE_NAMES, recipe_hash())


@cache
def brain_of_an_older_recipe() -> Brain:
    """The same, trained on features of the same names that were made in another way."""
    older = engine_set().model_copy(update={"recipe_sha256": "0" * 64})
    return replace(brain(), agent=agent(older), recipe_sha256=older.recipe_sha256)


@cache
def stretch(days: int = 2) -> Stretch:
    """Candles of `days` and their warm-up, with a benchmark and funding."""
    first = FIRST - DAY * WARM_UP_DAYS
    return Stretch(
        symbol="ETH-USDT",
        days=days_between(FIRST, FIRST + DAY * (days - 1)),
        candles=candles(31, first, days + WARM_UP_DAYS),
        benchmark=candles(32, first, days + WARM_UP_DAYS),
        funding=funding(first, days + WARM_UP_DAYS),
    )
