"""PPO's arithmetic against loops, and that it learns what can be learned and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from huracan_assets.errors import ContractError
from huracan_assets.learning.market_env import FLAT, TARGETS, Market, MarketEnv, make_market
from huracan_assets.learning.ppo import Learner, begin_stage, collect, gae, minibatch_loss, new_learner, train
from huracan_assets.learning.ppo_checkpoint import save
from huracan_assets.learning.ppo_network import deterministic_torch, orthogonal
from huracan_assets.learning.ppo_policy import action_probabilities, flat_votes, play
from huracan_assets.settings import PPOSettings, read_settings

BASE = read_settings("local").learning.ppo
SMALL = BASE.model_copy(
    update={"environments": 16, "rollout_bars": 32, "minibatch": 256, "hidden": 32, "episode_bars": 64}
)
QUICK = BASE.model_copy(update={"learning_rate": 1e-3, "rollout_bars": 32, "minibatch": 512})


def noise_market(n: int = 400, features: int = 4, seed: int = 0) -> Market:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, features)).astype(np.float32)
    return make_market(values, rng.normal(0, 25, n), np.full(n, 6.5))


def trained(market: Market, settings: PPOSettings, steps: int, seed: int = 1) -> Learner:
    learner = new_learner(market.features.shape[1], settings, seed)
    begin_stage(learner, market, steps)
    train(learner, market)
    return learner


def test_gae_equals_the_sum_of_discounted_deltas() -> None:
    rng = np.random.default_rng(0)
    T, N, gamma, lam = 12, 5, 0.9, 0.8
    rewards, values, after = rng.normal(size=(3, T, N))
    truncated = rng.random((T, N)) < 0.25
    found = gae(rewards, values, after, truncated, gamma, lam)
    for lane in range(N):
        for t in range(T):
            total, weight = 0.0, 1.0
            for k in range(t, T):
                total += weight * (rewards[k, lane] + gamma * after[k, lane] - values[k, lane])
                weight *= gamma * lam
                if truncated[k, lane]:
                    break
            assert found[t, lane] == pytest.approx(total, abs=1e-12)


def test_gae_with_lambda_one_is_the_discounted_return_less_the_value() -> None:
    rewards = np.array([[1.0], [2.0], [3.0]])
    values, after = np.array([[0.5], [0.25], [0.125]]), np.array([[0.25], [0.125], [10.0]])
    found = gae(rewards, values, after, np.zeros((3, 1), bool), 0.5, 1.0)
    assert found[0, 0] == pytest.approx(1 + 0.5 * 2 + 0.25 * 3 + 0.125 * 10 - 0.5)


def test_a_cut_episode_is_bootstrapped_with_the_value_of_the_bar_it_was_cut_at() -> None:
    """Reward 1 a bar for ever: the return is 1/(1-gamma) only if no cut is taken for an end."""
    market = make_market(np.zeros((300, 1), np.float32), np.zeros(300), np.zeros(300))
    learner = new_learner(1, SMALL, 3)
    begin_stage(learner, market, 512)
    assert learner.stage is not None
    env = MarketEnv(market, SMALL.environments, 4)
    env.state = learner.stage.state
    with torch.no_grad():
        for weight in learner.critic.parameters():
            weight.zero_()
        list(learner.critic.parameters())[-1].fill_(7.0)
    rollout = collect(learner, env)
    assert env.episode_bars < SMALL.rollout_bars  # every lane is cut several times
    # With V = 7 everywhere and no reward each delta is 7 (gamma - 1), at cuts as elsewhere.
    delta = 7 * (SMALL.gamma - 1)
    assert np.isclose(rollout.advantages, delta, atol=1e-5).any()
    assert rollout.advantages.max() <= delta + 1e-5
    assert rollout.advantages.min() >= delta / (1 - SMALL.gamma * SMALL.gae_lambda) - 1e-5


def test_the_first_update_starts_at_ratio_one_and_the_loss_is_the_papers() -> None:
    market = noise_market()
    learner = new_learner(4, SMALL, 5)
    begin_stage(learner, market, 512)
    assert learner.stage is not None
    env = MarketEnv(market, SMALL.environments, SMALL.episode_bars, learner.scale_bps or 1.0)
    env.state = learner.stage.state
    rollout = collect(learner, env)
    rng = np.random.default_rng(6)
    shift = rng.normal(0, 0.4, len(rollout.actions)).astype(np.float32)  # far enough for both clips to bite
    old_logs, old_values = rollout.log_probabilities - shift, rollout.values + shift
    arrays = (
        rollout.observations,
        rollout.actions,
        old_logs,
        rollout.advantages,
        rollout.returns,
        old_values,
    )
    loss, metrics = minibatch_loss(learner, *(torch.from_numpy(array) for array in arrays))
    logs = torch.log_softmax(learner.actor(torch.from_numpy(rollout.observations)), -1).detach().numpy().astype(float)
    values = learner.critic(torch.from_numpy(rollout.observations)).detach().numpy()[:, 0].astype(float)
    assert np.allclose(logs[np.arange(len(logs)), rollout.actions], rollout.log_probabilities, atol=1e-5)
    scaled = (rollout.advantages - rollout.advantages.mean()) / (rollout.advantages.std() + 1e-8)
    policy, value, clip = 0.0, 0.0, SMALL.clip
    for i in range(len(logs)):
        ratio = np.exp(logs[i, rollout.actions[i]] - old_logs[i])
        policy -= min(ratio * scaled[i], np.clip(ratio, 1 - clip, 1 + clip) * scaled[i])
        near = old_values[i] + np.clip(values[i] - old_values[i], -clip, clip)
        value += 0.5 * max((values[i] - rollout.returns[i]) ** 2, (near - rollout.returns[i]) ** 2)
    policy, value = policy / len(logs), value / len(logs)
    entropy = -(np.exp(logs) * logs).sum(axis=1).mean()
    assert 0.1 < metrics["losses/clipfrac"] < 0.9
    assert metrics["losses/policy_loss"] == pytest.approx(policy, abs=1e-4)
    assert metrics["losses/value_loss"] == pytest.approx(value, rel=1e-4)
    wanted = policy - SMALL.entropy * entropy + SMALL.value_coefficient * value
    assert loss.item() == pytest.approx(wanted, abs=1e-4)


def test_identity_the_feature_names_the_best_action() -> None:
    """The twin of the identity environments of SB3: no costs, the feature is the answer."""
    rng = np.random.default_rng(7)
    answer = rng.integers(-1, 2, 600)
    returns = np.where(answer == 0, 0, answer * 10.0)
    market = make_market(answer[:, None].astype(np.float32), returns, np.where(answer == 0, 5.0, 0.0))
    settings = QUICK.model_copy(update={"environments": 32, "gamma": 0.5})
    result = play(trained(market, settings, 32_768), market)
    assert (result.gross_bps.sum() - result.cost_bps.sum()) >= 0.9 * np.abs(returns[:-1]).sum()


def planted(n: int, seed: int, edge: float, cost: float) -> tuple[Market, np.ndarray]:
    """Feature 2's sign is the sign of the next return's mean; the rest is noise."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 8)).astype(np.float32)
    mean = edge * np.sign(features[:, 2])
    return make_market(features, mean + rng.normal(0, 10, n), np.full(n, cost)), mean


