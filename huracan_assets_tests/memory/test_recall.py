from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.errors import ContractError
from huracan_assets.memory.recall import RECALL_SCHEMA, check_known, recall, recall_day_by_day
from huracan_assets.memory.set_ups import Memory, compare_nights
from huracan_assets.regimes.regimes import REGIMES
from huracan_assets.resources.postgres import connection
from huracan_assets_tests.memory.ledgers import FIRST, MAP, NIGHT, bars, ledger, points, remember, teach

pytestmark = pytest.mark.usefixtures("engine_home")

MICROSECOND = np.timedelta64(1, "us")


def ask(
    symbol: str, as_of: np.ndarray, regime: np.ndarray, queries: np.ndarray, k: int, before: date | None = None
) -> pl.DataFrame:
    """What a night after all others recalls."""
    memory = Memory(symbol, MAP, before or NIGHT + timedelta(1))
    with connection() as conn:
        compare_nights(conn, memory.before)
        return recall(conn, memory, as_of, regime, queries, k)


def regimes(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).choice(REGIMES, count)


def brute_force(
    frame: pl.DataFrame, setups: np.ndarray, bar: tuple[np.datetime64, str, np.ndarray], k: int
) -> tuple[list[int], bool]:
    """Rows of the k nearest trades known at a bar, by nothing but a sort; and whether of its regime alone."""
    at, regime, query = bar
    known, of = frame["exit_at"].to_numpy(), frame["regime"].to_list()
    first = frame["as_of"].to_numpy()
    difference = setups - query
    distance = np.sqrt((difference.astype(np.float64) ** 2).sum(axis=1))
    rows = [row for row in range(frame.height) if known[row] <= at]
    own = [row for row in rows if of[row] == regime]
    rows = own if len(own) >= k else rows
    return sorted(rows, key=lambda row: (distance[row], known[row], first[row]))[:k], len(own) >= k


def is_brute_force(found: pl.DataFrame, frame: pl.DataFrame, setups: np.ndarray, asked: list[Any], k: int) -> None:
    net, side = frame["net_bps"].to_numpy(), frame["side"].to_numpy()
    for row, bar in zip(found.iter_rows(named=True), asked, strict=True):
        near, own = brute_force(frame, setups, bar, k)
        assert row["neighbours"] == len(near)
        assert row["long_neighbours"] + row["short_neighbours"] == len(near)
        if not near:
            assert row["win_rate"] is row["mean_net_bps"] is row["nearest"] is row["same_regime"] is None
            continue
        assert row["same_regime"] is own
        assert row["win_rate"] == pytest.approx((net[near] > 0).mean())
        assert row["mean_net_bps"] == pytest.approx(net[near].mean())
        assert row["nearest"] == pytest.approx(np.linalg.norm(setups[near[0]] - bar[2]), rel=1e-6)
        for name, sign in (("long", 1), ("short", -1)):
            one = net[near][side[near] == sign]
            assert row[f"{name}_neighbours"] == len(one)
            if len(one):
                assert row[f"{name}_mean_net_bps"] == pytest.approx(one.mean())
                assert row[f"{name}_rms_net_bps"] == pytest.approx(np.sqrt((one**2).mean()))


@settings(max_examples=15)
@given(trades=st.integers(0, 120), seed=st.integers(0, 10_000), k=st.integers(1, 15), grid=st.booleans())
def test_recall_is_the_brute_force_answer(trades: int, seed: int, k: int, grid: bool) -> None:
    """On random ledgers; with `grid`, points on few places, so that most distances are ties."""
    frame, setups = ledger("RECALL-USDT", trades, seed, span=1_000), points(trades, seed)
    as_of, queries = bars(1_100)[::25], points(44, seed=seed + 1)
    if grid:
        setups, queries = np.sign(setups) * (np.arange(32) < 2), np.zeros_like(queries)
    with connection() as conn:
        teach(conn, "RECALL-USDT", NIGHT, frame, setups.astype(np.float32), MAP)
    asked = regimes(44, seed)
    found = ask("RECALL-USDT", as_of, asked, queries.astype(np.float32), k)
    assert found.schema == pl.Schema(RECALL_SCHEMA)
    assert found["as_of"].to_list() == pl.Series(as_of).dt.replace_time_zone("UTC").to_list()
    is_brute_force(found, frame, setups, list(zip(as_of, asked.tolist(), queries, strict=True)), k)


def test_a_trade_is_recalled_from_the_very_moment_its_result_is_known() -> None:
    frame, setups = remember("MOMENT-USDT", 1)
    known = frame["exit_at"].to_numpy().astype("datetime64[us]")
    at = np.concatenate([known - MICROSECOND, known])
    found = ask("MOMENT-USDT", at, np.array(["TREND", "TREND"]), np.repeat(setups, 2, axis=0), 5)
    assert found["neighbours"].to_list() == [0, 1]
    assert found["nearest"].to_list() == [None, 0.0]


def test_trades_that_end_later_never_change_an_earlier_answer() -> None:
    frame, setups = ledger("POISON-USDT", 200), points(200)
    as_of, queries, asked = bars(7_000)[::50], points(140, seed=5), regimes(140)
    late = pl.Series(frame["exit_at"].to_numpy() > as_of[-1])
    poisoned = frame.with_columns(
        net_bps=pl.when(late).then(1e9).otherwise("net_bps"),
        regime=pl.when(late).then(pl.lit("PANIC")).otherwise("regime"),
    )
    answers = []
    for version, moved in ((frame, setups), (poisoned, np.where(late.to_numpy()[:, None], queries[0], setups))):
        with connection() as conn:
            teach(conn, "POISON-USDT", NIGHT, version, moved.astype(np.float32), MAP)
        answers.append(ask("POISON-USDT", as_of, asked, queries, 10))
    assert late.sum() > 50
    assert answers[0].equals(answers[1])


