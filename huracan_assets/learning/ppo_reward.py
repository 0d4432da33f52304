"""What an action brings: five terms whose sum is the reward, and the advantages that follow from it.

In bps of notional, gross = position * next_return and cost = cost_bps * |position - position before|. With
`scale`, one number for a whole training (the standard deviation of the first segment's returns), the terms are

    net P&L    (gross - cost) / scale
    turnover   -(cost_multiple - 1) * cost / scale: an edge must clear costs with room to spare
    risk       -risk_aversion / 2 * (gross / scale)^2, mean-variance utility (Markowitz 1952)
    drawdown   -drawdown_aversion * growth of the episode's deepest drawdown, so an episode pays its maximum drawdown
    hold time  -hold_charge for each bar in a position beyond `hold_bars`

Rewards are thus near one whatever the coin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from huracan_assets.learning.market_env import EnvState, Market, Path
from huracan_assets.resources.compiled import njit
from huracan_assets.settings import PPOSettings

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

TERMS = ("net", "turnover", "risk", "drawdown", "hold_time")


@dataclass(frozen=True)
class Settlement:
    """What the steps of a rollout brought, (bars, environments) each.

    Attributes:
        gross_bps, cost_bps: log-return earned and cost paid.
        terms: (5, bars, environments), the parts of the reward in the order of `TERMS`.
        reward: their sum.
        changed: whether the position changed.
    """

    gross_bps: Floats
    cost_bps: Floats
    terms: Floats
    reward: Floats
    changed: Bools


def settle(
    market: Market, path: Path, actions: Ints, accounts: Ints, state: EnvState, scale_bps: float, settings: PPOSettings
) -> Settlement:
    """Settle a rollout; `equity`, `peak` and `worst` of the state move to its end.

    Args:
        market: the market it was played on.
        path: its bars.
        actions: (bars, environments) what was done.
        accounts: (bars, environments) the account states in which it was done.
        state: where the environments stood.
        scale_bps: the unit of reward.
        settings: the weights of the terms.
    """
    steps = settings.episode_bars + 1
    held = np.where(actions == accounts // steps, accounts % steps + 1, 1)
    gross, cost, terms, changed, equity, peak, worst = _settle(
        market.next_return_bps, market.cost_bps, path.rows, path.truncated, actions, accounts // steps, held,
        np.stack((state.equity, state.peak, state.worst)), scale_bps, settings.cost_multiple,
        settings.risk_aversion, settings.drawdown_aversion, settings.hold_charge, settings.hold_bars,
    )  # fmt: skip
    state.equity, state.peak, state.worst = equity, peak, worst
    return Settlement(gross, cost, terms, terms.sum(axis=0), changed)


@njit(nogil=True)
def _settle(
    next_return: Any, cost_bps: Any, rows: Any, truncated: Any, actions: Any, before: Any, held: Any, carried: Any,
    scale: Any, cost_multiple: Any, risk_aversion: Any, drawdown_aversion: Any, hold_charge: Any, hold_bars: Any,
) -> Any:  # fmt: skip
    bars, lanes = actions.shape
    target = np.array([0.0, 1.0, -1.0])
    gross, cost = np.empty((bars, lanes)), np.empty((bars, lanes))
    terms, changed = np.empty((5, bars, lanes)), np.empty((bars, lanes), np.bool_)
    equity, peak, worst = carried[0].copy(), carried[1].copy(), carried[2].copy()
    for t in range(bars):
        for lane in range(lanes):
            row, position = rows[t, lane], target[actions[t, lane]]
            change = abs(position - target[before[t, lane]])
            earned = position * next_return[row]
            paid = change * cost_bps[row]
            gross[t, lane], cost[t, lane], changed[t, lane] = earned, paid, change > 0.0
            net = (earned - paid) / scale
            equity[lane] += net
            peak[lane] = max(peak[lane], equity[lane])
            deeper = max(peak[lane] - equity[lane] - worst[lane], 0.0)
            worst[lane] += deeper
            terms[0, t, lane] = net
            terms[1, t, lane] = -(cost_multiple - 1.0) * paid / scale
            terms[2, t, lane] = -risk_aversion / 2.0 * (earned / scale) ** 2
            terms[3, t, lane] = -drawdown_aversion * deeper
            terms[4, t, lane] = -hold_charge if position != 0.0 and held[t, lane] > hold_bars else 0.0
            if truncated[t, lane]:
                equity[lane] = peak[lane] = worst[lane] = 0.0
    return gross, cost, terms, changed, equity, peak, worst


@njit(nogil=True)
def gae(rewards: Floats, values: Floats, next_values: Floats, truncated: Bools, gamma: float, lam: float) -> Floats:
    """Generalised advantage estimates (Schulman et al. 2016), all arrays (bars, environments).

    delta_t = r_t + gamma V(s'_t) - V(s_t), where s'_t is the state that the step arrived at, also when the
    episode was cut there: a truncated episode is bootstrapped, never taken to be worth nothing; only the sum
    over later deltas stops at the cut.
    """
    bars, lanes = rewards.shape
    advantages = np.empty((bars, lanes))
    carry = np.zeros(lanes)
    for t in range(bars - 1, -1, -1):
        for lane in range(lanes):
            later = 0.0 if truncated[t, lane] else carry[lane]
            delta = rewards[t, lane] + gamma * next_values[t, lane] - values[t, lane]
            carry[lane] = delta + gamma * lam * later
            advantages[t, lane] = carry[lane]
    return advantages