def test_a_planted_edge_is_captured_out_of_sample() -> None:
    market, _ = planted(2000, 8, 20.0, 1.0)
    learner = trained(market, QUICK, 65_536)
    unseen, mean = planted(2000, 9, 20.0, 1.0)
    best = np.sign(mean[:-1])
    achievable = best @ unseen.next_return_bps[:-1] - np.abs(np.diff(best, prepend=0)).sum()
    assert play(learner, unseen).summary()["net_bps"] >= 0.9 * achievable
    assert (np.sign(flat_votes(learner, unseen.features)) == np.sign(mean)).mean() > 0.9


def test_on_shuffled_returns_with_fees_it_hardly_trades() -> None:
    market, _ = planted(4000, 10, 20.0, 6.5)
    shuffled = np.random.default_rng(11).permutation(market.next_return_bps)
    learner = trained(make_market(market.features, shuffled, market.cost_bps), QUICK, 131_072)
    fresh = np.random.default_rng(12).permutation(market.next_return_bps)
    summary = play(learner, make_market(market.features, fresh, market.cost_bps)).summary()
    assert summary["trade_rate"] < 0.02
    assert summary["net_bps"] / summary["bars"] > -0.25


def test_training_twice_gives_the_same_bytes_and_another_seed_others() -> None:
    market = noise_market()
    first, second, other = (save(trained(market, SMALL, 1536, seed)) for seed in (1, 1, 2))
    assert first == second != other


