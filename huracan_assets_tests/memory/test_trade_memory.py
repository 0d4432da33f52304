from __future__ import annotations

import time
from datetime import date, timedelta

import numpy as np
import polars as pl
import psycopg
import pytest

from huracan_assets.errors import ContractError
from huracan_assets.memory.trade_memory import (
    MEMORY_SCHEMA,
    RECALL_SCHEMA,
    check_known,
    latest_night,
    recall,
    remembered_embedding,
    remembered_ledger,
    replace_ledger,
)
from huracan_assets.resources.lake import content_hash
from huracan_assets.resources.postgres import connection
from huracan_assets_tests.memory.ledgers import NIGHT, bars, ledger, points, some_embedding

pytestmark = pytest.mark.usefixtures("engine_home")


def remember(symbol: str, trades: int, seed: int = 0, night: date = NIGHT) -> tuple[pl.DataFrame, np.ndarray]:
    frame, setups = ledger(symbol, trades, seed), points(trades, seed)
    with connection() as conn:
        replace_ledger(conn, symbol, night, frame, setups, some_embedding())
    return frame, setups


def brute_force(frame: pl.DataFrame, setups: np.ndarray, at: np.datetime64, query: np.ndarray, k: int) -> np.ndarray:
    """Rows of the k nearest trades known at `at`, by nothing but a sort."""
    known = frame["exit_at"].to_numpy()
    distance = np.sqrt(((setups.astype(np.float64) - query) ** 2).sum(axis=1))
    rows = [row for row in range(frame.height) if known[row] <= at]
    return np.array(sorted(rows, key=lambda row: (distance[row], known[row]))[:k], dtype=int)


def test_recall_is_the_brute_force_answer() -> None:
    frame, setups = remember("RECALL-USDT", 150)
    as_of, queries = bars(14_400)[::90], points(160, seed=5)
    with connection() as conn:
        found = recall(conn, "RECALL-USDT", NIGHT, as_of, queries, k=10)
    assert found.schema == pl.Schema(RECALL_SCHEMA)
    assert found["as_of"].to_list() == pl.Series(as_of).dt.replace_time_zone("UTC").to_list()
    net, side = frame["net_bps"].to_numpy(), frame["side"].to_numpy()
    for row, at, query in zip(found.iter_rows(named=True), as_of, queries, strict=True):
        near = brute_force(frame, setups, at, query, 10)
        assert row["neighbours"] == len(near)
        assert row["long_neighbours"] + row["short_neighbours"] == len(near)
        if not len(near):
            assert row["win_rate"] is row["mean_net_bps"] is row["nearest"] is row["long_mean_net_bps"] is None
            continue
        assert row["win_rate"] == pytest.approx((net[near] > 0).mean())
        assert row["mean_net_bps"] == pytest.approx(net[near].mean())
        assert row["nearest"] == pytest.approx(np.linalg.norm(setups[near[0]] - query), rel=1e-6)
        shorts = net[near][side[near] == -1]
        if len(shorts):
            assert row["short_mean_net_bps"] == pytest.approx(shorts.mean())
            assert row["short_rms_net_bps"] == pytest.approx(np.sqrt((shorts**2).mean()))
    assert found["neighbours"].min() == 0  # the first bars know no trade yet
    assert found["neighbours"].max() == 10


def test_a_trade_is_recalled_from_the_very_moment_its_result_is_known() -> None:
    frame, setups = remember("MOMENT-USDT", 1)
    known = frame["exit_at"].to_numpy().astype("datetime64[us]")
    instant = np.timedelta64(1, "us")
    with connection() as conn:
        found = recall(
            conn,
            "MOMENT-USDT",
            NIGHT,
            np.concatenate([known - instant, known]),
            np.repeat(setups, 2, axis=0),
            5,
        )
    assert found["neighbours"].to_list() == [0, 1]
    assert found["nearest"].to_list() == [None, 0.0]


def test_trades_that_end_later_never_change_an_earlier_answer() -> None:
    frame, setups = ledger("POISON-USDT", 200), points(200)
    as_of, queries = bars(7_000)[::50], points(140, seed=5)
    late = frame["exit_at"].to_numpy() > as_of[-1]
    poisoned = frame.with_columns(net_bps=pl.when(pl.Series(late)).then(1e9).otherwise(pl.col("net_bps")))
    answers = []
    for version, moved in ((frame, setups), (poisoned, np.where(late[:, None], queries[0], setups))):
        with connection() as conn:
            replace_ledger(conn, "POISON-USDT", NIGHT, version, moved.astype(np.float32), some_embedding())
            answers.append(recall(conn, "POISON-USDT", NIGHT, as_of, queries, 10))
    assert late.sum() > 50
    assert answers[0].equals(answers[1])


def test_ties_go_to_the_trade_known_first_whatever_the_order_of_rows() -> None:
    frame = ledger("TIES-USDT", 40)
    same = np.ones((40, 32), dtype=np.float32)
    expected = frame.sort("exit_at", "as_of").head(3)["net_bps"].mean()
    for version in (frame, frame.reverse()):
        with connection() as conn:
            replace_ledger(conn, "TIES-USDT", NIGHT, version, same, some_embedding())
            # The index would hand the rows over in order of time; the planner need not use it.
            conn.execute("SET LOCAL enable_indexscan = off")
            conn.execute("SET LOCAL enable_bitmapscan = off")
            found = recall(conn, "TIES-USDT", NIGHT, bars(14_400)[-1:], same[:1], 3)
        assert found["mean_net_bps"].item() == pytest.approx(expected)


