from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.memory import elsewhere
from huracan_assets.memory.elsewhere import (
    FOUND,
    CrossSearch,
    Elsewhere,
    ask_elsewhere,
    recall_of,
    replace_cross_search,
    stored_cross_search,
)
from huracan_assets.memory.set_ups import Memory, compare_nights
from huracan_assets.resources.postgres import connection
from huracan_assets_tests.memory.ledgers import NIGHT, bars, ledger, points, teach

pytestmark = pytest.mark.usefixtures("engine_home")

COINS = ("A-USDT", "B-USDT", "C-USDT")
AFTER = NIGHT + timedelta(5)


def remember_coins(map_name: str, seed: int, trades: int, scale: float = 1.0) -> tuple[pl.DataFrame, np.ndarray]:
    """Ledgers of three coins under a map of their own, and all their points."""
    frames, setups = [], []
    for place, coin in enumerate(COINS):
        frames.append(ledger(coin, trades, 10 * seed + place, span=1_000))
        setups.append((np.round(points(trades, 10 * seed + place) * scale) / scale).astype(np.float32))
        with connection() as conn:
            # A coin's name in the test's own: other tests may look at the others.
            teach(conn, coin, NIGHT + timedelta(place), frames[-1], setups[-1], map_name)
    with connection() as conn:
        compare_nights(conn, AFTER)
    return pl.concat(frames), np.concatenate(setups)


def ask(map_name: str, at: np.ndarray, queries: np.ndarray, k: int, least: float, before: int = 5) -> Elsewhere:
    memory = Memory(COINS[1], map_name, NIGHT + timedelta(before))
    with connection() as conn:
        return ask_elsewhere(conn, memory, (at, queries), (at, queries), k, least)


def distances(frame: pl.DataFrame, setups: np.ndarray, at: np.datetime64, query: np.ndarray) -> list[tuple[float, int]]:
    """Of other coins' trades known at `at`, nearest first, by nothing but a sort."""
    known = (frame["exit_at"].to_numpy() <= at) & (frame["symbol"] != COINS[1]).to_numpy()
    distance = np.sqrt(((setups.astype(np.float64) - query) ** 2).sum(axis=1))
    return sorted((round(float(distance[row]), 4), row) for row in np.flatnonzero(known).tolist())


@settings(max_examples=8)
@given(seed=st.integers(0, 500), trades=st.integers(0, 60), k=st.integers(1, 12), exact=st.booleans())
def test_other_coins_are_searched_as_by_brute_force(seed: int, trades: int, k: int, exact: bool) -> None:
    """Neither way finds a trade not yet known or the coin's own; exact search misses none, the graph what it says."""
    frame, setups = remember_coins("search", seed, trades)
    at, queries = bars(1_100)[::100], points(11, seed=seed + 900)
    found = ask("search", at, queries, k, least=2.0 if exact else 0.0)
    net = frame["net_bps"].to_numpy()
    for place, (when, query) in enumerate(zip(at, queries, strict=True)):
        near = [row for _, row in distances(frame, setups, when, query)[:k]]
        assert found.trades[place] <= len(near)
        if not exact and found.search.recall != 1.0:
            continue
        assert found.trades[place] == len(near)
        if near:
            assert found.net_bps[place] == pytest.approx(net[near].mean())
        else:
            assert np.isnan(found.net_bps[place])
    assert found.search.set_ups == 2 * trades
    assert found.search.probes == 11
    assert found.search.exact is (exact and found.search.recall is not None)


def test_only_nights_before_the_one_that_asks_are_searched() -> None:
    remember_coins("nights", 1, 30)
    late = np.repeat(bars(15_000)[-1:], 1)
    found = [ask("nights", late, points(1), 80, 0.9, before).trades.item() for before in range(4)]
    assert found == [0, 30, 30, 60]
    assert ask("no such map", late, points(1), 5, 0.9).search == CrossSearch(0, 1, None, False)


def test_a_search_that_misses_too_many_is_answered_exactly_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph crippled: one candidate at hand, and no second scan."""
    frame, setups = remember_coins("crippled", 2, 300)
    poor = (
        "enable_sort = off", "enable_seqscan = off", "enable_bitmapscan = off",
        "hnsw.iterative_scan = off", "hnsw.ef_search = 1",
    )  # fmt: skip
    monkeypatch.setattr(elsewhere, "APPROXIMATE", poor)
    at, queries = np.repeat(bars(1_100)[500:501], 20), points(20, seed=7)
    believed, refused = (ask("crippled", at, queries, 20, least) for least in (0.0, 0.95))
    assert believed.search.recall is not None
    assert believed.search.recall < 0.5
    assert not believed.search.exact
    assert refused.search.exact
    assert "exact search answered" in refused.search.sentence
    assert believed.trades.sum() < refused.trades.sum() == 20 * 20
    best = [row for _, row in distances(frame, setups, at[0], queries[0])[:20]]
    assert refused.net_bps[0] == pytest.approx(frame["net_bps"].to_numpy()[best].mean())


def rows(*found: tuple[int, float]) -> np.ndarray:
    made = np.zeros(len(found), dtype=FOUND)
    made["query"], made["distance"] = [query for query, _ in found], [distance for _, distance in found]
    return made


def test_recall_counts_true_neighbours_ties_among_them() -> None:
    exact = rows((0, 1.0), (0, 2.0), (2, 1.0), (2, 1.0))
    assert recall_of(exact, exact) == 1.0
    assert recall_of(rows((0, 1.0), (0, 3.0), (2, 1.0)), exact) == 0.5
    assert recall_of(rows(), exact) == 0.0
    assert recall_of(rows(), rows()) is None


def test_a_nights_search_is_stored_once() -> None:
    first, second = CrossSearch(50, 20, 0.98, False), CrossSearch(60, 20, None, True)
    with connection() as conn:
        replace_cross_search(conn, "STORED-USDT", NIGHT, first)
        assert stored_cross_search(conn, "STORED-USDT", NIGHT) == first
        replace_cross_search(conn, "STORED-USDT", NIGHT, second)
        assert stored_cross_search(conn, "STORED-USDT", NIGHT) == second
        assert stored_cross_search(conn, "NEVER-USDT", NIGHT) is None
