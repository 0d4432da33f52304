"""Random decisions and outcomes, and ledgers written by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from huracan_assets.decision.ensemble import SOURCES
from huracan_assets.shadow.ledger import LEDGER_SCHEMA
from huracan_assets.simulation.trade_outcomes import OUTCOME_SCHEMA

QUARTER = timedelta(minutes=15)


def random_night(
    rng: np.random.Generator, begin: datetime, bars: int, worst_bps: float = 150.0
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Decisions at `bars` quarters of an hour and outcomes of both sides; the last few bars have none."""
    as_of = [begin + QUARTER * (bar + 1) for bar in range(bars)]
    accepted = rng.random(bars) < 0.7
    side = np.where(accepted, rng.choice([-1, 1], bars), rng.integers(-1, 2, bars))
    decisions = pl.DataFrame(
        {
            "as_of": as_of,
            "side": pl.Series(side, dtype=pl.Int8),
            "accepted": accepted,
            "refused_by": np.where(accepted, "", rng.choice(["cost", "spread"], bars)),
            "confidence": rng.random(bars),
            "expected_net_bps": rng.normal(0, 10, bars),
            "agreement": rng.random(bars),
            "size_gbp": np.where(accepted, rng.choice([500.0, 1000.0], bars), 0.0),
            "regime": rng.choice(["TREND", "RANGE"], bars),
            "engine": rng.choice(["trend", "range", "none"], bars),
            **{source: rng.uniform(-1, 1, bars) for source in SOURCES},
            "fold": pl.Series(rng.integers(1, 3, bars), dtype=pl.Int32),
        },
        schema_overrides={"as_of": pl.Datetime("us", "UTC")},
    )
    rows = [_outcome(rng, moment, one, worst_bps) for moment in as_of[: bars - min(3, bars - 1)] for one in (1, -1)]
    return decisions, pl.DataFrame(rows, schema=OUTCOME_SCHEMA)


def _outcome(rng: np.random.Generator, as_of: datetime, side: int, worst_bps: float) -> dict[str, Any]:
    held = timedelta(minutes=int(rng.choice([1, 14, 29, 44, 119])))
    gross, cost = float(rng.uniform(-worst_bps, worst_bps)), float(rng.uniform(5, 20))
    return {
        "as_of": as_of,
        "side": side,
        "entry_at": as_of + timedelta(minutes=1),
        "exit_at": as_of + timedelta(minutes=1) + held,
        "entry_price": 100.0,
        "exit_price": 100.0 * (1 + side * gross / 1e4),
        "exit_reason": "time",
        "gross_bps": gross,
        "cost_bps": cost,
        "funding_bps": 0.0,
        "net_bps": gross - cost,
        "mfe_bps": 0.0,
        "mae_bps": 0.0,
        "uniqueness": 1.0,
        "crosses_unknown": False,
    }


def row(as_of: datetime, net_bps: float, **changes: Any) -> dict[str, Any]:
    """One honest trade of ETH-USDT that is open for an hour."""
    size = changes.get("size_gbp", 1000.0)
    return {
        "symbol": "ETH-USDT",
        "as_of": as_of,
        "side": 1,
        "entry_at": as_of + timedelta(minutes=1),
        "exit_at": as_of + timedelta(minutes=60),
        "entry_price": 100.0,
        "exit_price": 100.0 + net_bps / 100,
        "exit_reason": "time",
        "size_gbp": size,
        "gross_bps": net_bps + 12.0,
        "cost_bps": 12.0,
        "funding_bps": 0.0,
        "net_bps": net_bps,
        "pnl_gbp": net_bps * size / 1e4,
        "regime": "TREND",
        "engine": "trend",
        "confidence": 0.6,
        "expected_net_bps": 5.0,
        "agreement": 0.5,
        **dict.fromkeys(SOURCES, 0.1),
        "mfe_bps": 0.0,
        "mae_bps": 0.0,
        "fold": 1,
        **changes,
    }


def ledger(*rows: dict[str, Any]) -> pl.DataFrame:
    """A ledger of these trades."""
    return pl.DataFrame(list(rows), schema=LEDGER_SCHEMA)
