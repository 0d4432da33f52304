"""Trades with the figures of their paths, written by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from huracan_assets.shadow.ledger import LEDGER_SCHEMA
from huracan_assets_tests.shadow.trades import row

FIRST = datetime(2026, 1, 1, 10, 0, tzinfo=UTC)
PATH: dict[str, Any] = {
    "minutes_held": 58.0,
    "path_sigma": 5e-4,
    "move_sigmas": 0.0,
    "under_water": 0.5,
    "minutes_to_best": 10.0,
    "after_best_bps": 5.0,
    "after_best_minutes": 3.0,
    "after_worst_bps": -5.0,
    "after_worst_minutes": 9.0,
    "after_end_bps": 0.0,
    "after_first": 0.0,
    "entry_sigma": 5e-4,
    "crosses_unknown": False,
    "sources_against": 0.0,
    "after_best_net_bps": -25.0,
    "regime_at_exit": "TREND",
}
PATH_SCHEMA = dict.fromkeys(PATH, pl.Float64()) | {"crosses_unknown": pl.Boolean(), "regime_at_exit": pl.String()}
# A loser and a winner of which no rule has anything to say.
LOSER = row(FIRST, -30.0, confidence=0.6, mfe_bps=10.0, mae_bps=-22.0) | PATH
WINNER = row(FIRST, 4.0, mfe_bps=18.0, mae_bps=-6.0) | PATH


def facts(*trades: dict[str, Any]) -> pl.DataFrame:
    """A frame as `trade_facts` makes it, a bar apart."""
    apart = [trade | {"as_of": FIRST + timedelta(hours=2 * place)} for place, trade in enumerate(trades)]
    moved = [
        t | {"entry_at": t["as_of"] + timedelta(minutes=1), "exit_at": t["as_of"] + timedelta(hours=1)} for t in apart
    ]
    return pl.DataFrame(moved, schema=LEDGER_SCHEMA | PATH_SCHEMA)
