"""Whether PPO, with the nightly's own settings, learns what can be learned and leaves alone what cannot.

The planted market has a hidden side that turns every ten bars on average; one of twenty features shows it. The context
says nothing: regimes of thirty bars and memories that have nothing to do with the returns. The oracle always stands on
the hidden side and pays for every turn, which is the best that can be done here. The shuffled market is
the same one with its returns in another order, and fees.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huracan_assets.learning.market_env import Market, make_market
from huracan_assets.learning.ppo import Learner, begin_stage, new_learner, train
from huracan_assets.learning.ppo_context import CONTEXT_UNIT, no_context
from huracan_assets.learning.ppo_evidence import weigh
from huracan_assets.learning.ppo_policy import play
from huracan_assets.learning.ppo_seeds import Spread
from huracan_assets.settings import read_settings
from huracan_assets_tests.experiments.harness import Row, experiment

BARS, FEATURES, EDGE_BPS, NOISE_BPS, TURNS = 9600, 20, 10.0, 20.0, 0.1
FEE_BPS, HIGH_FEE_BPS = 2.0, 12.0
LEAST_SHARE, MOST_TRADES = 0.9, 0.02


def _conclude(rows: Sequence[Row]) -> dict[str, Any]:
    share = Spread.of([row["share"] for row in rows])
    quiet = max(row["shuffled_trade_rate"] for row in rows)
    careful = all(row["shuffled_net_bps"] >= -row["shuffled_cost_bps"] for row in rows)
    return {
        "share_iqm": share.iqm_bps,
        "share_range": [share.low_bps, share.high_bps],
        "worst_shuffled_trade_rate": quiet,
        "losses_within_costs": careful,
        "ok": share.iqm_bps >= LEAST_SHARE and quiet < MOST_TRADES and careful,
    }


@experiment(
    question="Does PPO earn 90 % of what a planted signal allows, and leave shuffled returns alone?",
    seeds=range(1, 11),
    conclude=_conclude,
)
def ppo_learnability(seed: int) -> dict[str, Any]:
    """One agent on each market, judged on bars that it has not seen."""
    taught, _ = _planted(2 * seed, FEE_BPS)
    unseen, achievable = _planted(2 * seed + 1, FEE_BPS)
    found = play(_trained(taught, seed), unseen).summary()
    shuffled = play(_trained(_shuffled(taught, seed), seed), _shuffled(unseen, seed + 1)).summary()
    return {
        "share": found["net_bps"] / achievable,
        "trade_rate": found["trade_rate"],
        "shuffled_trade_rate": shuffled["trade_rate"],
        "shuffled_net_bps": shuffled["net_bps"],
        "shuffled_cost_bps": shuffled["cost_bps"],
    }


def _planted(seed: int, fee_bps: float) -> tuple[Market, float]:
    """The market, and what its oracle earns on it."""
    rng = np.random.default_rng(seed)
    side = np.where(np.cumsum(rng.random(BARS) < TURNS) % 2 == 0, 1.0, -1.0)
    features = rng.normal(size=(BARS, FEATURES)).astype(np.float32)
    features[:, 2] = side * np.abs(features[:, 2])
    returns = EDGE_BPS * side + rng.normal(0, NOISE_BPS, BARS)
    paid = fee_bps * np.abs(np.diff(side[:-1], prepend=0)).sum()
    market = make_market(features, returns, np.full(BARS, fee_bps), None, _idle_context(rng))
    return market, float(side[:-1] @ returns[:-1] - paid)


def _idle_context(rng: np.random.Generator) -> NDArray[np.float32]:
    context = no_context(BARS)
    stretch = np.arange(BARS) // 30
    context[:, :3] = rng.dirichlet(np.ones(3), stretch[-1] + 1)[stretch]
    context[:, 3:5] = rng.uniform(-1, 1, (stretch[-1] + 1, 2))[stretch]
    context[:, 5] = 1.0
    return context * np.float32(CONTEXT_UNIT)


def _shuffled(market: Market, seed: int) -> Market:
    returns = np.random.default_rng(seed).permutation(market.next_return_bps)
    return make_market(market.features, returns, np.full(BARS, HIGH_FEE_BPS), None, market.context)


def _trained(market: Market, seed: int) -> Learner:
    settings = read_settings("local").learning.ppo
    learner, weighed = new_learner(FEATURES, settings, seed), weigh(market, settings.evidence_prior, settings.hold_bars)
    begin_stage(learner, weighed, settings.first_steps)
    train(learner, weighed)
    return learner
