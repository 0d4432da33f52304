"""Observation statistics that go on learning while the agent is judged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huracan_assets.guards.leakage import Finding
from huracan_assets.guards.recomputation import altered_fits
from huracan_assets.learning.market_env import make_market
from huracan_assets.learning.ppo import begin_stage, new_learner, train
from huracan_assets.learning.ppo_checkpoint import load, save
from huracan_assets.learning.ppo_context import no_context
from huracan_assets.learning.ppo_policy import flat_votes
from huracan_assets.validation.refits import repeated_answers
from huracan_assets_tests.leak_zoo import night
from huracan_assets_tests.leak_zoo.leak import Leak

TINY = {"environments": 4, "rollout_bars": 32, "episode_bars": 64, "hidden": 8, "minibatch": 64}


def agent() -> bytes:
    ts, fold = night.walk().ts, night.walk().folds[-1]
    learner = new_learner(len(ts.names), night.SETTINGS.learning.ppo.model_copy(update=TINY), 3)
    market = make_market(ts.features, np.append(np.diff(ts.gross_bps[:, 0]), np.nan), ts.cost_bps[:, 0], fold.train)
    begin_stage(learner, market, 256)
    list(train(learner, market))
    return save([learner])


def judged(updating: bool) -> list[Finding]:
    ts, fold, frozen = night.walk().ts, night.walk().folds[-1], agent()
    (learner,) = load(frozen)
    if updating:
        learner.observation.update(ts.features[fold.test])
    votes: NDArray[np.float64] = np.full(len(ts), np.nan)
    votes[fold.test] = flat_votes(learner, ts.features[fold.test], no_context(len(fold.test)))
    context = no_context(len(ts))
    return altered_fits(repeated_answers(night.walk(), night.raw(), night.models().per_fold, votes, frozen, context))


LEAK = Leak(
    plants="an agent that normalises the test with the test's own mean and deviation",
    twin="statistics frozen when training ended",
    check="fit_on_test",
    planted=lambda: judged(updating=True),
    clean=lambda: judged(updating=False),
)