def test_a_regime_that_is_hardly_remembered_is_not_silent_and_says_so() -> None:
    frame, setups = ledger("RARE-USDT", 60), points(60)
    rare = pl.Series(np.arange(60) % 20 == 0)
    frame = frame.with_columns(regime=pl.when(rare).then(pl.lit("PANIC")).otherwise(pl.lit("RANGE")))
    with connection() as conn:
        teach(conn, "RARE-USDT", NIGHT, frame, setups, MAP)
    at = np.repeat(bars(15_000)[-1:], 3)
    found = ask("RARE-USDT", at, np.array(["RANGE", "PANIC", "TREND"]), np.repeat(setups[:1], 3, axis=0), 20)
    assert found["neighbours"].to_list() == [20, 20, 20]
    assert found["same_regime"].to_list() == [True, False, False]


def test_ties_go_to_the_trade_known_first_whatever_the_order_of_rows() -> None:
    frame = ledger("TIES-USDT", 40).with_columns(regime=pl.lit("RANGE"))
    same = np.ones((40, 32), dtype=np.float32)
    expected = frame.sort("exit_at", "as_of").head(3)["net_bps"].mean()
    for version in (frame, frame.reverse()):
        with connection() as conn:
            teach(conn, "TIES-USDT", NIGHT, version, same, MAP)
            compare_nights(conn, NIGHT + timedelta(1))
            # The index would hand the rows over in order of time; the planner need not use it.
            conn.execute("SET LOCAL enable_indexscan = off")
            conn.execute("SET LOCAL enable_bitmapscan = off")
            memory = Memory("TIES-USDT", MAP, NIGHT + timedelta(1))
            found = recall(conn, memory, bars(14_400)[-1:], np.array(["RANGE"]), same[:1], 3)
        assert found["mean_net_bps"].item() == pytest.approx(expected)


def test_a_bar_without_a_point_and_a_night_without_a_past_recall_nothing() -> None:
    remember("NOWHERE-USDT", 30)
    queries = points(3)
    queries[1, 7] = np.nan
    late = np.repeat(bars(15_000)[-1:], 3)
    found = ask("NOWHERE-USDT", late, regimes(3), queries, 5)
    assert found["neighbours"].to_list() == [5, 0, 5]
    assert ask("NOWHERE-USDT", late, regimes(3), queries, 5, before=NIGHT)["neighbours"].sum() == 0
    assert ask("NEVER-USDT", late, regimes(3), queries, 5)["nearest"].to_list() == [None] * 3
    assert ask("NEVER-USDT", late[:0], regimes(0), queries[:0], 5).schema == pl.Schema(RECALL_SCHEMA)


def test_a_past_day_is_told_what_its_own_night_was_told() -> None:
    """Also after later nights have been remembered, whose trades ended before the bar."""
    nights, k = [date(2026, 3, day) for day in (1, 2, 3)], 5
    at = np.datetime64("2026-03-01T08:00", "us") + np.arange(9) * np.timedelta64(8, "h")  # the third is that of 24:00
    queries, asked = points(9, seed=3), regimes(9)
    told = []
    with connection() as conn:
        conn.execute("DELETE FROM set_ups WHERE symbol = 'DAILY-USDT'")
        for number, night in enumerate(nights):
            teach(conn, "DAILY-USDT", night - timedelta(1), *_before(number), MAP)
            compare_nights(conn, night)
            rows = slice(3 * number, 3 * number + 3)
            told.append(recall(conn, Memory("DAILY-USDT", MAP, night), at[rows], asked[rows], queries[rows], k))
        found = recall_day_by_day(conn, "DAILY-USDT", MAP, at, asked, queries, k)
        late = recall(conn, Memory("DAILY-USDT", MAP, nights[-1]), at, asked, queries, k)
        nothing = recall_day_by_day(conn, "DAILY-USDT", MAP, at[:0], asked[:0], queries[:0], k)
    assert found.equals(pl.concat(told))
    assert not found.equals(late)
    assert nothing.schema == pl.Schema(RECALL_SCHEMA)


def _before(number: int) -> tuple[pl.DataFrame, np.ndarray]:
    """Trades that were over before any of the nights, at times that no other number has."""
    frame = ledger("DAILY-USDT", 40, seed=number).with_columns(
        as_of=pl.Series(
            FIRST + np.arange(40) * np.timedelta64(6, "h") + number * np.timedelta64(2, "h")
        ).dt.replace_time_zone("UTC"),
    )
    over = frame.with_columns(entry_at=pl.col("as_of").dt.offset_by("1m"), exit_at=pl.col("as_of").dt.offset_by("30m"))
    return over, points(40, seed=number)


def test_bars_that_do_not_fit_are_refused() -> None:
    wild = points(3)
    wild[0, 0] = np.inf
    for queries in (points(2), wild):
        with pytest.raises(ContractError, match="embed each bar"):
            ask("B-USDT", bars(3), regimes(3), queries, 5)
    with pytest.raises(ContractError, match="STORM"):
        ask("B-USDT", bars(1), np.array(["STORM"]), points(1), 5)


def test_a_neighbour_known_after_its_bar_is_an_error() -> None:
    as_of = bars(3)
    check_known(as_of, as_of)
    with pytest.raises(ContractError, match="1 neighbours were not known"):
        check_known(as_of + np.array([0, 1, 0], "timedelta64[us]"), as_of)
