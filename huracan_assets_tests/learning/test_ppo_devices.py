"""PPO's tensors on a device that is not the CPU: torch's meta device, which has shapes and no numbers.

An element-wise operation or a sum of tensors of two devices, a look at a number, or a step that only the CPU has raises
here. That bits, speed and every kernel are right on a GPU is not shown.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from huracan_assets.learning.market_env import ACCOUNT_COLUMNS, ACTIONS
from huracan_assets.learning.ppo_actions import act
from huracan_assets.learning.ppo_adam import Adam
from huracan_assets.learning.ppo_context import CONTEXT_COLUMNS
from huracan_assets.learning.ppo_loss import Experience, loss_slopes
from huracan_assets.learning.ppo_network import ActorCritic, deterministic_torch
from huracan_assets.learning.ppo_observation import ObservationStatistics
from huracan_assets.learning.ppo_rollout import Board
from huracan_assets.learning.ppo_update import clip
from huracan_assets_tests.learning.ppo_markets import SMALL, noise_market

DEVICE = "meta"
FEATURES, ROWS = 4, 40
INPUTS = FEATURES + ACCOUNT_COLUMNS


def made() -> ActorCritic:
    network = ActorCritic(INPUTS, SMALL.hidden, ACTIONS, CONTEXT_COLUMNS, DEVICE)
    network.initialise(np.random.default_rng(1))
    return network


def test_a_tensor_on_the_wrong_device_is_found() -> None:
    numbers = torch.zeros((4, ROWS), device=DEVICE)
    known = torch.zeros((CONTEXT_COLUMNS, ROWS), device=DEVICE)
    batch = Experience(numbers.t(), known, torch.zeros(ROWS, dtype=torch.long, device=DEVICE), *numbers.unbind())
    loss_slopes(numbers, batch, SMALL)
    for elsewhere in ("log_probabilities", "values", "advantages", "returns"):
        with pytest.raises(RuntimeError, match="device"):
            loss_slopes(numbers, batch._replace(**{elsewhere: torch.zeros(ROWS)}), SMALL)


def test_a_minibatch_stays_on_the_device() -> None:
    network = made()
    adam = Adam.of(network.weights)
    numbers = torch.zeros((4, ROWS), device=DEVICE)
    shown, known = torch.zeros((ROWS, INPUTS), device=DEVICE), torch.zeros((CONTEXT_COLUMNS, ROWS), device=DEVICE)
    actions = torch.zeros(ROWS, dtype=torch.long, device=DEVICE)
    batch = Experience(shown, known, actions, *numbers.unbind())
    with deterministic_torch(DEVICE):
        slopes = loss_slopes(network.forward(shown, known), batch, SMALL)
        network.backward(shown, known, slopes.by_outputs)
        clip(network.gradient, SMALL.max_grad_norm)
        adam.step(network.weights, network.gradient, 1e-3)
    for part in (slopes.by_outputs, slopes.parts, network.gradient, network.weights, adam.exp_avg, adam.taken):
        assert part.device.type == DEVICE
    assert slopes.by_outputs.shape == (ACTIONS + 1, ROWS)


def test_a_rollout_is_played_on_the_device() -> None:
    market, T, N = noise_market(100), 5, 8
    board = Board.of(market, ObservationStatistics.empty(FEATURES), SMALL.episode_bars, DEVICE)
    rows = torch.zeros(T * N, dtype=torch.long, device=DEVICE)
    seen = board.shown.index_select(0, rows), board.context.index_select(1, rows)
    cut, rng = np.zeros((T, N), np.bool_), np.random.default_rng(1)
    network, flat = made(), np.zeros(N, np.int64)
    with deterministic_torch(DEVICE):
        played = act(network, board.accounts, board.steps, *seen, flat, cut, rng)
        asked = network.values(*seen), network.logits(*seen)
    assert [part.device.type for part in (*played, *asked)] == [DEVICE] * 5
    assert [part.shape for part in played] == [(T + 1, N), (T, N), (T, ACTIONS, N)]
