"""The loss of a minibatch and its slopes by the outputs of the network, written out.

With A normalised over the minibatch, r = pi(a) / pi_old(a) and c the clip,

    policy = mean max(-A r, -A clip(r, 1 - c, 1 + c))
    value = mean max((V - R)^2, (V_old + clip(V - V_old, -c, c) - R)^2) / 2
    loss = policy - entropy coefficient * entropy + value coefficient * value

Where a clip holds, its term does not move with the weights. The KL estimates are Schulman's k1 (old_approx_kl) and k3
(approx_kl), "Approximating KL divergence" (2020).

There are two of it: tensor operations for any device, and one loop for the CPU, where forty operations on a few
hundred numbers take five times as long as the numbers themselves.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from huracan_assets.resources.compiled import njit
from huracan_assets.settings import PPOSettings

if TYPE_CHECKING:
    from torch import Tensor

PARTS = ("policy_loss", "value_loss", "entropy", "old_approx_kl", "approx_kl", "clipfrac")
LEAST_SPREAD = 1e-8


class Experience(NamedTuple):
    """Rows of a rollout, all or a minibatch of them: (b,) each but `observations` (b, inputs), `context` (context, b).

    Whatever is a row for each column of the batch is so because operations over short rows are slow.
    """

    observations: Tensor
    context: Tensor
    actions: Tensor
    log_probabilities: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor


class Slopes(NamedTuple):
    """The loss's slopes by the outputs of the network, and what it is made of.

    Attributes:
        by_outputs: (actions + 1, b), by the logits and in the last row by the values.
        parts: (6,) the figures of `PARTS`.
    """

    by_outputs: Tensor
    parts: Tensor


def loss_slopes(outputs: Tensor, batch: Experience, settings: PPOSettings) -> Slopes:
    """The slopes of the module's loss by `outputs` (actions + 1, b), logits and in the last row values."""
    if outputs.device.type == "cpu":
        return looped_slopes(outputs, batch, settings)
    return tensor_slopes(outputs, batch, settings)


def tensor_slopes(outputs: Tensor, batch: Experience, settings: PPOSettings) -> Slopes:
    """`loss_slopes` on any device."""
    import torch

    logits, values = outputs[:-1], outputs[-1]
    b, c = len(values), settings.clip
    logs = torch.log_softmax(logits, dim=0)
    pi, action = logs.exp(), batch.actions[None]
    log_ratio = logs.gather(0, action)[0] - batch.log_probabilities
    ratio = log_ratio.exp()
    spread, mean = torch.std_mean(batch.advantages, correction=0)
    scaled = (batch.advantages - mean) / (spread + LEAST_SPREAD)
    gain, clipped = ratio * scaled, ratio.clamp(1 - c, 1 + c) * scaled
    pull = gain * (gain <= clipped) / b
    entropy = -(pi * logs).sum(dim=0)
    by_logits = pi * ((logs + entropy) * (settings.entropy / b) + pull)
    by_logits.scatter_add_(0, action, -pull[None])
    moved, error = values - batch.values, values - batch.returns
    near = batch.values + moved.clamp(-c, c) - batch.returns
    held = (moved.abs() > c) & (near.abs() > error.abs())
    by_values = error * ~held * (settings.value_coefficient / b)
    parts = (
        -torch.minimum(gain, clipped), torch.maximum(near**2, error**2) / 2, entropy, -log_ratio,
        ratio - 1 - log_ratio, (ratio - 1).abs() > c,
    )  # fmt: skip
    by_outputs = torch.cat((by_logits, by_values[None]))
    return Slopes(by_outputs, torch.stack([part.double().mean() for part in parts]))


def looped_slopes(outputs: Tensor, batch: Experience, settings: PPOSettings) -> Slopes:
    """`loss_slopes` on the CPU, in one loop."""
    import torch

    by_outputs, parts = _loop(
        outputs.numpy(), batch.actions.numpy(), batch.log_probabilities.numpy(), batch.values.numpy(),
        batch.advantages.numpy(), batch.returns.numpy(), settings.clip, settings.entropy, settings.value_coefficient,
    )  # fmt: skip
    return Slopes(torch.from_numpy(by_outputs), torch.from_numpy(parts))


@njit(nogil=True)
def _loop(
    outputs: Any, actions: Any, old_logs: Any, old_values: Any, advantages: Any, returns: Any, clip: Any,
    entropy_weight: Any, value_weight: Any,
) -> Any:  # fmt: skip
    logits, values = outputs[:-1], outputs[-1]
    count, b = logits.shape
    by_outputs = np.empty((count + 1, b), np.float32)
    parts, logs, pi = np.zeros(6), np.empty(count), np.empty(count)
    mean, square = 0.0, 0.0
    for i in range(b):
        mean += advantages[i]
    mean /= b
    for i in range(b):
        square += (advantages[i] - mean) ** 2
    spread = math.sqrt(square / b) + LEAST_SPREAD
    for i in range(b):
        top, mass, entropy = logits[0, i], 0.0, 0.0
        for a in range(1, count):
            top = max(top, logits[a, i])
        for a in range(count):
            logs[a] = logits[a, i] - top
            pi[a] = math.exp(logs[a])
            mass += pi[a]
        log_mass = math.log(mass)
        for a in range(count):
            logs[a] -= log_mass
            pi[a] /= mass
            entropy -= pi[a] * logs[a]
        log_ratio = logs[actions[i]] - old_logs[i]
        ratio = math.exp(log_ratio)
        scaled = (advantages[i] - mean) / spread
        gain, clipped = ratio * scaled, min(max(ratio, 1.0 - clip), 1.0 + clip) * scaled
        pull = gain / b if gain <= clipped else 0.0
        for a in range(count):
            by_outputs[a, i] = pi[a] * ((logs[a] + entropy) * entropy_weight / b + pull)
        by_outputs[actions[i], i] -= pull
        moved, error = values[i] - old_values[i], values[i] - returns[i]
        near = old_values[i] + min(max(moved, -clip), clip) - returns[i]
        held = abs(moved) > clip and abs(near) > abs(error)
        by_outputs[count, i] = 0.0 if held else error * value_weight / b
        parts[0] -= min(gain, clipped) / b
        parts[1] += max(near**2, error**2) / 2.0 / b
        parts[2] += entropy / b
        parts[3] -= log_ratio / b
        parts[4] += (ratio - 1.0 - log_ratio) / b
        parts[5] += (abs(ratio - 1.0) > clip) / b
    return by_outputs, parts
