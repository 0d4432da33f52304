"""Small markets and settings for PPO's tests."""

from __future__ import annotations

import numpy as np

from huracan_assets.learning.market_env import Market, make_market
from huracan_assets.learning.ppo import Learner, begin_stage, new_learner, train
from huracan_assets.learning.ppo_context import CONTEXT_COLUMNS, no_context
from huracan_assets.learning.ppo_policy import flat_votes
from huracan_assets.settings import PPOSettings, read_settings

BASE = read_settings("local").learning.ppo
SMALL = BASE.model_copy(
    update={
        "environments": 16, "rollout_bars": 32, "minibatch": 256, "hidden": 32, "episode_bars": 64,
        "learning_rate": 3e-4, "seeds": 2,
    }
)  # fmt: skip
QUICK = BASE.model_copy(update={"learning_rate": 1e-3, "rollout_bars": 32, "minibatch": 512})


def noise_market(n: int = 400, features: int = 4, seed: int = 0) -> Market:
    """Returns, features and context that have nothing to do with one another."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, features)).astype(np.float32)
    context = rng.uniform(-1, 1, (n, CONTEXT_COLUMNS)).astype(np.float32)
    return make_market(values, rng.normal(0, 25, n), np.full(n, 6.5), None, context)


def planted(n: int, seed: int, edge: float, cost: float) -> tuple[Market, np.ndarray]:
    """Feature 2's sign is the sign of the next return's mean; the rest is noise."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 8)).astype(np.float32)
    mean = edge * np.sign(features[:, 2])
    return make_market(features, mean + rng.normal(0, 10, n), np.full(n, cost)), mean


def votes_on(learner: Learner, features: np.ndarray) -> np.ndarray:
    """Its votes where nothing but the features is known."""
    return flat_votes(learner, features, no_context(len(features)))


def trained(market: Market, settings: PPOSettings, steps: int, seed: int = 1) -> Learner:
    """An agent after `steps` on `market`."""
    learner = new_learner(market.features.shape[1], settings, seed)
    begin_stage(learner, market, steps)
    train(learner, market)
    return learner
