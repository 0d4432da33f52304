"""PPO through the walk-forward: agents of several seeds that keep learning and vote before they have seen the answer.

Stage 0 trains each for `first_steps` on the first fold's training rows, stage k for `fold_steps` more on fold k's, and
a last stage on all that may teach makes the policy that is shipped. After stage k, with weights and observation
statistics frozen, the agents vote on fold k's segment, together. A vote on a bar depends on that bar's features and
context and on rows before the fold alone. The seeds learn one after the other: as one batched model they would be 4 to
8 % faster in the matrix products, and not in the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from huracan_assets.errors import ContractError
from huracan_assets.learning.market_env import Market, make_market
from huracan_assets.learning.ppo import Learner, begin_stage, new_learner, train
from huracan_assets.learning.ppo_checkpoint import load, save
from huracan_assets.learning.ppo_evidence import weigh
from huracan_assets.learning.ppo_policy import context_bias, joint_vote, play
from huracan_assets.learning.ppo_rollout import Metrics
from huracan_assets.learning.ppo_seeds import SeedReport
from huracan_assets.settings import PPOSettings

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class FoldRows(Protocol):
    """What is needed of a fold: its number and its sorted rows."""

    @property
    def index(self) -> int:
        """Position of the fold in the walk."""

    @property
    def train(self) -> Ints:
        """Rows to learn from, all before the test."""

    @property
    def test(self) -> Ints:
        """Rows to be judged on."""

    @property
    def asked(self) -> Ints:
        """Rows to vote on, those of the test among them."""


@dataclass(frozen=True)
class PPOWalkForward:
    """What the walk gives.

    Attributes:
        votes: (n,) the agents' joint vote at a flat position, in [-1, 1]; NaN on rows that no fold asks about.
        checkpoint: the shipped agents, trained on all rows, in safetensors.
        last_fold: the agents that voted on the last fold, which they had not seen.
        curve: one dict of metrics for each update of each agent, CleanRL's names, `stage` and `seed`.
        tests: for each fold and agent the `Performance.summary` on the fold's test rows, `fold` and `seed`.
        seeds: the agents side by side.
        bias: (agents, actions, context) what the context weighs in the logits of the shipped agents.
        weight: (f,) how much of each feature the shipped agents are shown.
    """

    votes: Floats
    checkpoint: bytes
    last_fold: bytes
    curve: list[Metrics]
    tests: list[Metrics]
    seeds: SeedReport
    bias: Floats
    weight: Floats


def train_walk_forward(
    features: Singles,
    context: Singles,
    next_return_bps: Floats,
    cost_bps: Floats,
    folds: Iterable[FoldRows],
    teachable: npt.NDArray[np.bool_],
    settings: PPOSettings,
    seed: int,
    feature_set: str,
    progress: Callable[[Metrics], None] | None = None,
) -> PPOWalkForward:
    """Train and vote fold by fold.

    Args:
        features: (n, f) float32, NaN where undefined.
        context: (n, CONTEXT_COLUMNS) float32, what is known of the bars beside their features.
        next_return_bps: (n,) log-return from the fill of a bar to the fill of the next, less the funding of a long; NaN
            across a gap.
        cost_bps: (n,) one-way cost of a change of position by one.
        folds: in order of time.
        teachable: (n,) rows that may teach; the last stage learns on all of them.
        settings: PPO's.
        seed: of the first agent; each further one has the next number.
        feature_set: `name@<hash>` of the features, for the checkpoints to name.
        progress: called with each update's metrics.

    Raises:
        ContractError: the arrays do not fit, a fold trains on rows from its test on, or no bar can be played.
    """
    seeds = range(seed, seed + settings.seeds)
    learners = [new_learner(features.shape[1], settings, number) for number in seeds]
    votes, agreement = np.full((2, len(features)), np.nan)
    curve: list[Metrics] = []
    tests: list[Metrics] = []
    market = partial(make_market, features, next_return_bps, cost_bps, context=context)
    for stage, fold in enumerate(folds):
        _refuse_overlap(fold)
        curve += _taught(learners, market(fold.train), settings.fold_steps if stage else settings.first_steps, progress)
        said = joint_vote(_as_asked(learners), features[fold.asked], context[fold.asked])
        votes[fold.asked], agreement[fold.asked] = said.vote, said.agreement
        tests += _tested(learners, fold.index, market(fold.test))
    last_fold = save(learners, feature_set)
    curve += _taught(learners, market(np.flatnonzero(teachable)), settings.fold_steps, progress)
    report = SeedReport.of(seeds, tests, float(np.nanmean(agreement)))
    bias = np.stack([context_bias(learner) for learner in learners])
    weight = learners[0].observation.weight
    return PPOWalkForward(votes, save(learners, feature_set), last_fold, curve, tests, report, bias, weight)


def _taught(
    learners: Sequence[Learner], market: Market, steps: int, progress: Callable[[Metrics], None] | None
) -> Iterator[Metrics]:
    settings = learners[0].settings
    weighed = weigh(market, settings.evidence_prior, settings.hold_bars)
    for learner in learners:
        begin_stage(learner, weighed, steps)
        yield from train(learner, weighed, progress=progress)


def _refuse_overlap(fold: FoldRows) -> None:
    if len(fold.asked) and len(fold.train) and fold.train[-1] >= fold.asked[0]:
        raise ContractError(f"fold {fold.index} trains on row {fold.train[-1]}, its test starts at {fold.asked[0]}")


def _as_asked(learners: Sequence[Learner]) -> Sequence[Learner]:
    """The learners on the CPU, where what is shipped is asked: another device rounds in another way."""
    return learners if learners[0].settings.device == "cpu" else load(save(learners))


def _tested(learners: Sequence[Learner], fold: int, market: Market) -> list[Metrics]:
    return [
        {"fold": float(fold), "seed": float(learner.seed)} | play(learner, market).summary() for learner in learners
    ]


def vote(checkpoint: bytes, features: Singles, context: Singles) -> Floats:
    """(m,) joint votes in [-1, 1] of a checkpoint's agents, who stand flat, on `features` (m, f).

    Args:
        context: (m, CONTEXT_COLUMNS) of the same bars (`ppo_context.py: bar_context`).

    Raises:
        ContractError: the bytes are no whole checkpoint, `features` has another width than it was trained on, or the
            context is none of these bars.
    """
    return joint_vote(load(checkpoint), features, context).vote
