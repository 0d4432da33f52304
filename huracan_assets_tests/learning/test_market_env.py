"""The market environment: its episodes against their definition, its account against one kept by hand."""

from __future__ import annotations

import numpy as np
import pytest

from huracan_assets.errors import ContractError
from huracan_assets.learning.market_env import (
    FLAT,
    LONG,
    SHORT,
    TARGETS,
    Market,
    MarketEnv,
    account_columns,
    account_state,
    account_steps,
    make_market,
)


def random_market(n: int, seed: int, rows: np.ndarray | None = None) -> Market:
    rng = np.random.default_rng(seed)
    return make_market(rng.normal(size=(n, 3)).astype(np.float32), rng.normal(0, 25, n), rng.uniform(1, 9, n), rows)


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
    env.reset(rng, market.starts)
    path = env.path(300, rng, market.starts)
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


def test_new_episodes_begin_only_where_they_may() -> None:
    market, rng = random_market(300, 4), np.random.default_rng(5)
    allowed = np.array([7, 90])
    env = MarketEnv(market, 16, 10)
    env.reset(rng, allowed)
    assert set(env.state.row) <= set(allowed)
    path = env.path(60, rng, allowed)
    assert set(path.rows[1:][path.truncated]) == set(allowed)


def test_the_account_shows_position_and_bars_held() -> None:
    longest = 100
    columns, steps = account_columns(longest), account_steps(longest)
    rng = np.random.default_rng(6)
    position, held, state = 0, 0, 0
    for action in rng.choice([FLAT, LONG, LONG, LONG, SHORT], 400):
        state = int(steps[state, action])
        held = 0 if action == FLAT else held + 1 if action == position else 1
        position = int(action)
        assert state == account_state(np.array([position]), np.array([held]), longest)[0]
        assert columns[state, :3].tolist() == np.eye(3)[position].tolist()
        assert columns[state, 3] == pytest.approx(np.log1p(held) / np.log1p(longest))
    # A position that is older than an episode can be looks as old as one.
    assert steps[account_state(np.array([LONG]), np.array([longest]), longest)[0], LONG] == LONG * 101 + longest


def test_the_last_row_of_a_segment_earns_nothing() -> None:
    """Its return reaches beyond the segment; poisoning it changes nothing that can be earned."""
    market = random_market(60, 6, np.arange(30))
    assert len(market.features) == 30 and 29 not in market.starts


def test_the_path_depends_on_the_seed_alone() -> None:
    market = random_market(300, 7)
    paths = []
    for seed in (1, 1, 2):
        env, rng = MarketEnv(market, 8, 20), np.random.default_rng(seed)
        env.reset(rng, market.starts)
        both = [env.path(10, rng, market.starts).rows for _ in range(2)]
        paths.append(np.concatenate(both))
    assert (paths[0] == paths[1]).all() and (paths[0] != paths[2]).any()


def test_markets_that_do_not_fit_are_refused() -> None:
    features, good = np.zeros((5, 2), np.float32), np.ones(5)
    with pytest.raises(ContractError, match="same bars"):
        make_market(features, good[:4], good)
    with pytest.raises(ContractError, match="increasing"):
        make_market(features, good, good, np.array([0, 2, 1]))
    with pytest.raises(ContractError, match="negative"):
        make_market(features, good, -good)
    for nothing in (np.full(5, np.nan), np.full(5, np.inf)):
        with pytest.raises(ContractError, match="known return"):
            make_market(features, nothing, good)
    with pytest.raises(ContractError, match="known return"):
        make_market(features, good, good, np.empty(0, np.int64))
    with pytest.raises(ContractError, match="no feature"):
        make_market(np.full((5, 2), np.nan, np.float32), good, good)
    assert TARGETS[[FLAT, LONG, SHORT]].tolist() == [0, 1, -1]
