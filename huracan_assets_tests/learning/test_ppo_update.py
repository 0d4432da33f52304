"""The gradient written by hand against autograd on the loss as the paper has it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from huracan_assets.learning.ppo_adam import EPSILON, Adam
from huracan_assets.learning.ppo_loss import PARTS, Experience, Slopes, looped_slopes, loss_slopes, tensor_slopes
from huracan_assets.learning.ppo_network import ActorCritic, deterministic_torch, orthogonal
from huracan_assets.learning.ppo_update import clip
from huracan_assets_tests.learning.ppo_markets import SMALL

B, INPUTS, HIDDEN, ACTIONS, CONTEXT = 300, 11, 16, 3, 5
SETTINGS = SMALL.model_copy(update={"entropy": 0.05, "value_coefficient": 0.7, "clip": 0.2})


def network(seed: int) -> ActorCritic:
    made = ActorCritic(INPUTS, HIDDEN, ACTIONS, CONTEXT)
    with torch.no_grad():
        made.initialise(np.random.default_rng(seed))
        made.weights += 0.1 * torch.from_numpy(np.random.default_rng(seed).normal(size=len(made.weights))).float()
    return made


def outputs(of: ActorCritic, flat: Tensor, observations: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (b, actions) and values (b,) as torch's own layers give them, the context beside them."""
    named, answers = of.named(flat), []
    for kind in ("actor", "critic"):
        shown = observations
        for layer in (0, 2, 4):
            shown = shown @ named[f"{kind}.{layer}.weight"].T + named[f"{kind}.{layer}.bias"]
            shown = shown if layer == 4 else torch.tanh(shown)
        answers.append(shown + context.T @ named[f"{kind}.context"].T)
    return answers[0], answers[1][:, 0]


def minibatch(of: ActorCritic, seed: int) -> Experience:
    """Old probabilities and values far enough from the present ones for both clips to bite on both sides."""
    rng = np.random.default_rng(seed)

    def draw(scale: float, *shape: int) -> Tensor:
        return torch.from_numpy(rng.normal(0, scale, shape or B)).float()

    observations = torch.from_numpy(rng.normal(size=(B, INPUTS))).float()
    actions, context = torch.from_numpy(rng.integers(0, ACTIONS, B)), draw(1.0, CONTEXT, B)
    logits, values = outputs(of, of.weights, observations, context)
    logs = torch.log_softmax(logits, 1).gather(1, actions[:, None])[:, 0]
    told = logs + draw(0.4), values + draw(0.4), draw(2.0), values + draw(0.6)
    return Experience(observations, context, actions, *told)


def paper_loss(logits: Tensor, values: Tensor, batch: Experience) -> Tensor:
    logs = torch.log_softmax(logits, 1)
    ratio = (logs.gather(1, batch.actions[:, None])[:, 0] - batch.log_probabilities).exp()
    advantages = (batch.advantages - batch.advantages.mean()) / (batch.advantages.std(correction=0) + 1e-8)
    c = SETTINGS.clip
    policy = torch.max(-advantages * ratio, -advantages * ratio.clamp(1 - c, 1 + c)).mean()
    near = batch.values + (values - batch.values).clamp(-c, c)
    value = 0.5 * torch.max((values - batch.returns) ** 2, (near - batch.returns) ** 2).mean()
    entropy = -(logs.exp() * logs).sum(1).mean()
    return policy - SETTINGS.entropy * entropy + SETTINGS.value_coefficient * value


@pytest.mark.parametrize("slopes_of", [looped_slopes, tensor_slopes])
@pytest.mark.parametrize("seed", range(4))
def test_the_gradient_is_autograds(slopes_of: Callable[..., Slopes], seed: int) -> None:
    own = network(seed)
    batch = minibatch(own, seed + 10)
    with deterministic_torch():
        found = own.forward(batch.observations, batch.context)
        _all_branches(found[:-1], found[-1], batch)
        slopes = slopes_of(found, batch, SETTINGS)
        own.backward(batch.observations, batch.context, slopes.by_outputs)
    flat = own.weights.double().requires_grad_()
    exact = Experience(*(part.double() if part.is_floating_point() else part for part in batch))
    loss = paper_loss(*outputs(own, flat, exact.observations, exact.context), exact)
    loss.backward()  # type: ignore[no-untyped-call]
    assert flat.grad is not None
    assert (own.gradient - flat.grad).abs().max() <= 1e-5 * flat.grad.abs().max()
    for name, part in own.named(own.gradient).items():
        wanted = own.named(flat.grad)[name]
        assert (part - wanted).abs().max() <= 1e-5 * max(1.0, float(wanted.abs().max())), name
    policy, value, entropy = slopes.parts[:3].tolist()
    whole = policy - SETTINGS.entropy * entropy + SETTINGS.value_coefficient * value
    assert whole == pytest.approx(loss.item(), rel=1e-5)


def test_the_parts_are_the_papers_and_both_ways_to_them_agree() -> None:
    own = network(3)
    batch = minibatch(own, 4)
    logits, values = outputs(own, own.weights, batch.observations, batch.context)
    logits = logits.T.contiguous()
    answers = torch.cat((logits, values[None]))
    by_loop, by_tensors = (of(answers, batch, SETTINGS) for of in (looped_slopes, tensor_slopes))
    for one, other in zip(by_loop, by_tensors, strict=True):
        assert torch.allclose(one, other.to(one.dtype), rtol=1e-4, atol=1e-7)
    logs = torch.log_softmax(logits, 0).gather(0, batch.actions[None])[0]
    ratio = (logs - batch.log_probabilities).exp()
    found = dict(zip(PARTS, by_loop.parts.tolist(), strict=True))
    assert found["old_approx_kl"] == pytest.approx(float((batch.log_probabilities - logs).mean()), rel=1e-4)
    assert found["approx_kl"] == pytest.approx(float((ratio - 1 - ratio.log()).mean()), rel=1e-4)
    assert found["clipfrac"] == pytest.approx(float(((ratio - 1).abs() > SETTINGS.clip).float().mean()))
    assert 0.1 < found["clipfrac"] < 0.9


