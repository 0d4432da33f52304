"""Proximal policy optimisation (Schulman et al. 2017) on the vectorised market, reproducible bit for bit on a CPU.

The details follow Huang et al., "The 37 implementation details of PPO" (ICLR blog track 2022): clipped
surrogate and clipped value loss, GAE with truncation bootstrapping, advantages normalised by minibatch,
entropy bonus, Adam with epsilon 1e-5, linearly annealed learning rate, global gradient clipping, separate
actor and critic. Metrics bear the names of CleanRL. Training goes in stages, one for each (growing) training
segment; the learning rate anneals within each. The observation statistics are those of the stage's rows and stand
still within it. Every draw comes from the learner's own generator, so a checkpoint taken between two updates resumes
exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from huracan_assets.errors import ContractError, SettingsError
from huracan_assets.learning.market_env import ACCOUNT_COLUMNS, ACTIONS, EnvState, Market, MarketEnv
from huracan_assets.learning.ppo_adam import Adam
from huracan_assets.learning.ppo_context import CONTEXT_COLUMNS
from huracan_assets.learning.ppo_curriculum import level_at, levels
from huracan_assets.learning.ppo_network import ActorCritic, deterministic_torch
from huracan_assets.learning.ppo_observation import ObservationStatistics
from huracan_assets.learning.ppo_rollout import Board, Metrics, collect
from huracan_assets.learning.ppo_update import update
from huracan_assets.settings import PPOSettings

Ints = npt.NDArray[np.int64]


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
    network: ActorCritic
    adam: Adam
    observation: ObservationStatistics
    rng: np.random.Generator
    scale_bps: float | None = None
    global_step: int = 0
    stage: Stage | None = None


def new_learner(features: int, settings: PPOSettings, seed: int) -> Learner:
    """An untrained agent for observations of `features` features.

    Raises:
        SettingsError: the settings name a device that is not there.
    """
    learner = blank_learner(features, settings, seed)
    learner.network.initialise(learner.rng)
    return learner


def blank_learner(features: int, settings: PPOSettings, seed: int) -> Learner:
    """An agent whose weights are all zero, to be filled.

    Raises:
        SettingsError: the settings name a device that is not there.
    """
    import torch

    if settings.device == "cuda" and not torch.cuda.is_available():
        raise SettingsError(
            "learning.ppo.device is cuda, and torch finds no CUDA device here: set it to cpu, or install a torch "
            "with CUDA on a machine that has one"
        )
    rng = np.random.Generator(np.random.PCG64(seed))
    network = ActorCritic(features + ACCOUNT_COLUMNS, settings.hidden, ACTIONS, CONTEXT_COLUMNS, settings.device)
    statistics = ObservationStatistics.empty(features)
    return Learner(settings, features, seed, network, Adam.of(network.weights), statistics, rng)


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
    learner.observation = replace(market.observed)
    index = 0 if learner.stage is None else learner.stage.index + 1
    env = MarketEnv(market, settings.environments, settings.episode_bars)
    env.reset(learner.rng, market.starts)
    updates = max(1, round(steps / (settings.rollout_bars * settings.environments)))
    learner.stage = Stage(index, updates, 0, market.fingerprint, env.state)


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
        ContractError: no stage was begun, it was begun on another market, or a weight is no longer a number.
    """
    settings, stage = learner.settings, learner.stage
    if stage is None or learner.scale_bps is None or stage.market != market.fingerprint:
        raise ContractError("the PPO learner has no stage on this market to go on with: call begin_stage first")
    env = MarketEnv(market, settings.environments, settings.episode_bars)
    env.state = stage.state
    board = Board.of(market, learner.observation, settings.episode_bars, settings.device)
    starts = levels(market, settings.episode_bars)
    left = stage.updates - stage.done
    curve: list[Metrics] = []
    with deterministic_torch(settings.device):
        for _ in range(left if updates is None else min(updates, left)):
            curve.append(_one_update(learner, stage, env, board, starts, learner.scale_bps))
            if progress is not None:
                progress(curve[-1])
    _refuse_nonsense(learner)
    return curve


def _one_update(
    learner: Learner, stage: Stage, env: MarketEnv, board: Board, starts: tuple[Ints, ...], scale_bps: float
) -> Metrics:
    settings = learner.settings
    rate = settings.learning_rate * (1 - stage.done / stage.updates)
    # Later stages teach an agent that has met every level already.
    level = level_at(stage.done, stage.updates, settings.curriculum_share if stage.index == 0 else 0.0)
    rollout = collect(learner.network, board, env, starts[level], learner.rng, scale_bps, settings)
    losses = update(learner.network, learner.adam, rollout, settings, rate, learner.rng)
    learner.global_step += len(rollout.rows.actions)
    stage.done += 1
    where = {"global_step": float(learner.global_step), "stage": float(stage.index), "seed": float(learner.seed)}
    return where | {"charts/learning_rate": rate, "charts/level": float(level)} | rollout.charts | losses


def _refuse_nonsense(learner: Learner) -> None:
    """A policy that is not a number must not be saved, let alone asked."""
    import torch

    if not bool(torch.isfinite(learner.network.weights).all()):
        raise ContractError(
            f"the weights of the PPO agent of seed {learner.seed} are no longer numbers after "
            f"{learner.global_step} steps: lower learning.ppo.learning_rate, or look for absurd returns"
        )
