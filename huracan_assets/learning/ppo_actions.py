"""What the policy does in many environments, bar after bar.

The bars are known before, so the features' share of the actor's first layer is one product for all of them, and so is
what the context adds to the logits; the account's share is a look-up in a table of all account states. A bar then
costs one hidden layer and one step of the accounts. There are two of that step: tensor operations for any device, and
one loop for the CPU, where so small an operation takes longer to call than to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from huracan_assets.learning.market_env import ACCOUNT_COLUMNS
from huracan_assets.learning.ppo_network import ActorCritic
from huracan_assets.resources.compiled import njit

if TYPE_CHECKING:
    from torch import Tensor

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Moves(NamedTuple):
    """The policy on its way through T bars of N environments.

    Attributes:
        layers: (T, N, hidden) what enters the first hidden units; that of the account once it is known.
        table: (states, hidden) the account's share of it, for every account state.
        logits: (T, actions, N).
        noise: (T, actions, N) Gumbel's.
        steps: (states * actions,) the account state that follows.
        truncated: (T, N) whether the step cut the episode; the account is flat after it.
        accounts: (T + 1, N) the account states.
        actions: (T, N).
    """

    layers: Tensor
    table: Tensor
    logits: Tensor
    noise: Tensor
    steps: Tensor
    truncated: Tensor
    accounts: Tensor
    actions: Tensor


def act(
    network: ActorCritic,
    columns: Tensor,
    steps: Tensor,
    observations: Tensor,
    context: Tensor,
    account: Ints,
    truncated: Bools,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Account states (T + 1, N), actions (T, N) and logits (T, actions, N).

    The loop keeps s = sigmoid(2 z) of the hidden units in place of tanh(z) = 2 s - 1; the layer after it is stretched
    to fit. A draw from softmax(logits) is the largest logit with Gumbel noise (Gumbel 1954).

    Args:
        network: the policy.
        columns: (states, account) the account's columns in each account state.
        steps: (states * actions,) the account state that follows.
        observations: (T * N, inputs), the account's columns zero.
        context: (context, T * N).
        account: (N,) the account states at the first bar.
        truncated: (T, N) whether the step cuts the episode.
        rng: of the draws.
    """
    import torch

    layers, h = network.layers, network.hidden
    moves = _begun(network, columns, steps, observations, context, account, truncated, rng)
    second, third = 4 * layers.actor_second.t(), 2 * layers.actor_third
    second_bias = 2 * (layers.second_bias[:h] - layers.actor_second.sum(1))
    moves.logits.sub_(layers.actor_third.sum(1)[:, None])
    units = torch.empty_like(moves.layers[0])
    on_cpu = columns.device.type == "cpu"
    parts, step = ([part.numpy() for part in moves], looped_step) if on_cpu else (moves, tensor_step)
    for t, (layer, answer) in enumerate(zip(moves.layers.unbind(), moves.logits.unbind(), strict=True)):
        torch.addmm(second_bias, layer.sigmoid_(), second, out=units)
        answer.addmm_(third, units.sigmoid_().t())
        step(t, *parts)
    return moves.accounts, moves.actions, moves.logits


def _begun(
    network: ActorCritic,
    columns: Tensor,
    steps: Tensor,
    observations: Tensor,
    context: Tensor,
    account: Ints,
    truncated: Bools,
    rng: np.random.Generator,
) -> Moves:
    """What is known before the first bar is played: of the logits, bias and context."""
    import torch

    (T, N), h, a, layers, device = truncated.shape, network.hidden, network.outputs, network.layers, columns.device
    first, f = layers.first[:h], network.inputs - ACCOUNT_COLUMNS
    with np.errstate(divide="ignore"):
        gumbel = -np.log(-np.log(rng.random((T, a, N), dtype=np.float32)))
    biases = torch.addmm(layers.third_bias[:a, None], layers.context[:a], context).view(a, T, N)
    moves = Moves(
        layers=torch.addmm(layers.first_bias[:h], observations, first.t(), beta=2, alpha=2).view(T, N, h),
        table=2 * columns @ first[:, f:].t(),
        logits=biases.transpose(0, 1).contiguous(),
        noise=torch.from_numpy(gumbel).to(device),
        steps=steps,
        truncated=torch.from_numpy(truncated).to(device),
        accounts=torch.zeros((T + 1, N), dtype=torch.long, device=device),
        actions=torch.zeros((T, N), dtype=torch.long, device=device),
    )
    moves.accounts[0] = torch.from_numpy(account).to(device)
    moves.layers[0] += moves.table.index_select(0, moves.accounts[0])
    return moves


def tensor_step(t: int, *parts: Tensor) -> None:
    """Draw the actions at bar `t`, step the accounts, and tell the next bar's layer, on any device."""
    import torch

    moves = Moves(*parts)
    action, stood, stands = moves.actions[t], moves.accounts[t], moves.accounts[t + 1]
    torch.argmax(moves.logits[t] + moves.noise[t], 0, out=action)
    after = moves.steps.index_select(0, torch.add(action, stood, alpha=moves.logits.shape[1]))
    torch.mul(after, ~moves.truncated[t], out=stands)
    if t + 1 < len(moves.layers):
        moves.layers[t + 1] += moves.table.index_select(0, stands)


@njit(nogil=True)
def looped_step(
    t: Any, layers: Any, table: Any, logits: Any, noise: Any, steps: Any, truncated: Any, accounts: Any, actions: Any,
) -> None:  # fmt: skip
    """`tensor_step` on the CPU, on the arrays of the moves."""
    _, count, lanes = logits.shape
    for lane in range(lanes):
        action, top = 0, logits[t, 0, lane] + noise[t, 0, lane]
        for one in range(1, count):
            drawn = logits[t, one, lane] + noise[t, one, lane]
            if drawn > top:
                action, top = one, drawn
        stands = 0 if truncated[t, lane] else steps[accounts[t, lane] * count + action]
        actions[t, lane], accounts[t + 1, lane] = action, stands
        if t + 1 < len(layers):
            layer, share = layers[t + 1, lane], table[stands]
            for unit in range(len(share)):
                layer[unit] += share[unit]
