"""The walk: votes out of fold only, and blind to everything from the fold on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from huracan_assets.errors import ContractError
from huracan_assets.learning.market_env import make_market
from huracan_assets.learning.ppo_checkpoint import load, metadata
from huracan_assets.learning.ppo_context import CONTEXT_COLUMNS
from huracan_assets.learning.ppo_evidence import weigh
from huracan_assets.learning.ppo_policy import flat_votes
from huracan_assets.learning.ppo_walk_forward import PPOWalkForward, train_walk_forward, vote
from huracan_assets_tests.learning.ppo_markets import SMALL

NAMED = "baseline@1"
N, F, EDGES = 480, 5, (160, 240, 320, 400)
SETTINGS = SMALL.model_copy(update={"first_steps": 2048, "fold_steps": 1024})


@dataclass(frozen=True)
class Rows:
    index: int
    train: np.ndarray
    test: np.ndarray
    asked: np.ndarray


FOLDS = [
    Rows(k, np.arange(edge - 8), np.delete(np.arange(edge, edge + 80), 40), np.arange(edge, edge + 80))
    for k, edge in enumerate(EDGES)
]


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(30)
    features = rng.normal(size=(N, F)).astype(np.float32)
    features[rng.random((N, F)) < 0.05] = np.nan
    returns = rng.normal(0, 25, N)
    returns[[90, 300]] = np.nan
    return features, rng.uniform(-1, 1, (N, CONTEXT_COLUMNS)).astype(np.float32), returns, np.full(N, 6.5)


def walk(
    features: np.ndarray,
    context: np.ndarray,
    returns: np.ndarray,
    costs: np.ndarray,
    seed: int = 4,
    untaught: Sequence[int] = (),
) -> PPOWalkForward:
    teachable = ~np.isin(np.arange(len(features)), untaught)
    return train_walk_forward(features, context, returns, costs, FOLDS, teachable, SETTINGS, seed, NAMED)


@pytest.fixture(scope="module")
def clean() -> PPOWalkForward:
    return walk(*data())


def test_votes_stand_on_the_rows_that_are_asked_about_only(clean: PPOWalkForward) -> None:
    tested = np.concatenate([fold.asked for fold in FOLDS])
    assert clean.votes.shape == (N,)
    assert (np.flatnonzero(np.isfinite(clean.votes)) == tested).all()
    assert np.abs(clean.votes[tested]).max() <= 1
    assert [(row["fold"], row["seed"]) for row in clean.tests] == [(k, s) for k in range(4) for s in (4, 5)]
    stages = [(row["stage"], row["seed"]) for row in clean.curve]
    assert stages == [(k, s) for k in range(5) for s in (4, 5) for _ in range(4 if k == 0 else 2)]
    assert clean.seeds.seeds == (4, 5) and len(clean.seeds.segments) == 4


def test_every_seed_is_in_the_checkpoint_and_has_its_say(clean: PPOWalkForward) -> None:
    features, context, _, _ = data()
    assert [metadata(saved)["feature_set"] for saved in (clean.last_fold, clean.checkpoint)] == [NAMED] * 2
    agents = load(clean.last_fold)
    assert [agent.seed for agent in agents] == [4, 5]
    said = np.array([flat_votes(agent, features[FOLDS[3].test], context[FOLDS[3].test]) for agent in agents])
    assert (said[0] != said[1]).all()
    agreement = np.abs(said.sum(axis=0)) / np.abs(said).sum(axis=0)
    assert np.allclose(clean.votes[FOLDS[3].test], said.mean(axis=0) * agreement, atol=1e-12)


@pytest.mark.parametrize("k", [0, 1, 3])
def test_votes_of_a_fold_do_not_see_what_comes_from_its_start_on(clean: PPOWalkForward, k: int) -> None:
    """Returns and costs are poisoned from the test's start, features and context from its second bar."""
    features, context, returns, costs = (array.copy() for array in data())
    start = int(FOLDS[k].test[0])
    rng = np.random.default_rng(31)
    features[start + 1 :] = 1e3 * rng.normal(size=(N - start - 1, F))
    context[start + 1 :] = 1e3 * rng.normal(size=(N - start - 1, CONTEXT_COLUMNS))
    returns[start:] = 1e4 * rng.normal(size=N - start)
    costs[start:] = 500.0
    poisoned = walk(features, context, returns, costs)
    assert np.array_equal(poisoned.votes[: start + 1], clean.votes[: start + 1], equal_nan=True)
    assert poisoned.checkpoint != clean.checkpoint  # the poison did reach the last stage


def test_agents_are_shown_what_their_own_training_rows_hold_evidence_for(clean: PPOWalkForward) -> None:
    features, context, returns, costs = data()
    market = make_market(features, returns, costs, FOLDS[-1].train, context)
    weighed = weigh(market, SETTINGS.evidence_prior, SETTINGS.hold_bars)
    assert weighed.weight.max() == 1.0 > weighed.weight.min()
    for agent in load(clean.last_fold):
        np.testing.assert_array_equal(agent.observation.weight, weighed.weight)


def test_rows_that_may_not_teach_are_not_taught_to_what_is_shipped_either() -> None:
    """They lie after all that the folds train on, so the last stage alone could meet them."""
    untaught = [410, 430, 431, 479]
    features, context, returns, costs = (array.copy() for array in data())
    plain = walk(features, context, returns, costs, untaught=untaught)
    features[untaught], context[untaught], returns[untaught], costs[untaught] = 1e3, 8.0, 1e4, 500.0
    other = walk(features, context, returns, costs, untaught=untaught)
    assert other.checkpoint == plain.checkpoint
    assert (other.votes[untaught] != plain.votes[untaught]).all()  # they are asked about
    assert walk(features, context, returns, costs).checkpoint != plain.checkpoint


def test_the_same_seed_gives_the_same_walk(clean: PPOWalkForward) -> None:
    again = walk(*data())
    assert again.checkpoint == clean.checkpoint and again.curve == clean.curve and again.tests == clean.tests
    assert np.array_equal(again.votes, clean.votes, equal_nan=True)
    assert walk(*data(), seed=6).checkpoint != clean.checkpoint


def test_a_shipped_policy_votes_from_its_bytes(clean: PPOWalkForward) -> None:
    features, context, _, _ = data()
    votes = vote(clean.checkpoint, features, context)
    assert votes.shape == (N,) and np.isfinite(votes).all()
    assert vote(clean.checkpoint, features[7:8], context[7:8])[0] == votes[7]
    with pytest.raises(ContractError, match="features"):
        vote(clean.checkpoint, features[:, :3], context)


def test_a_fold_that_trains_on_its_test_is_refused() -> None:
    features, context, returns, costs = data()
    leaky, every = [Rows(0, np.arange(170), np.arange(160, 240), np.arange(160, 240))], np.ones(len(features), np.bool_)
    with pytest.raises(ContractError, match="its test starts at 160"):
        train_walk_forward(features, context, returns, costs, leaky, every, SETTINGS, 1, NAMED)