def test_nothing_global_leaks() -> None:
    market = noise_market()
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    trained(market, SMALL, 512)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads and torch.are_deterministic_algorithms_enabled() == strict
    with deterministic_torch():
        assert torch.get_num_threads() == 1 and torch.are_deterministic_algorithms_enabled()


def test_the_statistics_are_frozen_when_the_agent_is_judged() -> None:
    market = noise_market()
    learner = trained(market, SMALL, 1024)
    before = save(learner)
    strange = np.full((50, 4), 1e6, np.float32)
    votes = flat_votes(learner, strange)
    play(learner, make_market(strange, np.zeros(50), np.ones(50)))
    assert save(learner) == before
    assert (flat_votes(learner, strange) == votes).all()


def test_undefined_features_do_not_poison() -> None:
    rng = np.random.default_rng(13)
    market = noise_market()
    features = market.features.copy()
    features[rng.random(features.shape) < 0.3] = np.nan
    features[:, 1] = np.nan
    features[40] = np.inf
    learner = trained(make_market(features, market.next_return_bps, market.cost_bps), SMALL, 1536)
    assert all(torch.isfinite(weight).all() for _, weight in learner.parameters())
    votes = flat_votes(learner, np.full((3, 4), np.nan, np.float32))
    assert np.isfinite(votes).all() and (np.abs(votes) <= 1).all()


def test_the_vote_on_a_bar_has_the_same_bits_alone_and_among_many() -> None:
    learner = trained(noise_market(), SMALL, 512)
    features = np.random.default_rng(14).normal(size=(300, 4)).astype(np.float32)
    among = flat_votes(learner, features)
    assert all(flat_votes(learner, features[i : i + 1])[0] == among[i] for i in range(0, 300, 7))
    assert (flat_votes(learner, features[131:]) == among[131:]).all()


def test_the_greedy_walk_agrees_with_the_actor_bar_by_bar() -> None:
    market, _ = planted(300, 15, 20.0, 3.0)
    learner = trained(market, SMALL, 8192)
    result = play(learner, market)
    assert 0 < (result.change > 0).mean() < 1
    action, held = 0, 0
    for i, row in enumerate(result.rows):
        state = np.array([action]), np.array([held])
        pi = action_probabilities(learner, market.features[row : row + 1], *state)[0]
        chosen = int(np.flatnonzero(result.position[i] == TARGETS)[0])
        assert pi[chosen] >= pi.max() - 1e-5
        assert result.change[i] == abs(TARGETS[chosen] - TARGETS[action])
        held = 0 if chosen == FLAT else held + 1 if chosen == action else 1
        action = chosen


def test_metrics_bear_cleanrls_names_and_the_rate_anneals() -> None:
    market = noise_market()
    learner = new_learner(4, SMALL, 1)
    begin_stage(learner, market, 4 * 512)
    heard: list[dict[str, float]] = []
    curve = train(learner, market, progress=heard.append)
    assert heard == curve and [row["global_step"] for row in curve] == [512, 1024, 1536, 2048]
    for name in (
        "policy_loss",
        "value_loss",
        "entropy",
        "old_approx_kl",
        "approx_kl",
        "clipfrac",
        "explained_variance",
    ):
        assert all(np.isfinite(row[f"losses/{name}"]) for row in curve)
    rates = [row["charts/learning_rate"] for row in curve]
    assert np.allclose(rates, SMALL.learning_rate * np.array([1, 0.75, 0.5, 0.25]))


def test_orthogonal_weights_and_a_nearly_uniform_first_policy() -> None:
    rng = np.random.default_rng(1)
    tall, wide = orthogonal(rng, 64, 10, 2.0), orthogonal(rng, 10, 64, 2.0)
    assert np.allclose(tall.T @ tall, 4 * np.eye(10), atol=1e-5)
    assert np.allclose(wide @ wide.T, 4 * np.eye(10), atol=1e-5)
    votes = flat_votes(new_learner(4, SMALL, 1), rng.normal(size=(100, 4)).astype(np.float32))
    assert np.abs(votes).max() < 0.05


def test_a_stage_is_needed_and_must_fit() -> None:
    learner = new_learner(4, SMALL, 1)
    with pytest.raises(ContractError, match="begin_stage"):
        train(learner, noise_market())
    with pytest.raises(ContractError, match="features"):
        begin_stage(learner, noise_market(features=5), 512)
    begin_stage(learner, noise_market(), 512)
    with pytest.raises(ContractError, match="begin_stage"):
        train(learner, noise_market(seed=9))
