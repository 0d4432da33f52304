"""Calm days of candles for the tests of the quality checks, and ways to spoil them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from huracan_assets.days import DAY, HOUR, MINUTE, MINUTES_PER_DAY, days_between, midnight
from huracan_assets.guards.check_result import CheckResult, DayQuality
from huracan_assets.guards.data_quality import Evidence, quality
from huracan_assets.market.contract import HOURLY_SCHEMA, to_candles
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.settings import read_settings

FIRST = date(2024, 2, 29)
SETTINGS = read_settings("local")
GUARDS = SETTINGS.guards
MAX_UNKNOWN = 144

Floats = npt.NDArray[np.float64]


def closes(days: int = 1, seed: int = 2, sigma: float = 5e-4) -> Floats:
    """A random walk of one-minute closes."""
    steps = sigma * np.random.default_rng(seed).standard_normal(days * MINUTES_PER_DAY)
    return np.asarray(100.0 * np.exp(np.cumsum(steps)))


def candles_of(close: Floats, volume: Any = None, first: date = FIRST) -> pl.DataFrame:
    """Candles around the closes, each opening at the close before."""
    opens = np.concatenate([close[:1], close[:-1]])
    ts = [midnight(first) + MINUTE * ahead for ahead in range(len(close))]
    return to_candles(
        pl.DataFrame(
            {
                "ts": ts,
                "open": opens,
                "high": np.maximum(opens, close),
                "low": np.minimum(opens, close),
                "close": close,
                "volume": np.random.default_rng(7).lognormal(size=len(close)) if volume is None else volume,
            }
        )
    )


def quiet(days: int = 1, seed: int = 2, first: date = FIRST) -> pl.DataFrame:
    """Days that every check trusts."""
    return candles_of(closes(days, seed), first=first)


def without(candles: pl.DataFrame, start: int, count: int) -> pl.DataFrame:
    """The candles less `count` rows from `start`."""
    return pl.concat([candles[:start], candles[start + count :]])


def hourly_of(candles: pl.DataFrame) -> pl.DataFrame:
    """The hours of honest minutes, as an exchange would tell them."""
    made = candles.group_by(pl.col("ts").dt.truncate("1h"), maintain_order=True).agg(
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
        *(pl.lit(None).alias(name) for name in ("quote_volume", "trades", "taker_buy_volume")),
    )
    return made.with_columns(known_at=pl.col("ts") + HOUR).select(
        pl.col(name).cast(kind) for name, kind in HOURLY_SCHEMA.items()
    )


def grid_of(candles: pl.DataFrame, days: int = 1, first: date = FIRST) -> MinuteGrid:
    """The candles on the grid of `days` days."""
    return MinuteGrid.from_candles(candles, first, first + (days - 1) * DAY)


def judged(candles: pl.DataFrame, days: int = 1, first: date = FIRST, **evidence: Any) -> list[DayQuality]:
    """The quality of the days under the bounds in force."""
    named = days_between(first, first + (days - 1) * DAY)
    return quality(Evidence(candles, **evidence), named, GUARDS, MAX_UNKNOWN)


def failing(report: DayQuality) -> list[str]:
    """The names of the checks that a day fails."""
    return [check.name for check in report.checks if not check.passed]


def one(results: Sequence[CheckResult]) -> CheckResult:
    """The result of the only day."""
    (result,) = results
    return result
