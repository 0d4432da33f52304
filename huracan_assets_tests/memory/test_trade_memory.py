from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.decision.ensemble import SOURCES
from huracan_assets.errors import ContractError
from huracan_assets.memory.trade_memory import LEDGER_COLUMNS, MEMORY_SCHEMA, VOTES, remembered_ledger, replace_ledger
from huracan_assets.resources.postgres import connection
from huracan_assets.shadow.ledger import LEDGER_SCHEMA
from huracan_assets_tests.memory.ledgers import MAP, NIGHT, ledger, points, remember

pytestmark = pytest.mark.usefixtures("engine_home")


def test_the_memory_holds_every_column_of_the_ledger() -> None:
    assert set(LEDGER_COLUMNS) - {"night", "embedding"} == set(LEDGER_SCHEMA)
    assert VOTES == SOURCES
    for name, kind in LEDGER_SCHEMA.items():
        assert MEMORY_SCHEMA["known_at" if name == "exit_at" else name] == kind


def test_a_rerun_replaces_and_other_nights_and_symbols_stay() -> None:
    remember("RERUN-USDT", 30)
    remember("RERUN-USDT", 20, night=NIGHT - timedelta(1))
    remember("BESIDE-USDT", 10)
    frame, setups = remember("RERUN-USDT", 25, seed=8)
    with connection() as conn:
        stored = remembered_ledger(conn, "RERUN-USDT", NIGHT)
        assert remembered_ledger(conn, "RERUN-USDT", NIGHT - timedelta(1)).height == 20
        assert remembered_ledger(conn, "BESIDE-USDT", NIGHT).height == 10
    assert stored.schema == pl.Schema(MEMORY_SCHEMA)
    kept = [name for name in MEMORY_SCHEMA if name not in ("night", "embedding")]
    assert stored.select(kept).equals(frame.rename({"exit_at": "known_at"}).select(kept))
    np.testing.assert_array_equal(stored["embedding"].to_numpy(), setups)


texts = st.sampled_from(["", "a", "ab", "naïve", "TREND"])


@settings(max_examples=15)
@given(rows=st.lists(st.tuples(texts, texts, texts, st.booleans()), max_size=12))
def test_rows_of_any_texts_come_back_bit_for_bit(rows: list[tuple[str, str, str, bool]]) -> None:
    """Texts of every length side by side, votes that were not cast, set-ups without a point."""
    reasons, regimes, engines, placed = zip(*rows, strict=True) if rows else ((), (), (), ())
    frame = ledger("TEXTS-USDT", len(rows)).with_columns(
        exit_reason=pl.Series(reasons, dtype=pl.String),
        regime=pl.Series(regimes, dtype=pl.String),
        engine=pl.Series(engines, dtype=pl.String),
    )
    setups = np.where(np.array(placed, dtype=bool)[:, None], points(len(rows)), np.float32(np.nan))
    with connection() as conn:
        replace_ledger(conn, "TEXTS-USDT", NIGHT, frame, setups, MAP)
        stored = remembered_ledger(conn, "TEXTS-USDT", NIGHT)
    kept = [name for name in MEMORY_SCHEMA if name not in ("night", "embedding")]
    assert stored.select(kept).equals(frame.rename({"exit_at": "known_at"}).select(kept))
    assert stored["embedding"].is_null().to_list() == [not known for known in placed]
    back = stored["embedding"].drop_nulls().to_numpy().reshape(-1, setups.shape[1])
    np.testing.assert_array_equal(back, setups[np.array(placed, dtype=bool)])


def test_a_failure_half_way_leaves_the_night_as_it_was() -> None:
    remember("HALF-USDT", 12)
    twice = ledger("HALF-USDT", 6)
    twice = pl.concat([twice, twice])
    with pytest.raises(psycopg.errors.UniqueViolation), connection() as conn:
        replace_ledger(conn, "HALF-USDT", NIGHT, twice, points(12, seed=3), MAP)
    with connection() as conn:
        assert remembered_ledger(conn, "HALF-USDT", NIGHT).height == 12


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (pl.col("exit_at") + timedelta(days=365), "ended after that day"),
        (pl.col("as_of").alias("exit_at"), "known at its own decision"),
        (pl.lit(None, pl.Float64).alias("net_bps"), "net_bps"),
        (pl.lit(None, pl.String).alias("regime"), "regime"),
        (pl.lit(float("nan")).alias("confidence"), "confidence"),
        (pl.lit(float("inf")).alias("rl_agent"), "rl_agent"),
        (pl.lit("OTHER-USDT").alias("symbol"), "other symbols"),
    ],
)
def test_a_ledger_that_breaks_its_contract_is_refused(change: pl.Expr, reason: str) -> None:
    with connection() as conn, pytest.raises(ContractError, match=reason):
        broken = ledger("BROKEN-USDT", 3).with_columns(change)
        replace_ledger(conn, "BROKEN-USDT", NIGHT, broken, points(3), MAP)


def test_points_that_do_not_fit_are_refused() -> None:
    wild = points(3)
    wild[1, 4] = np.inf
    with connection() as conn:
        with pytest.raises(ContractError, match="embed each trade"):
            replace_ledger(conn, "B-USDT", NIGHT, ledger("B-USDT", 3), points(2), MAP)
        with pytest.raises(ContractError, match="infinite values in its points"):
            replace_ledger(conn, "B-USDT", NIGHT, ledger("B-USDT", 3), wild, MAP)