@pytest.mark.parametrize("longest", [0.1, 1e3])
def test_clipping_is_torchs(longest: float) -> None:
    gradient = torch.from_numpy(np.random.default_rng(2).normal(size=500)).float()
    theirs = torch.nn.Parameter(torch.zeros(500))
    theirs.grad = gradient.clone()
    torch.nn.utils.clip_grad_norm_([theirs], longest)
    clip(gradient, longest)
    assert torch.allclose(gradient, theirs.grad, rtol=1e-6)
    gradient[3] = float("nan")
    clip(gradient, longest)
    assert not torch.isfinite(gradient).any()  # as torch's: one number that is none is not hidden by the others


def test_adam_is_torchs() -> None:
    rng = np.random.default_rng(2)
    weights = torch.from_numpy(rng.normal(size=500)).float()
    theirs = torch.nn.Parameter(weights.clone())
    adam, optimiser = Adam.of(weights), torch.optim.Adam([theirs], eps=EPSILON, fused=True)
    for rate in (0.01, 0.02, 0.005):
        gradient = torch.from_numpy(rng.normal(size=500)).float()
        theirs.grad = gradient.clone()
        optimiser.param_groups[0]["lr"] = rate
        optimiser.step()
        adam.step(weights, gradient, rate)
        assert torch.equal(weights, theirs.detach())


def _all_branches(logits: Tensor, values: Tensor, batch: Experience) -> None:
    """Every sign of the advantage with a ratio below, within and above the clip, and values alike, each many times."""
    logs = torch.log_softmax(logits, 0).gather(0, batch.actions[None])[0]
    ratio = (logs - batch.log_probabilities).exp()
    advantages = batch.advantages - batch.advantages.mean()
    c = SETTINGS.clip
    sides = (ratio < 1 - c, (ratio - 1).abs() <= c, ratio > 1 + c)
    for side, sign in product(sides, (advantages > 0, advantages < 0)):
        assert (side & sign).sum() >= 10
    moved = values - batch.values
    nearer = (batch.values + moved.clamp(-c, c) - batch.returns).abs() > (values - batch.returns).abs()
    for far, holds in product((moved < -c, moved > c), (nearer, ~nearer)):
        assert (far & holds).sum() >= 5


def test_where_every_ratio_is_clipped_the_policy_does_not_move() -> None:
    own = network(5)
    batch = minibatch(own, 6)
    logits, values = outputs(own, own.weights, batch.observations, batch.context)
    logs = torch.log_softmax(logits, 1).gather(1, batch.actions[:, None])[:, 0]
    above = batch.advantages > batch.advantages.mean()
    batch = batch._replace(log_probabilities=logs + torch.where(above, -1.0, 1.0))
    still = SETTINGS.model_copy(update={"entropy": 0.0})
    found = torch.cat((logits.T, values[None]))
    assert (loss_slopes(found, batch, still).by_outputs[:-1] == 0).all()


def test_the_outputs_are_those_of_torchs_own_layers() -> None:
    own = network(7)
    observations = torch.from_numpy(np.random.default_rng(8).normal(0, 3, (50, INPUTS))).float()
    context = torch.from_numpy(np.random.default_rng(9).normal(size=(CONTEXT, 50))).float()
    logits, values = outputs(own, own.weights, observations, context)
    with deterministic_torch():
        mine = own.forward(observations, context)
        assert torch.allclose(mine[:-1].T, logits, atol=2e-6) and torch.allclose(mine[-1], values, atol=2e-6)
        assert torch.allclose(own.logits(observations, context), logits, atol=2e-6)
        assert torch.allclose(own.values(observations, context), values, atol=2e-6)


def test_orthogonal_weights() -> None:
    rng = np.random.default_rng(1)
    tall, wide = orthogonal(rng, 64, 10, 2.0), orthogonal(rng, 10, 64, 2.0)
    assert np.allclose(tall.T @ tall, 4 * np.eye(10), atol=1e-5)
    assert np.allclose(wide @ wide.T, 4 * np.eye(10), atol=1e-5)
    named = ActorCritic(INPUTS, HIDDEN, ACTIONS, CONTEXT)
    named.initialise(rng)
    layers = named.named(named.weights)
    for kind, gain in (("actor", 0.01), ("critic", 1.0)):
        second, third = layers[f"{kind}.2.weight"].numpy(), layers[f"{kind}.4.weight"].numpy()
        assert np.allclose(second @ second.T, 2 * np.eye(HIDDEN), atol=1e-5)
        assert np.allclose(third @ third.T, gain**2 * np.eye(len(third)), atol=1e-7)
        assert (layers[f"{kind}.context"] == 0).all()  # it biases nothing before it has learned to


@pytest.mark.parametrize("slopes_of", [looped_slopes, tensor_slopes])
def test_a_policy_that_is_sure_has_finite_slopes(slopes_of: Callable[..., Slopes]) -> None:
    column = torch.tensor([0.0, 1.0])
    found = torch.stack((torch.tensor([500.0, 0.0]), *torch.tensor([[-500.0, 0.0]] * 2), column))
    batch = Experience(
        column[:, None], column[None], torch.tensor([0, 1]), torch.zeros(2), column, torch.ones(2), column
    )
    for part in slopes_of(found, batch, SETTINGS):
        assert torch.isfinite(part).all()
