"""Decision bars of recorded candles, through the engine's own recipe."""

from __future__ import annotations

from datetime import date
from functools import cache

import polars as pl

from huracan_assets.days import DAY, MINUTES_PER_DAY, days_between
from huracan_assets.features.compute import compute_features, decision_bars
from huracan_assets.features.recipe import WARM_UP_DAYS
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets.market.source import split_days
from huracan_assets.settings import read_settings
from huracan_assets_tests.real_candles import SPOT_2023

BENCHMARK = "BTC-USDT"
LAST = date(2023, 12, 31)
MOST_MISSING_MINUTES = 144  # a day that lacks more is no evidence of how days are


@cache
def real_bars(symbol: str) -> pl.DataFrame:
    """`as_of` and features of 2023 of one symbol, from the first day with a whole warm-up before it.

    Raises:
        FileNotFoundError: the recorded candles are not there.
    """
    if not SPOT_2023.is_dir():
        raise FileNotFoundError(
            f"real candles are not at {SPOT_2023}: set HURACAN_SHARED to the folder that holds data/"
        )
    source = ArchiveSource(SPOT_2023)
    begins = source.first_day(symbol)
    if begins is None:
        raise FileNotFoundError(f"{SPOT_2023} has no {symbol}: choose one of its symbols")
    span = (begins, LAST)
    own, benchmark = source.candles(symbol, *span), source.candles(BENCHMARK, *span)
    funding, minutes = source.funding(symbol, *span), read_settings().decision_minutes
    bars = [
        decision_bars(compute_features(day, own, benchmark, funding), minutes)
        for day, candles in split_days(own, days_between(begins + WARM_UP_DAYS * DAY, LAST)).items()
        if MINUTES_PER_DAY - candles.height <= MOST_MISSING_MINUTES
    ]
    return pl.concat(bars)
