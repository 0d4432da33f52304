"""The curriculum: difficulty as measured on the training rows, and the order in which levels are met."""

from __future__ import annotations

import numpy as np
import pytest

from huracan_assets.learning.market_env import make_market
from huracan_assets.learning.ppo_curriculum import difficulty, level_at, levels
from huracan_assets_tests.learning.test_market_env import random_market


def test_difficulty_is_the_cost_of_a_trade_over_the_moves_of_the_episode() -> None:
    market = random_market(150, 3, np.delete(np.arange(150), [40, 41, 97]))
    found = difficulty(market, 16)
    for place, start in enumerate(market.starts):
        bars = slice(start, min(start + 16, market.run_end[start]))
        move = np.sqrt(np.mean(market.next_return_bps[bars] ** 2))
        assert found[place] == pytest.approx(2 * market.cost_bps[bars].mean() / move)


def test_levels_are_nested_and_the_last_is_everything() -> None:
    market = random_market(400, 5)
    easy, medium, hard = levels(market, 32)
    assert set(easy) < set(medium) < set(hard) and (hard == market.starts).all()
    found = dict(zip(market.starts, difficulty(market, 32), strict=True))
    assert max(found[start] for start in easy) < min(found[start] for start in set(medium) - set(easy))
    assert max(found[start] for start in medium) < min(found[start] for start in set(hard) - set(medium))


def test_where_all_is_alike_and_where_nothing_moves_there_is_a_level_all_the_same() -> None:
    for returns in (np.tile([5.0, -5.0], 50), np.zeros(100)):
        market = make_market(np.ones((100, 1), np.float32), returns, np.ones(100))
        assert all(len(starts) for starts in levels(market, 10))


def test_the_levels_come_in_turn() -> None:
    assert [level_at(done, 10, 0.2) for done in range(10)] == [0, 0, 1, 1] + [2] * 6
    assert [level_at(done, 3, 0.5) for done in range(3)] == [0, 0, 1]
    assert level_at(0, 10, 0.0) == 2
