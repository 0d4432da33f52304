"""Small random markets for the feature tests: valid candles with gaps, flat minutes and dead volume."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from huracan_assets.days import DAY, MINUTE, MINUTES_PER_DAY, midnight
from huracan_assets.features.compute import day_window
from huracan_assets.features.recipe import WARM_UP_DAYS
from huracan_assets.features.window import Window
from huracan_assets.market.contract import CANDLE_SCHEMA

DAY_OF_TEST = date(2024, 3, 10)


def candles(
    seed: int, first: date = DAY_OF_TEST - WARM_UP_DAYS * DAY, days: int = 4, missing: float = 0.01
) -> pl.DataFrame:
    """Candles of `days` days from `first`; about `missing` of the minutes are absent, 3 % are still."""
    rng = np.random.default_rng(seed)
    n = days * MINUTES_PER_DAY
    step = 6e-4 * rng.standard_t(4, n)
    still = rng.random(n) < 0.03
    step[still] = 0.0
    log_close = np.log(100.0) + np.cumsum(step)
    log_open = log_close - step + np.where(still, 0.0, 5e-5 * rng.standard_normal(n))
    top, bottom = np.maximum(log_open, log_close), np.minimum(log_open, log_close)
    reach = np.where(still, 0.0, 4e-4)
    volume = np.where(still, 0.0, rng.lognormal(2.0, 1.0, n))
    close = np.round(np.exp(log_close), 4)
    frame = pl.DataFrame(
        {
            "ts": pl.datetime_range(
                midnight(first), midnight(first + days * DAY) - MINUTE, "1m", time_unit="us", eager=True
            ),
            "open": np.round(np.exp(log_open), 4),
            "high": np.round(np.exp(top + reach * rng.random(n)), 4),
            "low": np.round(np.exp(bottom - reach * rng.random(n)), 4),
            "close": close,
            "volume": volume,
            "quote_volume": volume * close,
            "trades": rng.poisson(20, n),
            "taker_buy_volume": volume * rng.random(n),
        }
    )
    kept = frame.with_columns(known_at=pl.col("ts") + MINUTE).filter(pl.Series(rng.random(n) >= missing))
    return kept.select(pl.col(name).cast(kind) for name, kind in CANDLE_SCHEMA.items())


def funding(first: date = DAY_OF_TEST - WARM_UP_DAYS * DAY, days: int = 4) -> pl.DataFrame:
    """Funding every eight hours, each event with its own rate."""
    ts = pl.datetime_range(
        midnight(first), midnight(first + days * DAY), "8h", time_unit="us", closed="left", eager=True
    )
    return pl.DataFrame({"ts": ts, "rate": np.arange(1, ts.len() + 1) * 1e-5})


def window(seed: int = 3, missing: float = 0.01) -> Window:
    """The window of DAY_OF_TEST with a benchmark and funding."""
    return day_window(DAY_OF_TEST, candles(seed, missing=missing), candles(99, missing=missing), funding())
