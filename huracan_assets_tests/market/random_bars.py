"""Minute bars of a market that trades at bid and ask, with a spread that is known."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
import polars as pl

from huracan_assets.days import MINUTES_PER_DAY, days_between, midnight
from huracan_assets.market.contract import TIME


@cache
def bars(seed: int, volume: float, first: date, last: date, *, spread_bps: float = 0.0) -> pl.DataFrame:
    """Minute bars of 20 trades each, at bid or ask by chance, around a random walk; `volume` USDT a minute."""
    rng = np.random.default_rng(seed)
    minutes = MINUTES_PER_DAY * len(days_between(first, last))
    middle = np.cumsum(1e-4 * rng.standard_normal((minutes, 20)).ravel()).reshape(minutes, 20)
    price = 100.0 * np.exp(middle + 0.5e-4 * spread_bps * rng.choice([-1.0, 1.0], (minutes, 20)))
    traded = volume * rng.lognormal(0.0, 0.3, minutes)
    frame = pl.DataFrame(
        {
            "ts": [midnight(first) + timedelta(minutes=minute) for minute in range(minutes)],
            "open": price[:, 0],
            "high": price.max(axis=1),
            "low": price.min(axis=1),
            "close": price[:, -1],
            "volume": traded / price.mean(axis=1),
            "quote_volume": traded,
        }
    )
    return frame.with_columns(pl.col("ts").cast(TIME))
