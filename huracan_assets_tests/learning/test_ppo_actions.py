"""What the policy does bar after bar: both ways to a step, and the bars against the network asked anew."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from huracan_assets.learning.market_env import FLAT, account_columns, account_steps
from huracan_assets.learning.ppo_actions import Moves, act, looped_step, tensor_step
from huracan_assets.learning.ppo_context import CONTEXT_COLUMNS
from huracan_assets.learning.ppo_network import ActorCritic, deterministic_torch

T, N, HIDDEN, FEATURES, BARS = 7, 9, 6, 5, 12


def moves(seed: int) -> Moves:
    rng = np.random.default_rng(seed)
    steps = torch.from_numpy(account_steps(BARS).reshape(-1))

    def draw(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.normal(size=shape)).float()

    return Moves(
        draw(T, N, HIDDEN), draw(3 * (BARS + 1), HIDDEN), draw(T, 3, N), draw(T, 3, N), steps,
        torch.from_numpy(rng.random((T, N)) < 0.2), torch.from_numpy(rng.integers(0, 3 * (BARS + 1), (T + 1, N))),
        torch.zeros((T, N), dtype=torch.long),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_the_loop_and_the_tensors_take_the_same_step_to_the_bit(seed: int) -> None:
    by_tensors, by_loop = moves(seed), moves(seed)
    for t in range(T):
        tensor_step(t, *by_tensors)
        looped_step(t, *(part.numpy() for part in by_loop))
    assert all(torch.equal(one, other) for one, other in zip(by_tensors, by_loop, strict=True))
    assert not torch.equal(by_loop.layers, moves(seed).layers) and by_loop.truncated.any()
    assert set(by_loop.actions.flatten().tolist()) == {0, 1, 2}


def test_logits_are_the_networks_on_the_account_and_context_of_each_bar() -> None:
    rng = np.random.default_rng(4)
    columns, steps = (torch.from_numpy(part) for part in (account_columns(BARS), account_steps(BARS).reshape(-1)))
    network = ActorCritic(FEATURES + columns.shape[1], HIDDEN, 3, CONTEXT_COLUMNS)
    network.weights += torch.from_numpy(rng.normal(0, 0.5, len(network.weights))).float()
    observations = torch.zeros((T * N, network.inputs))
    observations[:, :FEATURES] = torch.from_numpy(rng.normal(size=(T * N, FEATURES))).float()
    context = torch.from_numpy(rng.normal(size=(CONTEXT_COLUMNS, T * N))).float()
    cut, begin = rng.random((T, N)) < 0.2, rng.integers(0, len(columns), N)
    with deterministic_torch():
        accounts, actions, logits = act(network, columns, steps, observations, context, begin, cut, rng)
        observations[:, FEATURES:] = columns[accounts[:T].flatten()]
        wanted = network.logits(observations, context).view(T, N, 3).transpose(1, 2)
    assert torch.allclose(logits, wanted, atol=1e-5) and wanted.std() > 0.1
    assert (accounts[0].numpy() == begin).all() and (accounts[1:].numpy()[cut] == FLAT).all()
    after = steps.view(-1, 3)[accounts[:T], actions].numpy()
    assert (accounts[1:].numpy()[~cut] == after[~cut]).all()
