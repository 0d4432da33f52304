"""Proximal policy optimisation (Schulman et al. 2017) on the vectorised market, reproducible bit for bit.

The details follow Huang et al., "The 37 implementation details of PPO" (ICLR blog track 2022): clipped
surrogate and clipped value loss, GAE with truncation bootstrapping, advantages normalised by minibatch,
entropy bonus, Adam with epsilon 1e-5, linearly annealed learning rate, global gradient clipping, separate
actor and critic. Metrics bear the names of CleanRL. Training goes in stages, one for each (growing) training
segment; the learning rate anneals within each. Every draw comes from the learner's own generator, so a
checkpoint taken between two updates resumes exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from huracan_assets.errors import ContractError
from huracan_assets.learning.market_env import (
    ACCOUNT_COLUMNS,
    ACTIONS,
    FLAT,
    EnvState,
    Market,
    MarketEnv,
    Settlement,
)
from huracan_assets.learning.ppo_network import (
    POLICY_GAIN,
    VALUE_GAIN,
    action_log_probabilities,
    deterministic_torch,
    perceptron,
)
from huracan_assets.learning.ppo_observation import ObservationStatistics
from huracan_assets.settings import PPOSettings

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Parameter, Sequential
    from torch.optim import Adam

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Metrics = dict[str, float]

ADAM_EPSILON = 1e-5


@dataclass
class Stage:
    """Training on one market: `done` of `updates`, its fingerprint, and where the environments stand."""

    index: int
    updates: int
    done: int
    market: str
    state: EnvState


@dataclass
class Learner:
    """All that training changes; `ppo_checkpoint` turns it into bytes and back.

    Attributes:
        scale_bps: the unit of reward, fixed by the first market; None before it.
        global_step: environment steps taken so far.
    """

    settings: PPOSettings
    features: int
    seed: int
    actor: Sequential
    critic: Sequential
    optimiser: Adam
    observation: ObservationStatistics
    rng: np.random.Generator
    scale_bps: float | None = None
    global_step: int = 0
    stage: Stage | None = None

    def parameters(self) -> list[tuple[str, Parameter]]:
        """The weights by name, in the order of the optimiser."""
        named = [(f"actor.{name}", weight) for name, weight in self.actor.named_parameters()]
        return named + [(f"critic.{name}", weight) for name, weight in self.critic.named_parameters()]


def new_learner(features: int, settings: PPOSettings, seed: int) -> Learner:
    """An untrained agent for observations of `features` features."""
    import torch

    rng = np.random.Generator(np.random.PCG64(seed))
    inputs = features + ACCOUNT_COLUMNS
    actor = perceptron(rng, inputs, settings.hidden, ACTIONS, POLICY_GAIN)
    critic = perceptron(rng, inputs, settings.hidden, 1, VALUE_GAIN)
    weights = [*actor.parameters(), *critic.parameters()]
    optimiser = torch.optim.Adam(weights, lr=settings.learning_rate, eps=ADAM_EPSILON, fused=True)
    return Learner(settings, features, seed, actor, critic, optimiser, ObservationStatistics.empty(features), rng)


def begin_stage(learner: Learner, market: Market, steps: int) -> None:
    """Put the learner in front of `market` for about `steps` steps (whole rollouts, at least one).

    Raises:
        ContractError: the market has another number of features than the learner.
    """
    settings = learner.settings
    if market.features.shape[1] != learner.features:
        raise ContractError(
            f"the market has {market.features.shape[1]} features, the PPO learner {learner.features}: "
            "train a new learner for a new recipe of features"
        )
    if learner.scale_bps is None:
        learner.scale_bps = market.return_scale_bps()
    env = _environments(learner, market)
    env.reset(learner.rng)
    index = 0 if learner.stage is None else learner.stage.index + 1
    updates = max(1, round(steps / (settings.rollout_bars * settings.environments)))
    learner.stage = Stage(index, updates, 0, market.fingerprint(), env.state)


def _environments(learner: Learner, market: Market) -> MarketEnv:
    """The environments that the learner's settings ask for, not yet reset."""
    settings, scale = learner.settings, learner.scale_bps
    if scale is None:
        raise ContractError("the PPO learner has seen no market yet: call begin_stage first")
    return MarketEnv(
        market,
        settings.environments,
        settings.episode_bars,
        scale,
        settings.cost_multiple,
        settings.risk_aversion,
    )


