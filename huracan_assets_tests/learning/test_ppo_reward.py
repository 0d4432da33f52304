"""The five terms of the reward against an account kept by hand, and advantages against their sum."""

from __future__ import annotations

import numpy as np
import pytest

from huracan_assets.learning.market_env import FLAT, LONG, SHORT, MarketEnv, account_steps
from huracan_assets.learning.ppo_reward import TERMS, gae, settle
from huracan_assets_tests.learning.ppo_markets import SMALL
from huracan_assets_tests.learning.test_market_env import random_market

SETTINGS = SMALL.model_copy(
    update={
        "episode_bars": 9, "cost_multiple": 2.0, "risk_aversion": 0.3, "drawdown_aversion": 0.4, "hold_bars": 2,
        "hold_charge": 0.7,
    }
)  # fmt: skip


def test_every_term_equals_an_account_kept_by_hand_also_across_rollouts() -> None:
    market, rng = random_market(80, 1), np.random.default_rng(2)
    env, steps = MarketEnv(market, 5, 9), account_steps(9)
    env.reset(rng, market.starts)
    held, position = np.zeros(5, np.int64), np.zeros(5, np.int64)
    equity: list[list[float]] = [[0.0] for _ in range(5)]
    worst = np.zeros(5)
    charged = dict.fromkeys(TERMS, 0.0)
    for _ in range(3):
        path = env.path(20, rng, market.starts)
        actions = rng.choice([FLAT, LONG, LONG, SHORT], (20, 5))
        accounts = np.zeros((21, 5), np.int64)
        accounts[0] = env.state.account
        for t in range(20):
            accounts[t + 1] = np.where(path.truncated[t], 0, steps[accounts[t], actions[t]])
        settled = settle(market, path, actions, accounts[:20], env.state, 20.0, SETTINGS)
        env.state.account = accounts[20]
        for t in range(20):
            for lane in range(5):
                action, row = int(actions[t, lane]), path.rows[t, lane]
                wanted, before = (0.0, 1.0, -1.0)[action], (0.0, 1.0, -1.0)[position[lane]]
                gross = wanted * market.next_return_bps[row]
                cost = abs(wanted - before) * market.cost_bps[row]
                held[lane] = 0 if action == FLAT else held[lane] + 1 if action == position[lane] else 1
                position[lane] = action
                equity[lane].append(equity[lane][-1] + (gross - cost) / 20)
                deepest = max(max(equity[lane][: i + 1]) - value for i, value in enumerate(equity[lane]))
                wants = {
                    "net": (gross - cost) / 20,
                    "turnover": -cost / 20,
                    "risk": -0.15 * (gross / 20) ** 2,
                    "drawdown": -0.4 * (deepest - worst[lane]),
                    "hold_time": -0.7 * float(held[lane] > 2),
                }
                worst[lane] = deepest
                for place, name in enumerate(TERMS):
                    assert settled.terms[place, t, lane] == pytest.approx(wants[name], abs=1e-9)
                    charged[name] += abs(wants[name])
                assert settled.gross_bps[t, lane] == pytest.approx(gross)
                assert settled.cost_bps[t, lane] == pytest.approx(cost)
                assert settled.changed[t, lane] == (wanted != before)
                assert settled.reward[t, lane] == pytest.approx(sum(wants.values()))
                if path.truncated[t, lane]:
                    held[lane] = position[lane] = worst[lane] = 0
                    equity[lane] = [0.0]
    assert min(charged.values()) > 0  # each term was put to the test


def test_gae_equals_the_sum_of_discounted_deltas() -> None:
    rng = np.random.default_rng(0)
    T, N, gamma, lam = 12, 5, 0.9, 0.8
    rewards, values, after = rng.normal(size=(3, T, N))
    truncated = rng.random((T, N)) < 0.25
    found = gae(rewards, values, after, truncated, gamma, lam)
    for lane in range(N):
        for t in range(T):
            total, weight = 0.0, 1.0
            for k in range(t, T):
                total += weight * (rewards[k, lane] + gamma * after[k, lane] - values[k, lane])
                weight *= gamma * lam
                if truncated[k, lane]:
                    break
            assert found[t, lane] == pytest.approx(total, abs=1e-12)


def test_gae_with_lambda_one_is_the_discounted_return_less_the_value() -> None:
    rewards = np.array([[1.0], [2.0], [3.0]])
    values, after = np.array([[0.5], [0.25], [0.125]]), np.array([[0.25], [0.125], [10.0]])
    found = gae(rewards, values, after, np.zeros((3, 1), bool), 0.5, 1.0)
    assert found[0, 0] == pytest.approx(1 + 0.5 * 2 + 0.25 * 3 + 0.125 * 10 - 0.5)
