"""PPO through the walk-forward: one agent that keeps learning and votes before it has seen the answer.

Stage 0 trains `first_steps` on the first fold's training rows, stage k `fold_steps` more on fold k's, and a
last stage on all that may teach makes the policy that is shipped. After stage k, with weights and observation
statistics frozen, the agent votes on fold k's test rows. A vote on a bar depends on that bar's features and
on rows before the fold alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from huracan_assets.errors import ContractError
from huracan_assets.learning.market_env import Market, make_market
from huracan_assets.learning.ppo import Learner, Metrics, begin_stage, new_learner, train
from huracan_assets.learning.ppo_checkpoint import load, save
from huracan_assets.learning.ppo_policy import flat_votes, play
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
        """Rows to vote on."""


@dataclass(frozen=True)
class PPOWalkForward:
    """What the walk gives.

    Attributes:
        votes: (n,) pi(long) - pi(short) at a flat position, in [-1, 1]; NaN on rows that no fold tests.
        checkpoint: the shipped policy, trained on all rows, in safetensors.
        last_fold: the agent that voted on the last fold, which it had not seen.
        curve: one dict of metrics for each update, CleanRL's names and `stage`.
        tests: for each fold the `Performance.summary` of its agent on its test rows, and `fold`.
    """

    votes: Floats
    checkpoint: bytes
    last_fold: bytes
    curve: list[Metrics]
    tests: list[Metrics]


def train_walk_forward(
    features: Singles,
    next_return_bps: Floats,
    cost_bps: Floats,
    folds: Iterable[FoldRows],
    teachable: npt.NDArray[np.bool_],
    settings: PPOSettings,
    seed: int,
    progress: Callable[[Metrics], None] | None = None,
) -> PPOWalkForward:
    """Train and vote fold by fold.

    Args:
        features: (n, f) float32, NaN where undefined.
        next_return_bps: (n,) log-return from the fill of a bar to the fill of the next; NaN across a gap.
        cost_bps: (n,) one-way cost of a change of position by one.
        folds: in order of time.
        teachable: (n,) rows that may teach; the last stage learns on all of them.
        settings: PPO's.
        seed: of every draw.
        progress: called with each update's metrics.

    Raises:
        ContractError: the arrays do not fit, or a fold trains on rows at or after the start of its test.
    """
    learner = new_learner(features.shape[1], settings, seed)
    votes = np.full(len(features), np.nan)
    curve: list[Metrics] = []
    tests: list[Metrics] = []

    def learn(rows: Ints, stage: int) -> Market:
        market = make_market(features, next_return_bps, cost_bps, rows)
        begin_stage(learner, market, settings.first_steps if stage == 0 else settings.fold_steps)
        curve.extend(train(learner, market, progress=progress))
        return market

    for stage, fold in enumerate(folds):
        if len(fold.test) and len(fold.train) and fold.train[-1] >= fold.test[0]:
            raise ContractError(f"fold {fold.index} trains on row {fold.train[-1]}, its test starts at {fold.test[0]}")
        learn(fold.train, stage)
        votes[fold.test] = flat_votes(learner, features[fold.test])
        tests.append({"fold": float(fold.index)} | _tested(learner, features, next_return_bps, cost_bps, fold.test))
    last_fold = save(learner)
    learn(np.flatnonzero(teachable), len(tests))
    return PPOWalkForward(votes, save(learner), last_fold, curve, tests)


def _tested(learner: Learner, features: Singles, next_return_bps: Floats, cost_bps: Floats, rows: Ints) -> Metrics:
    return play(learner, make_market(features, next_return_bps, cost_bps, rows)).summary()


def vote(checkpoint: bytes, features: Singles) -> Floats:
    """(m,) votes in [-1, 1] of a checkpoint's policy, flat, on `features` (m, f).

    Raises:
        ContractError: the bytes are no checkpoint, or `features` has another width than it was trained on.
    """
    return flat_votes(load(checkpoint), features)