def train(
    learner: Learner,
    market: Market,
    updates: int | None = None,
    progress: Callable[[Metrics], None] | None = None,
) -> list[Metrics]:
    """Go on with the stage: `updates` more rollouts and updates, or all that are left.

    Returns:
        One dict for each update; `progress` gets each as it is made.

    Raises:
        ContractError: no stage was begun, or it was begun on another market.
    """
    stage = learner.stage
    if stage is None or stage.market != market.fingerprint():
        raise ContractError("the PPO learner has no stage on this market to go on with: call begin_stage first")
    env = _environments(learner, market)
    env.state = stage.state
    left = stage.updates - stage.done
    curve: list[Metrics] = []
    with deterministic_torch():
        for _ in range(left if updates is None else min(updates, left)):
            rate = learner.settings.learning_rate * (1 - stage.done / stage.updates)
            for group in learner.optimiser.param_groups:
                group["lr"] = rate
            rollout = collect(learner, env)
            metrics = {"global_step": float(learner.global_step), "stage": float(stage.index)}
            metrics |= {"charts/learning_rate": rate} | rollout.charts | update(learner, rollout)
            stage.done += 1
            curve.append(metrics)
            if progress is not None:
                progress(metrics)
    return curve


@dataclass(frozen=True)
class Rollout:
    """One batch of experience, flattened over (bars, environments) in that order."""

    observations: Singles
    actions: Ints
    log_probabilities: Singles
    values: Singles
    advantages: Singles
    returns: Singles
    charts: Metrics


def collect(learner: Learner, env: MarketEnv) -> Rollout:
    """Play `rollout_bars` bars with the policy as it stands; the statistics take in what is seen first."""
    import torch

    settings, rng, f = learner.settings, learner.rng, learner.features
    T, N = settings.rollout_bars, settings.environments
    path = env.path(T, rng)
    seen = env.market.features[path.rows]
    learner.observation.update(seen[:T].reshape(T * N, f))
    obs = np.empty((T + 1, N, f + ACCOUNT_COLUMNS), np.float32)
    obs[..., :f] = learner.observation.standardise(seen)
    draws = rng.random((T, N), dtype=np.float32)
    actions, log_probabilities = np.empty((T, N), np.int64), np.empty((T, N), np.float32)
    changes = np.empty((T, N))
    arrivals = np.empty((T, N, ACCOUNT_COLUMNS), np.float32)
    lanes = np.arange(N)
    with torch.no_grad():
        for t in range(T):
            obs[t, :, f:] = env.account()
            logs = action_log_probabilities(learner.actor, torch.from_numpy(obs[t])).numpy()
            below = np.cumsum(np.exp(logs[:, :-1]), axis=1)
            action = (draws[t][:, None] >= below).sum(axis=1)
            actions[t], log_probabilities[t] = action, logs[lanes, action]
            changes[t], arrivals[t] = env.step(path.truncated[t], action)
        obs[T, :, f:] = env.account()
        values, next_values = _values(learner, env, path.rows, path.truncated, obs, arrivals)
    settled = env.settle(path.rows[:T], actions, changes)
    advantages = gae(settled.reward, values[:T], next_values, path.truncated, settings.gamma, settings.gae_lambda)
    learner.global_step += T * N
    return Rollout(
        obs[:T].reshape(T * N, -1), actions.reshape(-1), log_probabilities.reshape(-1),
        values[:T].reshape(-1), advantages.reshape(-1).astype(np.float32), (advantages +
        values[:T]).reshape(-1).astype(np.float32), _charts(settled, actions, changes),
    )  # fmt: skip


def _values(
    learner: Learner, env: MarketEnv, rows: Ints, truncated: Bools, obs: Singles, arrivals: Singles
) -> tuple[Singles, Singles]:
    """V of what was observed (T + 1, N), and V of what each step arrived at (T, N), cut episodes included."""
    import torch

    T, N = truncated.shape
    values = learner.critic(torch.from_numpy(obs).reshape((T + 1) * N, -1)).reshape(T + 1, N).numpy()
    next_values = values[1:].copy()
    if truncated.any():
        last = np.concatenate(
            [
                learner.observation.standardise(env.market.features[rows[:-1][truncated] + 1]),
                arrivals[truncated],
            ],
            axis=1,
        )
        next_values[truncated] = learner.critic(torch.from_numpy(last)).reshape(-1).numpy()
    return values, next_values


