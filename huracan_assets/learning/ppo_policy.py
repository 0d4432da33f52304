"""What trained agents say and do: their weights and their observation statistics stand still here.

Observations pass through the network in blocks of one size, the last one padded: matrix kernels round
differently for different heights, and the vote on a bar must have the same bits alone (live) as among
thousands (out of fold).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

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
    account_state,
)
from huracan_assets.learning.ppo import Learner
from huracan_assets.learning.ppo_context import CONTEXT_UNIT, refuse_strange_context
from huracan_assets.learning.ppo_network import ActorCritic, deterministic_torch

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

BLOCK = 64


def _in_blocks(network: ActorCritic, observations: Singles, context: Singles) -> Singles:
    """(n, 3) probabilities of flat, long, short; each row's bits depend on that row alone."""
    import torch

    n, padding = len(observations), ((0, -len(observations) % BLOCK), (0, 0))
    shown, known = (
        torch.split(torch.from_numpy(np.pad(part, padding)).to(network.device), BLOCK)
        for part in (observations, context)
    )
    blocks = [
        torch.softmax(network.logits(block, beside.t()), dim=-1) for block, beside in zip(shown, known, strict=True)
    ]
    return np.concatenate([block.cpu().numpy() for block in blocks] or [np.empty((0, ACTIONS), np.float32)])[:n]


def action_probabilities(learner: Learner, features: Singles, context: Singles, action: Ints, held: Ints) -> Singles:
    """(n, 3) probabilities of flat, long, short on some bars, holding `action` (n,) for `held` bars.

    Args:
        features: (n, f) float32, NaN where undefined.
        context: (n, CONTEXT_COLUMNS) of the same bars.

    Raises:
        ContractError: the width of `features` is not the learner's, or the context is none of these bars.
    """
    refuse_strange_context(context, len(features))
    if features.ndim != 2 or features.shape[1] != learner.features:
        raise ContractError(
            f"features of shape {features.shape} do not fit a PPO learner of {learner.features} features: "
            "use the feature recipe that the checkpoint was trained on"
        )
    longest = learner.settings.episode_bars
    observations = np.empty((len(features), learner.features + ACCOUNT_COLUMNS), np.float32)
    observations[:, : learner.features] = learner.observation.standardise(features.astype(np.float32, copy=False))
    observations[:, learner.features :] = _account_columns(longest)[account_state(action, held, longest)]
    with deterministic_torch(learner.network.device):
        return _in_blocks(learner.network, observations, context)


_account_columns = cache(account_columns)


def flat_votes(learner: Learner, features: Singles, context: Singles) -> Floats:
    """(n,) pi(long) - pi(short) of an agent that stands flat, in [-1, 1]; 0 on a bar without any defined feature.

    The decision policy asks of a bar alone, so the account is that of an episode's first bar.
    """
    flat = np.full(len(features), FLAT, np.int64)
    probabilities = action_probabilities(learner, features, context, flat, np.zeros_like(flat)).astype(np.float64)
    votes = np.clip(probabilities[:, LONG] - probabilities[:, SHORT], -1.0, 1.0)
    return np.where(np.isfinite(features).any(axis=1), votes, 0.0)


@dataclass(frozen=True)
class JointVote:
    """What agents of several seeds say together, (n,) each.

    Attributes:
        vote: the mean of their votes times their agreement, in [-1, 1].
        agreement: |sum of votes| over the sum of their sizes, in [0, 1]: 1 where all pull one way.
    """

    vote: Floats
    agreement: Floats


def joint_vote(learners: Sequence[Learner], features: Singles, context: Singles) -> JointVote:
    """What `learners` say of some bars together; where they disagree luck speaks, and it counts less.

    Args:
        features: (n, f) float32, NaN where undefined.
        context: (n, CONTEXT_COLUMNS) of the same bars.

    Raises:
        ContractError: the width of `features` is not the learners', or the context is none of these bars.
    """
    total, size = np.zeros((2, len(features)))
    for learner in learners:  # one by one: a sum over an axis may round by the number of bars
        votes = flat_votes(learner, features, context)
        total, size = total + votes, size + np.abs(votes)
    agreement = np.divide(np.abs(total), size, out=np.zeros_like(total), where=size > 0)
    return JointVote(total / len(learners) * agreement, agreement)


def context_bias(learner: Learner) -> Floats:
    """(actions, CONTEXT_COLUMNS): how far each part of the context, at 1, moves each action's logit from their mean."""
    weights = learner.network.named(learner.network.weights)["actor.context"].double().cpu().numpy()
    centred: Floats = CONTEXT_UNIT * (weights - weights.mean(axis=0))
    return centred


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
        """Sums and deepest drawdown in bps, trades a bar, share of bars in a position, costs over |gross|."""
        gross, cost = float(self.gross_bps.sum()), float(self.cost_bps.sum())
        equity = np.concatenate([[0.0], np.cumsum(self.gross_bps - self.cost_bps)])
        held = self.position != 0
        entries = int((held & (self.change > 0)).sum())
        return {
            "bars": float(len(self.rows)),
            "gross_bps": gross,
            "cost_bps": cost,
            "net_bps": gross - cost,
            "drawdown_bps": float((np.maximum.accumulate(equity) - equity).max()),
            "trade_rate": float((self.change > 0).mean()),
            "exposure": float(held.mean()),
            "hold_bars": float(held.sum()) / entries if entries else 0.0,
            "fee_share": cost / abs(gross) if gross else 0.0,
        }


def play(learner: Learner, market: Market) -> Performance:
    """Walk once through `market` with the most probable action, flat at the start of every unbroken run.

    The walk is sequential, since the account is part of what the actor sees; the features' share of its first
    layer is computed for all bars at once, in double precision, so a tie may fall the other way than in
    `flat_votes`.
    """
    rows, f, longest = market.starts, learner.features, learner.settings.episode_bars
    weights = {
        name: part.double().cpu().numpy() for name, part in learner.network.named(learner.network.weights).items()
    }
    first, first_bias, second, second_bias, third, third_bias = (
        weights[f"actor.{layer}.{part}"] for layer in (0, 2, 4) for part in ("weight", "bias")
    )
    seen = learner.observation.standardise(market.features[rows]).astype(np.float64) @ first[:, :f].T + first_bias
    accounts = _account_columns(longest).astype(np.float64) @ first[:, f:].T
    biases = market.context[rows].astype(np.float64) @ weights["actor.context"].T + third_bias
    actions = np.empty(len(rows), np.int64)
    changes = np.empty(len(rows))
    action, held, before = FLAT, 0, -2
    for i, row in enumerate(rows.tolist()):
        if row != before + 1:
            action, held = FLAT, 0
        shown = np.tanh(seen[i] + accounts[action * (longest + 1) + min(held, longest)])
        chosen = int(np.argmax(third @ np.tanh(second @ shown + second_bias) + biases[i]))
        actions[i], changes[i] = chosen, abs(TARGETS[chosen] - TARGETS[action])
        held = 0 if chosen == FLAT else held + 1 if chosen == action else 1
        action, before = chosen, row
    position = TARGETS[actions]
    gross, cost = position * market.next_return_bps[rows], changes * market.cost_bps[rows]
    return Performance(rows, position, changes, gross, cost)
