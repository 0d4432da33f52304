"""The market environment against a bar-by-bar account, and its episodes against their definition."""

from __future__ import annotations

import numpy as np
import pytest

from huracan_assets.errors import ContractError
from huracan_assets.learning.market_env import FLAT, LONG, SHORT, TARGETS, Market, MarketEnv, make_market


def random_market(n: int, seed: int, rows: np.ndarray | None = None) -> Market:
    rng = np.random.default_rng(seed)
    return make_market(rng.normal(size=(n, 3)).astype(np.float32), rng.normal(0, 25, n), rng.uniform(1, 9, n), rows)


def test_rewards_equal_an_account_kept_by_hand() -> None:
    market, rng = random_market(80, 1), np.random.default_rng(2)
    env = MarketEnv(market, 5, 9, scale_bps=20.0, cost_multiple=2.0, risk_aversion=0.3)
    env.reset(rng)
    first = env.state.row.copy()
    path = env.path(40, rng)
    assert (path.rows[0] == first).all()
    actions = rng.integers(0, 3, (40, 5))
    changes = np.empty((40, 5))
    for t in range(40):
        changes[t], _ = env.step(path.truncated[t], actions[t])
    settled = env.settle(path.rows[:40], actions, changes)
    for lane in range(5):
        held = 0.0
        for t in range(40):
            row, wanted = path.rows[t, lane], {FLAT: 0.0, LONG: 1.0, SHORT: -1.0}[int(actions[t, lane])]
            gross = wanted * market.next_return_bps[row]
            cost = abs(wanted - held) * market.cost_bps[row]
            reward = (gross - 2 * cost) / 20 - 0.15 * (gross / 20) ** 2
            assert settled.gross_bps[t, lane] == pytest.approx(gross)
            assert settled.cost_bps[t, lane] == pytest.approx(cost)
            assert settled.reward[t, lane] == pytest.approx(reward)
            held = 0.0 if path.truncated[t, lane] else wanted


def test_episodes_are_cut_after_their_bars_before_gaps_and_at_the_end() -> None:
    n = 200
    rng = np.random.default_rng(3)
    returns = rng.normal(0, 25, n)
    returns[[50, 120]] = np.nan
    rows = np.delete(np.arange(n), 150)
    market = make_market(np.zeros((n, 1), np.float32), returns, np.ones(n), rows)
    closed = {50, 120, 149, len(rows) - 1}  # rows that can only be looked at
    assert set(np.flatnonzero(market.run_end == np.arange(len(rows)))) == closed
    assert set(market.starts) == set(range(len(rows))) - closed
    env = MarketEnv(market, 32, 16)
    env.reset(rng)
    path = env.path(300, rng)
    age = np.zeros(32, np.int64)
    for t in range(300):
        arrived = path.rows[t] + 1
        age += 1
        assert np.isfinite(market.next_return_bps[path.rows[t]]).all()
        assert not (set(path.rows[t]) & closed)
        full = np.isin(arrived, list(closed)) | (age == 16)
        # A first episode may be shorter than full; every later one is cut exactly when it must be.
        begun = path.truncated[:t].any(axis=0)
        assert (path.truncated[t][begun] == full[begun]).all()
        assert path.truncated[t][full].all()
        assert (path.rows[t + 1][~path.truncated[t]] == arrived[~path.truncated[t]]).all()
        age[path.truncated[t]] = 0
    assert path.truncated.any()


def test_the_account_shows_position_and_bars_held_and_starts_again_flat() -> None:
    market, rng = random_market(500, 4), np.random.default_rng(5)
    env = MarketEnv(market, 3, 100)
    env.reset(rng)
    keep = np.zeros(3, np.bool_)
    shown = env.account()
    assert (shown == [1, 0, 0, 0]).all()
    for bars in (1, 2, 3):
        _, shown = env.step(keep, np.array([LONG, SHORT, FLAT]))
        assert np.allclose(shown[:, 3], [np.log1p(bars) / np.log1p(100)] * 2 + [0])
    assert (shown[:, :3] == np.eye(3)[[LONG, SHORT, FLAT]]).all()
    change, shown = env.step(np.array([False, True, False]), np.array([SHORT, SHORT, LONG]))
    assert change.tolist() == [2.0, 0.0, 1.0]
    assert shown[1, SHORT] == 1 and env.account()[1].tolist() == [1, 0, 0, 0]
    assert np.allclose(shown[[0, 2], 3], np.log1p(1) / np.log1p(100))


def test_the_last_row_of_a_segment_earns_nothing() -> None:
    """Its return reaches beyond the segment; poisoning it changes nothing that can be earned."""
    market = random_market(60, 6, np.arange(30))
    assert len(market.features) == 30 and 29 not in market.starts


def test_the_path_depends_on_the_seed_alone() -> None:
    market = random_market(300, 7)
    paths = []
    for seed in (1, 1, 2):
        env, rng = MarketEnv(market, 8, 20), np.random.default_rng(seed)
        env.reset(rng)
        paths.append(np.concatenate([env.path(10, rng).rows, env.path(10, rng).rows]))
    assert (paths[0] == paths[1]).all() and (paths[0] != paths[2]).any()


def test_markets_that_do_not_fit_are_refused() -> None:
    features, good = np.zeros((5, 2), np.float32), np.ones(5)
    with pytest.raises(ContractError, match="same bars"):
        make_market(features, good[:4], good)
    with pytest.raises(ContractError, match="increasing"):
        make_market(features, good, good, np.array([0, 2, 1]))
    with pytest.raises(ContractError, match="negative"):
        make_market(features, good, -good)
    with pytest.raises(ContractError, match="known return"):
        make_market(features, np.full(5, np.nan), good)
    assert TARGETS[[FLAT, LONG, SHORT]].tolist() == [0, 1, -1]
