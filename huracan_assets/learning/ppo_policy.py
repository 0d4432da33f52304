"""What a trained agent says and does: its weights and its observation statistics stand still here.

Observations pass through the network in blocks of one size, the last one padded: matrix kernels round
differently for different heights, and the vote on a bar must have the same bits alone (live) as among
thousands (out of fold).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from huracan_assets.errors import ContractError
from huracan_assets.learning.market_env import (
    ACCOUNT_COLUMNS,
    ACTIONS,
    FLAT,
    LONG,
    SHORT,
    TARGETS,
    Market,
    account_columns,
)
from huracan_assets.learning.ppo import Learner
from huracan_assets.learning.ppo_network import action_log_probabilities, deterministic_torch

if TYPE_CHECKING:
    from torch.nn import Sequential

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

BLOCK = 64


def _in_blocks(actor: Sequential, observations: Singles) -> Singles:
    """(n, 3) probabilities of flat, long, short; each row's bits depend on that row alone."""
    import torch

    n, width = observations.shape
    padded = np.zeros((-(-n // BLOCK) * BLOCK, width), np.float32)
    padded[:n] = observations
    out = np.empty((len(padded), ACTIONS), np.float32)
    with torch.no_grad():
        for start in range(0, len(padded), BLOCK):
            block = torch.from_numpy(padded[start : start + BLOCK])
            out[start : start + BLOCK] = action_log_probabilities(actor, block).exp().numpy()
    return out[:n]


def action_probabilities(learner: Learner, features: Singles, action: Ints, held: Ints) -> Singles:
    """(n, 3) probabilities of flat, long, short on `features` (n, f), holding `action` (n,) for `held` bars.

    Raises:
        ContractError: the width of `features` is not the learner's.
    """
    if features.ndim != 2 or features.shape[1] != learner.features:
        raise ContractError(
            f"features of shape {features.shape} do not fit a PPO learner of {learner.features} features: "
            "use the feature recipe that the checkpoint was trained on"
        )
    observations = np.empty((len(features), learner.features + ACCOUNT_COLUMNS), np.float32)
    observations[:, : learner.features] = learner.observation.standardise(features.astype(np.float32, copy=False))
    observations[:, learner.features :] = account_columns(action, held, learner.settings.episode_bars)
    with deterministic_torch():
        return _in_blocks(learner.actor, observations)


def flat_votes(learner: Learner, features: Singles) -> Floats:
    """(n,) pi(long) - pi(short) of an agent that stands flat, in [-1, 1]."""
    flat = np.full(len(features), FLAT, np.int64)
    probabilities = action_probabilities(learner, features, flat, np.zeros_like(flat)).astype(np.float64)
    return np.clip(probabilities[:, LONG] - probabilities[:, SHORT], -1.0, 1.0)


@dataclass(frozen=True)
class Performance:
    """What the most probable action earned, bar after bar; (bars,) each, over the playable bars of a market.

    Attributes:
        rows: the bars.
        position: -1, 0 or 1, held over each.
        change: |change of position| at each.
        gross_bps, cost_bps: log-return earned and cost paid.
    """

    rows: Ints
    position: Floats
    change: Floats
    gross_bps: Floats
    cost_bps: Floats

    def summary(self) -> dict[str, float]:
        """Sums in bps, trades a bar, share of bars with a position, and costs over |gross|."""
        gross, cost = float(self.gross_bps.sum()), float(self.cost_bps.sum())
        return {
            "bars": float(len(self.rows)),
            "gross_bps": gross,
            "cost_bps": cost,
            "net_bps": gross - cost,
            "trade_rate": float((self.change > 0).mean()),
            "exposure": float((self.position != 0).mean()),
            "fee_share": cost / abs(gross) if gross else 0.0,
        }


def play(learner: Learner, market: Market) -> Performance:
    """Walk once through `market` with the most probable action, flat at the start of every unbroken run.

    The walk is sequential, since the account is part of what the actor sees; the features' share of its first
    layer is computed for all bars at once, in double precision, so a tie may fall the other way than in
    `flat_votes`.
    """
    rows, f, longest = market.starts, learner.features, learner.settings.episode_bars
    weights = [weight.detach().numpy().astype(np.float64) for weight in learner.actor.parameters()]
    first, first_bias, second, second_bias, third, third_bias = weights
    seen = learner.observation.standardise(market.features[rows]).astype(np.float64) @ first[:, :f].T + first_bias
    by_action, by_held = np.ascontiguousarray(first[:, f : f + ACTIONS].T), first[:, -1]
    scale = np.log1p(longest)
    actions = np.empty(len(rows), np.int64)
    changes = np.empty(len(rows))
    action, held, before = FLAT, 0, -2
    for i, row in enumerate(rows.tolist()):
        if row != before + 1:
            action, held = FLAT, 0
        shown = np.tanh(seen[i] + by_action[action] + by_held * (np.log1p(min(held, longest)) / scale))
        chosen = int(np.argmax(third @ np.tanh(second @ shown + second_bias) + third_bias))
        actions[i], changes[i] = chosen, abs(TARGETS[chosen] - TARGETS[action])
        held = 0 if chosen == FLAT else held + 1 if chosen == action else 1
        action, before = chosen, row
    position = TARGETS[actions]
    gross, cost = position * market.next_return_bps[rows], changes * market.cost_bps[rows]
    return Performance(rows, position, changes, gross, cost)
