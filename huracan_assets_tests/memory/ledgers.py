"""Shadow ledgers and set-ups for the tests of the memory."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from huracan_assets.memory.embedding import DIMENSIONS, Embedding

NIGHT = date(2026, 6, 1)
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
            "gross_bps": rng.standard_normal(trades) * 20,
            "cost_bps": np.full(trades, 6.0),
            "funding_bps": np.zeros(trades),
            "net_bps": rng.standard_normal(trades) * 20 - 6,
            "pnl_gbp": rng.standard_normal(trades),
            "regime": rng.choice(["TREND", "RANGE", "PANIC"], trades),
            "engine": rng.choice(["trend", "range"], trades),
            "confidence": rng.uniform(0.5, 0.6, trades),
            "fold": np.ones(trades, dtype=np.int64),
        }
    ).with_columns(pl.col("as_of", "entry_at", "exit_at").dt.replace_time_zone("UTC"))


def points(count: int, seed: int = 0) -> np.ndarray:
    """Set-ups, (count, 32) float32."""
    return np.random.default_rng(seed).standard_normal((count, DIMENSIONS)).astype(np.float32)


def some_embedding() -> Embedding:
    """A map of 40 features."""
    rng = np.random.default_rng(1)
    return Embedding.fit(rng.standard_normal((60, 40)), tuple(f"f{j}" for j in range(40)), seed=1)
