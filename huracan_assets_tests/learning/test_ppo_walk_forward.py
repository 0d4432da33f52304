"""The walk: votes out of fold only, and blind to everything from the fold on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from huracan_assets.errors import ContractError
from huracan_assets.learning.ppo_walk_forward import PPOWalkForward, train_walk_forward, vote
from huracan_assets_tests.learning.test_ppo import SMALL

N, F, EDGES = 480, 5, (160, 240, 320, 400)
SETTINGS = SMALL.model_copy(update={"first_steps": 2048, "fold_steps": 1024})


@dataclass(frozen=True)
class Rows:
    index: int
    train: np.ndarray
    test: np.ndarray


FOLDS = [Rows(k, np.arange(edge - 8), np.arange(edge, edge + 80)) for k, edge in enumerate(EDGES)]


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(30)
    features = rng.normal(size=(N, F)).astype(np.float32)
    features[rng.random((N, F)) < 0.05] = np.nan
    returns = rng.normal(0, 25, N)
    returns[[90, 300]] = np.nan
    return features, returns, np.full(N, 6.5)


def walk(features: np.ndarray, returns: np.ndarray, costs: np.ndarray, seed: int = 4) -> PPOWalkForward:
    return train_walk_forward(features, returns, costs, FOLDS, np.ones(len(features), np.bool_), SETTINGS, seed)


@pytest.fixture(scope="module")
def clean() -> PPOWalkForward:
    return walk(*data())


def test_votes_stand_on_test_rows_only(clean: PPOWalkForward) -> None:
    tested = np.concatenate([fold.test for fold in FOLDS])
    assert clean.votes.shape == (N,)
    assert (np.flatnonzero(np.isfinite(clean.votes)) == tested).all()
    assert np.abs(clean.votes[tested]).max() <= 1
    assert [row["fold"] for row in clean.tests] == [0, 1, 2, 3]
    stages = [row["stage"] for row in clean.curve]
    assert stages == [0] * 4 + [1] * 2 + [2] * 2 + [3] * 2 + [4] * 2


@pytest.mark.parametrize("k", [0, 1, 3])
def test_votes_of_a_fold_do_not_see_what_comes_from_its_start_on(clean: PPOWalkForward, k: int) -> None:
    """Returns and costs are poisoned from the test's start, features from its second bar."""
    features, returns, costs = (array.copy() for array in data())
    start = int(FOLDS[k].test[0])
    rng = np.random.default_rng(31)
    features[start + 1 :] = 1e3 * rng.normal(size=(N - start - 1, F))
    returns[start:] = 1e4 * rng.normal(size=N - start)
    costs[start:] = 500.0
    poisoned = walk(features, returns, costs)
    assert np.array_equal(poisoned.votes[: start + 1], clean.votes[: start + 1], equal_nan=True)
    assert poisoned.checkpoint != clean.checkpoint  # the poison did reach the last stage


def test_the_same_seed_gives_the_same_walk(clean: PPOWalkForward) -> None:
    again = walk(*data())
    assert again.checkpoint == clean.checkpoint and again.curve == clean.curve and again.tests == clean.tests
    assert np.array_equal(again.votes, clean.votes, equal_nan=True)
    assert walk(*data(), seed=5).checkpoint != clean.checkpoint


def test_a_shipped_policy_votes_from_its_bytes(clean: PPOWalkForward) -> None:
    features, _, _ = data()
    votes = vote(clean.checkpoint, features)
    assert votes.shape == (N,) and np.isfinite(votes).all()
    assert vote(clean.checkpoint, features[7:8])[0] == votes[7]
    with pytest.raises(ContractError, match="features"):
        vote(clean.checkpoint, features[:, :3])


def test_a_fold_that_trains_on_its_test_is_refused() -> None:
    features, returns, costs = data()
    leaky = [Rows(0, np.arange(170), np.arange(160, 240))]
    with pytest.raises(ContractError, match="its test starts at 160"):
        train_walk_forward(features, returns, costs, leaky, np.ones(len(features), np.bool_), SETTINGS, 1)
