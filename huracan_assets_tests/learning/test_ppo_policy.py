"""What agents say and do once they are judged: frozen, row by row, and together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from huracan_assets.errors import ContractError
from huracan_assets.learning.market_env import FLAT, TARGETS, make_market
from huracan_assets.learning.ppo import Learner, new_learner
from huracan_assets.learning.ppo_checkpoint import save
from huracan_assets.learning.ppo_context import no_context
from huracan_assets.learning.ppo_policy import Performance, action_probabilities, flat_votes, joint_vote, play
from huracan_assets_tests.learning.ppo_markets import SMALL, noise_market, planted, trained, votes_on


def test_the_statistics_are_frozen_when_the_agent_is_judged() -> None:
    market = noise_market()
    learner = trained(market, SMALL, 1024)
    before = save([learner])
    strange = np.full((50, 4), 1e6, np.float32)
    votes = votes_on(learner, strange)
    play(learner, make_market(strange, np.zeros(50), np.ones(50)))
    assert save([learner]) == before
    assert (votes_on(learner, strange) == votes).all()


def test_the_vote_on_a_bar_has_the_same_bits_alone_and_among_many() -> None:
    market = noise_market(300)
    learner = trained(market, SMALL, 512)
    features, context = market.features, market.context
    among = flat_votes(learner, features, context)
    assert all(flat_votes(learner, features[i : i + 1], context[i : i + 1])[0] == among[i] for i in range(0, 300, 7))
    assert (flat_votes(learner, features[131:], context[131:]) == among[131:]).all()
    assert (flat_votes(learner, features, no_context(300)) != among).all()


def test_the_greedy_walk_agrees_with_the_actor_bar_by_bar() -> None:
    bare, _ = planted(300, 15, 20.0, 3.0)
    context = noise_market(300).context
    market = make_market(bare.features, bare.next_return_bps, bare.cost_bps, None, context)
    learner = trained(market, SMALL, 8192)
    result = play(learner, market)
    assert 0 < (result.change > 0).mean() < 1
    action, held = 0, 0
    for i, row in enumerate(result.rows):
        state = np.array([action]), np.array([held])
        pi = action_probabilities(learner, market.features[row : row + 1], market.context[row : row + 1], *state)[0]
        chosen = int(np.flatnonzero(result.position[i] == TARGETS)[0])
        assert pi[chosen] >= pi.max() - 1e-5
        assert result.change[i] == abs(TARGETS[chosen] - TARGETS[action])
        held = 0 if chosen == FLAT else held + 1 if chosen == action else 1
        action = chosen


def test_the_vote_is_that_of_an_agent_that_stands_flat() -> None:
    """The account's columns stand after the features: flat, long, short, bars held."""
    agent, market = new_learner(4, SMALL, 3), noise_market(64)
    agent.network.weights *= 30.0  # what it holds now moves what it does
    agent.observation.update(market.features)
    shown = torch.from_numpy(agent.observation.standardise(market.features))
    context = torch.from_numpy(market.context.T.copy())
    said = []
    for held in ([1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]):
        account = torch.tensor(held).expand(64, 4)
        pi = torch.softmax(agent.network.logits(torch.cat([shown, account], dim=1), context), dim=1).numpy()
        said.append(pi[:, 1] - pi[:, 2])
    found = flat_votes(agent, market.features, market.context)
    np.testing.assert_allclose(found, said[0], atol=1e-5)
    assert all(np.abs(other - said[0]).max() > 0.05 for other in said[1:])


def decided(probabilities: tuple[float, float, float]) -> Learner:
    """An agent that gives the same probabilities on every bar."""
    learner = new_learner(4, SMALL, 1)
    learner.network.weights.zero_()
    learner.network.layers.third_bias[:3] = torch.tensor(probabilities).log()
    return learner


def test_the_joint_vote_is_the_mean_shrunk_by_the_agreement() -> None:
    long, short, weak = decided((0.2, 0.7, 0.1)), decided((0.2, 0.1, 0.7)), decided((0.4, 0.4, 0.2))
    features = np.zeros((3, 4), np.float32)
    cases: list[tuple[list[Learner], list[float]]] = [
        ([long] * 3, [0.6] * 3),
        ([long, short], [0.6, -0.6]),
        ([long, long, short], [0.6, 0.6, -0.6]),
        ([short, weak], [-0.6, 0.2]),
        ([long], [0.6]),
    ]
    for agents, votes in cases:
        said = joint_vote(agents, features, no_context(len(features)))
        agreement = abs(sum(votes)) / sum(map(abs, votes))
        assert np.allclose(said.agreement, agreement, atol=1e-6)
        assert np.allclose(said.vote, np.mean(votes) * agreement, atol=1e-6)


def test_the_joint_vote_has_the_same_bits_alone_and_among_many() -> None:
    agents = [trained(noise_market(), SMALL, 512, seed) for seed in (1, 2, 3)]
    features = np.random.default_rng(14).normal(size=(200, 4)).astype(np.float32)
    among = joint_vote(agents, features, no_context(len(features))).vote
    assert all(joint_vote(agents, features[i : i + 1], no_context(1)).vote[0] == among[i] for i in range(0, 200, 7))


def test_a_nearly_uniform_first_policy() -> None:
    rows = np.random.default_rng(1).normal(size=(100, 4)).astype(np.float32)
    assert np.abs(votes_on(new_learner(4, SMALL, 1), rows)).max() < 0.05


def test_a_bar_without_any_feature_gets_no_vote_and_another_width_is_refused() -> None:
    agent = decided((0.2, 0.7, 0.1))
    rows = np.array([[np.nan] * 4, [np.inf] * 4, [np.nan, 1.0, np.nan, np.nan]], np.float32)
    assert votes_on(agent, rows).tolist() == pytest.approx([0.0, 0.0, 0.6], abs=1e-6)
    assert votes_on(agent, rows[:0]).shape == (0,)
    for wrong in (np.zeros((2, 5), np.float32), np.zeros(4, np.float32)):
        with pytest.raises(ContractError, match="do not fit a PPO learner of 4 features"):
            votes_on(agent, wrong)
    strange = no_context(3)
    strange[1, 2] = np.nan
    for context in (strange, no_context(2), strange[:, 1:]):
        with pytest.raises(ContractError, match="make it with bar_context"):
            flat_votes(agent, rows, context)


def test_the_summary_of_a_walk() -> None:
    walk = Performance(
        np.arange(5), np.array([1.0, 1.0, -1.0, -1.0, 0.0]), np.array([1.0, 0.0, 2.0, 0.0, 1.0]),
        np.array([5.0, -8.0, 3.0, 1.0, 0.0]), np.array([1.0, 0.0, 2.0, 0.0, 1.0]),
    )  # fmt: skip
    assert walk.summary() == {
        "bars": 5, "gross_bps": 1, "cost_bps": 4, "net_bps": -3, "drawdown_bps": 8, "trade_rate": 0.6, "exposure": 0.8,
        "hold_bars": 2, "fee_share": 4,
    }  # fmt: skip