def gae(
    rewards: Floats, values: npt.NDArray[np.floating], next_values: npt.NDArray[np.floating], truncated:
    Bools,
    gamma: float, lam: float,
) -> Floats:  # fmt: skip
    """Generalised advantage estimates (Schulman et al. 2016), all arrays (T, N).

    delta_t = r_t + gamma V(s'_t) - V(s_t), where s'_t is the state that the step arrived at, also when the
    episode was cut there: a truncated episode is bootstrapped, never taken to be worth nothing; only the sum
    over later deltas stops at the cut.
    """
    deltas = rewards + gamma * next_values.astype(np.float64) - values
    advantages = np.empty_like(deltas)
    carry = np.zeros(deltas.shape[1])
    for t in range(len(deltas) - 1, -1, -1):
        carry = deltas[t] + gamma * lam * np.where(truncated[t], 0.0, carry)
        advantages[t] = carry
    return advantages


def _charts(settled: Settlement, actions: Ints, changes: Floats) -> Metrics:
    """Means over the rollout: reward, net and cost of a bar, share of bars with a trade, with a position."""
    return {
        "charts/reward": float(settled.reward.mean()),
        "charts/net_bps": float((settled.gross_bps - settled.cost_bps).mean()),
        "charts/cost_bps": float(settled.cost_bps.mean()),
        "charts/trade_rate": float((changes > 0).mean()),
        "charts/exposure": float((actions != FLAT).mean()),
    }


def update(learner: Learner, rollout: Rollout) -> Metrics:
    """Epochs of minibatches; returns CleanRL's losses, of the last minibatch but for the mean clipfrac."""
    import torch

    settings = learner.settings
    count = len(rollout.actions)
    tensors = [
        torch.from_numpy(array)
        for array in (
            rollout.observations, rollout.actions, rollout.log_probabilities, rollout.advantages,
            rollout.returns, rollout.values,
        )
    ]  # fmt: skip
    weights = [weight for _, weight in learner.parameters()]
    clipfracs: list[float] = []
    metrics: Metrics = {}
    for _ in range(settings.epochs):
        order = torch.from_numpy(learner.rng.permutation(count))
        for start in range(0, count, settings.minibatch):
            index = order[start : start + settings.minibatch]
            loss, metrics = minibatch_loss(learner, *(tensor[index] for tensor in tensors))
            learner.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(weights, settings.max_grad_norm)
            learner.optimiser.step()
            clipfracs.append(metrics["losses/clipfrac"])
    spread = float(np.var(rollout.returns, dtype=np.float64))
    residual = float(np.var(rollout.returns.astype(np.float64) - rollout.values))
    explained = 1 - residual / spread if spread > 0 else 0.0
    return metrics | {"losses/clipfrac": float(np.mean(clipfracs)), "losses/explained_variance": explained}


def minibatch_loss(
    learner: Learner, observations: Tensor, actions: Tensor, old_logs: Tensor, advantages: Tensor, returns:
    Tensor,
    old_values: Tensor,
) -> tuple[Tensor, Metrics]:  # fmt: skip
    """The loss of a minibatch, all arguments (b,) but `observations` (b, f + account), and its parts.

    policy: max(-A ratio, -A clip(ratio, 1 - c, 1 + c)) with A normalised over the minibatch
    value: max((V - R)^2, (V_old + clip(V - V_old, -c, c) - R)^2) / 2
    loss = policy - entropy coefficient * entropy + value coefficient * value

    The KL estimates are Schulman's k1 (old_approx_kl) and k3 (approx_kl), "Approximating KL divergence"
    (2020).
    """
    import torch

    settings = learner.settings
    logs = action_log_probabilities(learner.actor, observations)
    new_logs = logs.gather(1, actions[:, None])[:, 0]
    log_ratio = new_logs - old_logs
    ratio = log_ratio.exp()
    scaled = (advantages - advantages.mean()) / (advantages.std(correction=0) + 1e-8)
    clipped = ratio.clamp(1 - settings.clip, 1 + settings.clip)
    policy = torch.max(-scaled * ratio, -scaled * clipped).mean()
    entropy = -(logs.exp() * logs).sum(dim=1).mean()
    values = learner.critic(observations)[:, 0]
    near = old_values + (values - old_values).clamp(-settings.clip, settings.clip)
    value = 0.5 * torch.max((values - returns) ** 2, (near - returns) ** 2).mean()
    loss = policy - settings.entropy * entropy + settings.value_coefficient * value
    with torch.no_grad():
        metrics = {
            "losses/policy_loss": policy.item(),
            "losses/value_loss": value.item(),
            "losses/entropy": entropy.item(),
            "losses/old_approx_kl": (-log_ratio).mean().item(),
            "losses/approx_kl": ((ratio - 1) - log_ratio).mean().item(),
            "losses/clipfrac": ((ratio - 1).abs() > settings.clip).float().mean().item(),
        }
    return loss, metrics