def test_a_rerun_replaces_and_other_nights_and_symbols_stay() -> None:
    remember("RERUN-USDT", 30)
    remember("RERUN-USDT", 20, night=NIGHT - timedelta(1))
    remember("BESIDE-USDT", 10)
    frame, setups = remember("RERUN-USDT", 25, seed=8)
    with connection() as conn:
        stored = remembered_ledger(conn, "RERUN-USDT", NIGHT)
        assert remembered_ledger(conn, "RERUN-USDT", NIGHT - timedelta(1)).height == 20
        assert remembered_ledger(conn, "BESIDE-USDT", NIGHT).height == 10
        assert remembered_embedding(conn, "RERUN-USDT", NIGHT) == some_embedding()
    assert stored.schema == pl.Schema(MEMORY_SCHEMA)
    kept = [name for name in MEMORY_SCHEMA if name not in ("night", "embedding")]
    assert stored.select(kept).equals(frame.rename({"exit_at": "known_at"}).select(kept))
    np.testing.assert_array_equal(stored["embedding"].to_numpy(), setups)


def test_an_embedding_comes_back_with_every_bit_also_a_zeros_sign() -> None:
    """The night's audit compares it by bits with the same map fitted again."""
    whole = some_embedding()
    odd = whole.model_copy(update={"centre": (-0.0, 0.1 + 0.2, *whole.centre[2:])})
    with connection() as conn:
        replace_ledger(conn, "BITS-USDT", NIGHT, ledger("BITS-USDT", 3), points(3), odd)
        back = remembered_embedding(conn, "BITS-USDT", NIGHT)
    assert content_hash(back) == content_hash(odd)
    assert np.signbit(back.centre[0])


def test_a_failure_half_way_leaves_the_night_as_it_was() -> None:
    remember("HALF-USDT", 12)
    twice = ledger("HALF-USDT", 6)
    twice = pl.concat([twice, twice])
    with pytest.raises(psycopg.errors.UniqueViolation), connection() as conn:
        replace_ledger(conn, "HALF-USDT", NIGHT, twice, points(12, seed=3), some_embedding())
    with connection() as conn:
        assert remembered_ledger(conn, "HALF-USDT", NIGHT).height == 12


def test_the_latest_night_is_earlier_and_holds_a_trade() -> None:
    symbol = "LATEST-USDT"
    for back, trades in ((5, 3), (3, 2), (1, 0)):
        remember(symbol, trades, night=NIGHT - timedelta(back))
    with connection() as conn:
        assert latest_night(conn, symbol, NIGHT) == NIGHT - timedelta(3)
        assert latest_night(conn, symbol, NIGHT - timedelta(3)) == NIGHT - timedelta(5)
        assert latest_night(conn, symbol, NIGHT - timedelta(5)) is None
        assert latest_night(conn, "NEVER-USDT", NIGHT) is None
        with pytest.raises(ContractError, match="NEVER-USDT"):
            remembered_embedding(conn, "NEVER-USDT", NIGHT)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (pl.col("exit_at") + timedelta(days=365), "ended after that day"),
        (pl.col("as_of").alias("exit_at"), "known at its own decision"),
        (pl.lit(None, pl.Float64).alias("net_bps"), "net_bps"),
        (pl.lit(float("nan")).alias("confidence"), "confidence"),
        (pl.lit("OTHER-USDT").alias("symbol"), "other symbols"),
    ],
)
def test_a_ledger_that_breaks_its_contract_is_refused(change: pl.Expr, reason: str) -> None:
    with connection() as conn, pytest.raises(ContractError, match=reason):
        replace_ledger(
            conn,
            "BROKEN-USDT",
            NIGHT,
            ledger("BROKEN-USDT", 3).with_columns(change),
            points(3),
            some_embedding(),
        )


def test_points_that_do_not_fit_are_refused() -> None:
    with connection() as conn:
        with pytest.raises(ContractError, match="embed each trade"):
            replace_ledger(conn, "B-USDT", NIGHT, ledger("B-USDT", 3), points(2), some_embedding())
        with pytest.raises(ContractError, match="embed each bar"):
            recall(conn, "B-USDT", NIGHT, bars(3), points(2), 5)


def test_a_neighbour_known_after_its_bar_is_an_error() -> None:
    as_of = bars(3)
    check_known(as_of, as_of)
    with pytest.raises(ContractError, match="1 neighbours were not known"):
        check_known(as_of + np.array([0, 1, 0], "timedelta64[us]"), as_of)


def test_ten_thousand_bars_recall_in_seconds() -> None:
    remember("SPEED-USDT", 400)
    as_of, queries = bars(14_400)[-10_000:], points(10_000, seed=2)
    with connection() as conn:
        began = time.perf_counter()
        found = recall(conn, "SPEED-USDT", NIGHT, as_of, queries, 20)
        took = time.perf_counter() - began
    assert found["neighbours"].max() == 20
    assert took < 4.0
