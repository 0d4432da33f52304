"""Shadow ledgers and set-ups for the tests of the memory."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from huracan_assets.memory.clearance import judge_night
from huracan_assets.memory.set_up_map import DIMENSIONS
from huracan_assets.memory.trade_memory import VOTES, replace_ledger
from huracan_assets.regimes.regimes import REGIMES
from huracan_assets.resources.postgres import connection

if TYPE_CHECKING:
    import psycopg

NIGHT = date(2026, 6, 1)
MAP = "one map"
FIRST = np.datetime64("2026-01-01T00:15:00", "us")
BAR = np.timedelta64(15, "m")


def bars(count: int) -> np.ndarray:
    """Decision times, (count,) datetime64[us]."""
    return FIRST + np.arange(count) * BAR


def ledger(symbol: str, trades: int, seed: int = 0, span: int = 14_000) -> pl.DataFrame:
    """Trades on random bars, each over after one to eight bars."""
    rng = np.random.default_rng(seed)
    as_of = bars(span)[np.sort(rng.choice(span, trades, replace=False))]
    return pl.DataFrame(
        {
            "symbol": np.full(trades, symbol),
            "as_of": as_of,
            "side": rng.choice([-1, 1], trades).astype(np.int8),
            "entry_at": as_of + np.timedelta64(1, "m"),
            "exit_at": as_of + rng.integers(1, 9, trades) * BAR,
            "entry_price": rng.uniform(90, 110, trades),
            "exit_price": rng.uniform(90, 110, trades),
            "exit_reason": rng.choice(["take_profit", "stop_loss", "time"], trades),
            "size_gbp": np.full(trades, 1000.0),
            "filled_share": rng.uniform(0.5, 1.0, trades),
            "gross_bps": rng.standard_normal(trades) * 20,
            "fee_bps": np.full(trades, 4.0),
            "half_spread_bps": np.full(trades, 1.5),
            "impact_bps": np.full(trades, 0.5),
            "slippage_bps": rng.standard_normal(trades),
            "cost_bps": np.full(trades, 6.0),
            "funding_bps": np.zeros(trades),
            "net_bps": rng.standard_normal(trades) * 20 - 6,
            "pnl_gbp": rng.standard_normal(trades),
            "regime": rng.choice(REGIMES, trades),
            "engine": rng.choice(["trend", "range"], trades),
            "confidence": rng.uniform(0.5, 0.6, trades),
            "expected_net_bps": rng.standard_normal(trades),
            "agreement": rng.uniform(0.0, 1.0, trades),
            **{vote: np.where(rng.random(trades) < 0.2, np.nan, rng.uniform(-1.0, 1.0, trades)) for vote in VOTES},
            "mfe_bps": rng.uniform(0, 40, trades),
            "mae_bps": rng.uniform(-40, 0, trades),
            "fold": np.ones(trades, dtype=np.int32),
        }
    ).with_columns(pl.col("as_of", "entry_at", "exit_at").dt.replace_time_zone("UTC"))


def points(count: int, seed: int = 0) -> np.ndarray:
    """Set-ups, (count, 32) float32."""
    return np.random.default_rng(seed).standard_normal((count, DIMENSIONS)).astype(np.float32)


def teach(
    conn: psycopg.Connection[Any],
    symbol: str,
    night: date,
    frame: pl.DataFrame,
    setups: np.ndarray,
    map_name: str,
) -> None:
    """A night's ledger in the memory, with a clean report."""
    replace_ledger(conn, symbol, night, frame, setups, map_name)
    judge_night(conn, symbol, night, clean=True)


def remember(
    symbol: str, trades: int, seed: int = 0, night: date = NIGHT, map_name: str = MAP
) -> tuple[pl.DataFrame, np.ndarray]:
    """A random ledger in the memory, and its points."""
    frame, setups = ledger(symbol, trades, seed), points(trades, seed)
    with connection() as conn:
        teach(conn, symbol, night, frame, setups, map_name)
    return frame, setups
