"""Days on which causality is proven: a made one with everything that a lake may hold, and the day of a real halt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from huracan_assets.days import DAY, midnight
from huracan_assets.features.compute import compute_features
from huracan_assets.features.optional_inputs import OPTIONAL_SCHEMAS, OptionalInputs
from huracan_assets.features.recipe import WARM_UP_DAYS
from huracan_assets.guards.feature_truncation import Market
from huracan_assets.market.contract import to_candles
from huracan_assets_tests.features.random_market import DAY_OF_TEST, candles, funding

FIRST = DAY_OF_TEST - WARM_UP_DAYS * DAY
DAYS = WARM_UP_DAYS + 2  # the day after the test's, too: it lies in the lake whenever a past day is made again


@dataclass(frozen=True)
class MarketDay:
    """A day and the market around it, warm-up before it and a day after it."""

    day: date
    market: Market

    @cached_property
    def features(self) -> pl.DataFrame:
        """What the whole market gives."""
        return compute_features(self.day, *self.market)

    def edges(self) -> list[int]:
        """Rows at which something ends: the day's first and last, and those on both sides of every gap."""
        ts = self.features["ts"].to_numpy()
        gaps = np.flatnonzero(np.diff(ts) > np.timedelta64(60_000_000, "us"))
        last = self.features.height - 1
        return sorted({0, 1, last - 1, last, *gaps.tolist(), *(gaps + 1).tolist()})

    def cuts(self, count: int, seed: int) -> list[int]:
        """`count` rows of the day: up to half of them edges, the others drawn."""
        rng = np.random.default_rng(seed)
        edges = self.edges()
        first, last = edges[:2], edges[-2:]
        inner = rng.permutation(edges[2:-2])[: max(0, count // 2 - 4)].tolist()
        chosen = [*first, *last, *inner]
        free = np.setdiff1d(np.arange(self.features.height), chosen)
        return sorted([*chosen, *rng.permutation(free)[: count - len(chosen)].tolist()])


def made_day() -> MarketDay:
    """A random market with gaps, its benchmark, funding, and every optional input."""
    own, benchmark, perpetual = (candles(seed, FIRST, DAYS) for seed in (3, 99, 17))
    more = OptionalInputs(_open_interest(), _order_books(own), perpetual, _sentiment())
    return MarketDay(DAY_OF_TEST, Market(own, benchmark, funding(FIRST, DAYS), more))


def halted_day(shared: Path) -> MarketDay:
    """ETH on 2023-03-24, when the exchange stood still from 12:40 to 14:00."""
    day = date(2023, 3, 24)
    span = pl.col("ts").dt.date().is_between(day - WARM_UP_DAYS * DAY, day + DAY)
    folder = shared / "data" / "candles_1m_2023"
    own, benchmark = (
        to_candles(pl.scan_parquet(folder / f"{name}-USDT.parquet").filter(span).collect().sort("ts"))
        for name in ("ETH", "BTC")
    )
    return MarketDay(day, Market(own, benchmark, None))


def _instants(minutes: int) -> pl.Series:
    begin, end = midnight(FIRST), midnight(FIRST + DAYS * DAY)
    every = timedelta(minutes=minutes)
    return pl.datetime_range(begin, end, every, time_unit="us", closed="left", eager=True).alias("ts")


def _open_interest() -> pl.DataFrame:
    ts = _instants(5)
    count = 1e5 * np.exp(np.cumsum(np.random.default_rng(4).normal(0, 1e-3, len(ts))))
    late = (ts + timedelta(seconds=40)).alias("known_at")
    return pl.DataFrame([ts, late, pl.Series("open_interest", count), pl.Series("open_interest_value", count * 100)])


def _sentiment() -> pl.DataFrame:
    ts = _instants(60)
    score = np.random.default_rng(5).uniform(-1, 1, len(ts))
    late = (ts + timedelta(minutes=7)).alias("known_at")
    return pl.DataFrame([ts, late, pl.Series("score", score)]).cast(pl.Schema(OPTIONAL_SCHEMAS["sentiment"]))


def _order_books(own: pl.DataFrame) -> pl.DataFrame:
    rng = np.random.default_rng(6)
    price = own["close"].to_numpy()[:, None]
    step = 1e-4 * np.arange(1, 4)
    levels = {
        "bid_prices": price * (1 - step),
        "bid_sizes": rng.lognormal(0, 1, (len(price), 3)),
        "ask_prices": price * (1 + step),
        "ask_sizes": rng.lognormal(0, 1, (len(price), 3)),
    }
    times = own.select(ts=pl.col("ts") + timedelta(seconds=58), known_at=pl.col("ts") + timedelta(seconds=59))
    columns = [pl.Series(name, table.tolist(), dtype=pl.List(pl.Float64())) for name, table in levels.items()]
    return times.with_columns(columns)
