"""A rollout: what it says it saw, did and expected, against the network asked anew."""

from __future__ import annotations

import numpy as np
import torch

from huracan_assets.learning.market_env import ACCOUNT_COLUMNS, MarketEnv, account_columns, account_steps, make_market
from huracan_assets.learning.ppo import Learner, begin_stage, new_learner
from huracan_assets.learning.ppo_context import no_context
from huracan_assets.learning.ppo_network import deterministic_torch
from huracan_assets.learning.ppo_rollout import Board, Rollout, collect
from huracan_assets.settings import PPOSettings
from huracan_assets_tests.learning.ppo_markets import SMALL, noise_market

NOTHING = torch.from_numpy(no_context(1).T)
T, N = SMALL.rollout_bars, SMALL.environments


def played(learner: Learner, market, episode_bars: int, settings: PPOSettings = SMALL) -> Rollout:  # type: ignore[no-untyped-def]
    settings = settings.model_copy(update={"episode_bars": episode_bars})
    env = MarketEnv(market, settings.environments, episode_bars)
    env.reset(learner.rng, market.starts)
    board = Board.of(market, learner.observation, episode_bars, "cpu")
    with deterministic_torch():
        return collect(learner.network, board, env, market.starts, learner.rng, 25.0, settings)


def shaken(features: int = 4, seed: int = 5) -> Learner:
    """An agent whose policy is far from uniform."""
    learner = new_learner(features, SMALL, seed)
    noise = np.random.default_rng(seed).normal(0, 0.3, len(learner.network.weights))
    learner.network.weights += torch.from_numpy(noise).float()
    return learner


def test_probabilities_and_values_are_those_of_the_network_on_what_was_seen() -> None:
    learner, market = shaken(), noise_market()
    rollout = played(learner, market, 20)
    with deterministic_torch():
        outputs = learner.network.forward(rollout.rows.observations, rollout.rows.context)
        logits, values = outputs[:-1], outputs[-1]
        logs = torch.log_softmax(logits, 0).gather(0, rollout.rows.actions[None])[0]
    assert torch.allclose(rollout.rows.log_probabilities, logs, atol=1e-5)
    assert torch.allclose(rollout.rows.values, values, atol=1e-5)
    assert rollout.rows.log_probabilities.std() > 0.1  # there was something to tell apart


def test_the_account_that_is_seen_follows_from_the_actions() -> None:
    rollout = played(shaken(), noise_market(), 1000)  # no cut but at the end of the market
    shown = rollout.rows.observations.numpy().reshape(T, N, -1)[..., -ACCOUNT_COLUMNS:]
    actions = rollout.rows.actions.numpy().reshape(T, N)
    columns, steps = account_columns(1000), account_steps(1000)
    state, seen = np.zeros(N, np.int64), 0
    for t in range(T):
        fresh = (shown[t] == columns[0]).all(axis=1)
        assert ((shown[t] == columns[state]).all(axis=1) | fresh).all()
        state = steps[np.where(fresh, 0, state), actions[t]]
        seen += int((~fresh).sum())
    assert seen > T * N / 4


def test_actions_are_drawn_from_the_policy() -> None:
    learner = shaken(1, seed=8)
    market = make_market(np.ones((300, 1), np.float32), np.zeros(300), np.ones(300))
    many = SMALL.model_copy(update={"environments": 512})
    rollout = played(learner, market, 2, many)
    first = rollout.rows.actions.numpy().reshape(T, -1)[0]  # everywhere flat
    with deterministic_torch():
        wanted = torch.softmax(learner.network.logits(rollout.rows.observations[:1], NOTHING), -1)[0].numpy()
    found = np.bincount(first, minlength=3) / len(first)
    assert np.abs(found - wanted).max() < 4 * np.sqrt(0.25 / len(first))


