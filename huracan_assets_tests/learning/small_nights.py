"""Nights of a few days, with bars and outcomes drawn at random."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from huracan_assets.days import DAY, days_between
from huracan_assets.features.feature_version import FeatureDay, FeatureVersion
from huracan_assets.learning.walk_forward import WalkForward, walk_forward
from huracan_assets.settings import LearningSettings, read_settings
from huracan_assets.simulation.trade_outcomes import OUTCOME_SCHEMA

FIRST = date(2026, 1, 1)
MINUTE, QUARTER = np.timedelta64(60_000_000, "us"), np.timedelta64(15 * 60_000_000, "us")
ORIGIN = np.datetime64(FIRST, "us")


def learning(**changes: int) -> LearningSettings:
    return read_settings("local").learning.model_copy(
        update={"first_train_days": 2, "folds": 3, "embargo_minutes": 120, **changes}
    )


def version(days: int) -> FeatureVersion:
    window = days_between(FIRST, FIRST + DAY * (days - 1))
    entries = tuple(
        FeatureDay(day=day, candles_sha256="c", funding_sha256="", books_sha256=None, features_sha256="f")
        for day in window
    )
    return FeatureVersion(symbol="ETH-USDT", day=window[-1], recipe_sha256="r", names=("x",), days=entries)


def night(seed: int, days: int, missing: float = 0.1) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars and outcomes that stay open for up to six hours."""
    rng = np.random.default_rng(seed)
    as_of = ORIGIN + QUARTER * np.arange(1, days * 96 + 1)
    as_of = as_of[rng.random(len(as_of)) >= missing]
    utc = pl.Series(as_of).dt.replace_time_zone("UTC")
    bars = pl.DataFrame({"as_of": utc, "x": rng.normal(size=len(as_of)).astype(np.float32)})
    sides = []
    for side in (1, -1):
        held = rng.integers(2, 360, len(as_of)) * MINUTE
        net = rng.normal(0, 30, len(as_of))
        sides.append(
            pl.DataFrame(
                {
                    "as_of": utc,
                    "side": pl.repeat(side, len(as_of), dtype=pl.Int8, eager=True),
                    "entry_at": utc,
                    "exit_at": pl.Series(as_of + held).dt.replace_time_zone("UTC"),
                    "entry_price": 1.0,
                    "exit_price": 1.0,
                    "exit_reason": "time",
                    "filled_share": 1.0,
                    "gross_bps": net + 10,
                    "fee_bps": 8.0,
                    "half_spread_bps": 1.5,
                    "impact_bps": 0.5,
                    "cost_bps": 10.0,
                    "funding_bps": 0.0,
                    "net_bps": net,
                    "slippage_bps": 2.0,
                    "mfe_bps": 0.0,
                    "mae_bps": 0.0,
                    "uniqueness": 0.1,
                    "crosses_unknown": False,
                }
            )
        )
    return bars, pl.concat(sides).sort("as_of", "side", descending=[False, True]).select(OUTCOME_SCHEMA.keys())


def small(seed: int, days: int = 8, **changes: int) -> WalkForward:
    return walk_forward(version(days), *night(seed, days), learning(**changes))
