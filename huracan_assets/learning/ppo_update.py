"""Epochs of minibatches on one rollout: forward, slopes, backward, clipping and Adam."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from huracan_assets.learning.ppo_adam import Adam
from huracan_assets.learning.ppo_loss import PARTS, Experience, loss_slopes
from huracan_assets.learning.ppo_network import ActorCritic
from huracan_assets.learning.ppo_rollout import Rollout
from huracan_assets.settings import PPOSettings

if TYPE_CHECKING:
    from torch import Tensor

Metrics = dict[str, float]
NORM_EPSILON = 1e-6  # of clip_grad_norm_


def update(
    network: ActorCritic, adam: Adam, rollout: Rollout, settings: PPOSettings, rate: float, rng: np.random.Generator
) -> Metrics:
    """Epochs of minibatches at the learning rate `rate`.

    Returns:
        CleanRL's losses, of the last minibatch but for the mean clipfrac.
    """
    import torch

    whole = rollout.rows
    count = len(whole.actions)
    told = torch.stack((whole.log_probabilities, whole.values, whole.advantages, whole.returns))
    columns, context = torch.cat((whole.context, told)), len(whole.context)
    found = []
    for _ in range(settings.epochs):
        order = torch.from_numpy(rng.permutation(count)).to(network.device)
        for index in torch.split(order, settings.minibatch):
            shown, done = whole.observations.index_select(0, index), whole.actions.index_select(0, index)
            drawn = columns.index_select(1, index)
            batch = Experience(shown, drawn[:context], done, *drawn[context:].unbind())
            slopes = loss_slopes(network.forward(shown, batch.context), batch, settings)
            network.backward(shown, batch.context, slopes.by_outputs)
            clip(network.gradient, settings.max_grad_norm)
            adam.step(network.weights, network.gradient, rate)
            found.append(slopes.parts)
    last = {f"losses/{name}": value for name, value in zip(PARTS, found[-1].tolist(), strict=True)}
    clipfrac = float(torch.stack(found)[:, PARTS.index("clipfrac")].mean())
    return last | {"losses/clipfrac": clipfrac, "losses/explained_variance": _explained(whole)}


def clip(gradient: Tensor, longest: float) -> None:
    """Shorten `gradient` to the norm `longest` where it is longer, in place."""
    import torch

    norm = torch.linalg.vector_norm(gradient)
    if gradient.device.type != "cpu":  # to look at the number would be to wait for the device
        gradient.mul_((longest / norm.add_(NORM_EPSILON)).clamp_(max=1.0))
    elif not float(norm) <= longest:
        gradient.mul_(longest / (float(norm) + NORM_EPSILON))


def _explained(rows: Experience) -> float:
    """Share of the returns' variance that the critic had foreseen."""
    returns = rows.returns.double()
    spread = float(returns.var(correction=0))
    residual = float((returns - rows.values.double()).var(correction=0))
    return 1 - residual / spread if spread > 0 else 0.0