def test_a_cut_episode_is_bootstrapped_with_the_value_of_the_bar_it_was_cut_at() -> None:
    """Without reward and with V = 7 everywhere each delta is 7 (gamma - 1), at cuts as elsewhere."""
    market = make_market(np.zeros((300, 1), np.float32), np.zeros(300), np.zeros(300))
    learner = new_learner(1, SMALL, 3)
    for name, weight in learner.network.named(learner.network.weights).items():
        if name.startswith("critic"):
            weight.fill_(7.0 if name == "critic.4.bias" else 0.0)
    still = SMALL.model_copy(update={"hold_charge": 0.0})
    advantages = played(learner, market, 4, still).rows.advantages.numpy()  # every lane is cut several times
    delta = 7 * (SMALL.gamma - 1)
    assert np.isclose(advantages, delta, atol=1e-5).any()
    assert advantages.max() <= delta + 1e-5
    assert advantages.min() >= delta / (1 - SMALL.gamma * SMALL.gae_lambda) - 1e-5


def test_the_value_at_a_cut_is_that_of_the_bar_and_account_arrived_at() -> None:
    """With lambda 0 an advantage is one delta, and every bar of a two-bar episode has a successor that is known."""
    learner = shaken()
    market = noise_market(60)
    bare = {"gae_lambda": 0.0, "environments": 4, "episode_bars": 2, "drawdown_aversion": 0.0, "hold_charge": 0.0}
    settings = SMALL.model_copy(update=bare)
    env = MarketEnv(market, 4, 2)
    env.reset(learner.rng, market.starts)
    board = Board.of(market, learner.observation, 2, "cpu")
    twin = np.random.default_rng()
    twin.bit_generator.state = learner.rng.bit_generator.state
    before = env.state.row.copy(), env.state.end.copy()
    with deterministic_torch():
        rollout = collect(learner.network, board, env, market.starts, learner.rng, 25.0, settings)
    env.state.row, env.state.end = before
    path = env.path(settings.rollout_bars, twin, market.starts)  # the same bars again
    columns, steps = account_columns(2), account_steps(2)
    shown = rollout.rows.observations.numpy().reshape(settings.rollout_bars, 4, -1)
    actions = rollout.rows.actions.numpy().reshape(settings.rollout_bars, 4)
    advantages, values = (
        part.numpy().reshape(settings.rollout_bars, 4) for part in (rollout.rows.advantages, rollout.rows.values)
    )
    for t, lane in np.argwhere(path.truncated):
        state = int(np.flatnonzero((columns == shown[t, lane, -ACCOUNT_COLUMNS:]).all(axis=1))[0])
        next_bar = learner.observation.standardise(market.features[path.rows[t, lane] + 1])
        arrived = np.concatenate([next_bar, columns[steps[state, actions[t, lane]]]]).astype(np.float32)
        known = torch.from_numpy(market.context[path.rows[t, lane] + 1][:, None])
        with deterministic_torch():
            value = float(learner.network.values(torch.from_numpy(arrived[None]), known)[0])
        reward = advantages[t, lane] + values[t, lane] - settings.gamma * value
        assert abs(reward - _reward(market, path.rows[t, lane], state, int(actions[t, lane]), settings)) < 1e-4
    assert path.truncated.sum() > 20


def _reward(market, row: int, state: int, action: int, settings: PPOSettings) -> float:  # type: ignore[no-untyped-def]
    """Net P&L, turnover and risk."""
    target = (0.0, 1.0, -1.0)
    gross = target[action] * market.next_return_bps[row]
    cost = abs(target[action] - target[state // 3]) * market.cost_bps[row]
    return float((gross - settings.cost_multiple * cost) / 25.0 - settings.risk_aversion / 2 * (gross / 25.0) ** 2)


def test_begin_stage_takes_in_every_row_once() -> None:
    learner, market = new_learner(4, SMALL, 1), noise_market()
    for _ in range(2):
        begin_stage(learner, market, 512)
        assert (learner.observation.count == len(market.features)).all()
        assert np.allclose(learner.observation.mean, market.features.astype(np.float64).mean(axis=0))
