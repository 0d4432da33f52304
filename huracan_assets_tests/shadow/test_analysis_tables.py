"""The analysts' tables in Postgres: what is written comes back, a rerun replaces it, a failure changes nothing."""

from __future__ import annotations

import json
from datetime import UTC, date, timedelta
from typing import Any

import numpy as np
import polars as pl
import psycopg
import pytest

from huracan_assets.resources.postgres import connection
from huracan_assets.shadow.analysis_tables import TABLES, replace_analysis
from huracan_assets.shadow.missed_trades import GateRecord
from huracan_assets.shadow.trade_analysis import TradeAnalysis, analyse
from huracan_assets_tests.shadow.recorded_market import SETTINGS, night

pytestmark = pytest.mark.usefixtures("engine_home")
NIGHT = date(2026, 1, 20)
WATCHED = SETTINGS.analysts.post_exit_minutes


def analysed(seed: int, days: int = 12) -> tuple[pl.DataFrame, TradeAnalysis]:
    found = night(np.random.default_rng(seed), days)
    return analyse(found.material, SETTINGS.analysts, SETTINGS.simulation, SETTINGS.decision)


def stored(symbol: str, table: str, of: date = NIGHT) -> list[dict[str, Any]]:
    with connection() as conn:
        found = conn.execute(
            f"SELECT * FROM {table} WHERE symbol = %s AND night = %s ORDER BY 3",
            (symbol, of),
        )
        names = [column.name for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def write(symbol: str, frame: pl.DataFrame, missed: tuple[GateRecord, ...], of: date = NIGHT) -> None:
    with connection() as conn:
        replace_analysis(conn, symbol, of, frame, missed, WATCHED)


def test_every_trade_comes_back_with_its_cause_and_what_came_after_it() -> None:
    frame, document = analysed(1)
    write("BACK-USDT", frame, document.missed)
    reasoned = stored("BACK-USDT", "win_analysis") + stored("BACK-USDT", "loss_analysis")
    tracked = {row["as_of"].astimezone(UTC): row for row in stored("BACK-USDT", "post_exit_tracking")}
    assert len(reasoned) == len(tracked) == frame.height > 20
    causes = {row["as_of"].astimezone(UTC): row for row in reasoned}
    for trade in frame.iter_rows(named=True):
        why, after = causes[trade["as_of"]], tracked[trade["as_of"]]
        assert (why["cause"], why["fired"], why["net_bps"]) == (trade["cause"], trade["fired"], trade["net_bps"])
        assert why["evidence"] == json.loads(trade["evidence"])
        assert why["known_at"] == after["known_at"] == trade["exit_at"] + timedelta(minutes=WATCHED)
        assert (after["best_bps"], after["best_minutes"]) == (trade["after_best_bps"], trade["after_best_minutes"])
        assert after["verdict"] == trade["exit_verdict"]
    assert all(row["net_bps"] > 0 for row in stored("BACK-USDT", "win_analysis"))
    gates = {row["gate"]: row for row in stored("BACK-USDT", "missed_trades")}
    for record in document.missed:
        assert gates[record.gate]["net_bps"] == record.net_bps
        assert (gates[record.gate]["bars"], gates[record.gate]["verdict"]) == (record.bars, record.verdict)


def test_a_rerun_replaces_its_rows_and_other_nights_and_symbols_stay() -> None:
    first, document = analysed(2)
    second, other = analysed(3)
    write("AGAIN-USDT", first, document.missed)
    write("AGAIN-USDT", first, document.missed, NIGHT - timedelta(1))
    write("BESIDE-USDT", first, document.missed)
    write("AGAIN-USDT", second, other.missed)
    write("AGAIN-USDT", second, other.missed)
    assert len(stored("AGAIN-USDT", "post_exit_tracking")) == second.height != first.height
    assert len(stored("AGAIN-USDT", "post_exit_tracking", NIGHT - timedelta(1))) == first.height
    assert len(stored("BESIDE-USDT", "post_exit_tracking")) == first.height
    assert len(stored("AGAIN-USDT", "missed_trades")) == len(other.missed)


def test_a_failure_half_way_leaves_every_table_as_it_was() -> None:
    frame, document = analysed(4)
    write("HALF-USDT", frame, document.missed)
    before = {table: stored("HALF-USDT", table) for table in TABLES}
    twice = (*document.missed, document.missed[0])
    with pytest.raises(psycopg.errors.UniqueViolation):
        write("HALF-USDT", frame.head(5), twice)
    assert {table: stored("HALF-USDT", table) for table in TABLES} == before


def test_a_night_without_trades_leaves_empty_tables() -> None:
    frame, document = analysed(5)
    write("NONE-USDT", frame, document.missed)
    write("NONE-USDT", frame.clear(), ())
    assert all(stored("NONE-USDT", table) == [] for table in TABLES)
