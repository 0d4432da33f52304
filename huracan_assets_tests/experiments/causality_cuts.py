"""How many features change in a bit when the future is taken away: many cuts, many markets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from huracan_assets.days import DAY
from huracan_assets.features.recipe import FEATURE_NAMES, WARM_UP_DAYS
from huracan_assets.guards.feature_truncation import Market, replay_at
from huracan_assets.guards.recomputation import altered_rows
from huracan_assets.guards.removed_future import FUTURES
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets_tests.causality.markets import MarketDay, made_day
from huracan_assets_tests.experiments.harness import Row, experiment
from huracan_assets_tests.real_candles import SPOT_2023

SYMBOLS, BENCHMARK = ("BTC-USDT", "ETH-USDT", "SOL-USDT", "ARB-USDT", "SUI-USDT"), "BTC-USDT"
LAST, CUTS = date(2023, 12, 30), 60
# The halt, a missing minute, a day whose file lacks 1,210, the first days after a listing, a day of daylight saving.
HARD = (
    ("ETH-USDT", date(2023, 3, 24)),
    ("SOL-USDT", date(2023, 2, 14)),
    ("ARB-USDT", date(2023, 7, 27)),
    ("SUI-USDT", date(2023, 5, 3)),
    ("BTC-USDT", date(2023, 3, 26)),
)


def _conclude(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    altered = sorted({name for row in rows for name in row["altered"]})
    figures = {key: sum(row[key] for row in rows) for key in ("cuts", "rows", "values")}
    return figures | {"features": len(FEATURE_NAMES), "altered": altered, "aim": "none", "ok": not altered}


@experiment(
    question="Does any feature change in a bit, in any row up to a cut, when what comes after is taken away?",
    seeds=range(40),
    conclude=_conclude,
)
def causality_cuts(seed: int) -> Row:
    """`CUTS` cuts of one day; the five ways of taking the future away take turns."""
    subject, name = _subject(seed)
    replays = [
        replay_at(subject.day, subject.market, subject.features, row, FUTURES[number % len(FUTURES)])
        for number, row in enumerate(subject.cuts(CUTS, seed))
    ]
    rows = sum(replay.used.height for replay in replays)
    return {
        "day": f"{subject.day}|{name}",
        "cuts": len(replays),
        "rows": rows,
        "values": rows * len(FEATURE_NAMES),
        "altered": [finding.subject for finding in altered_rows(replays)],
    }


def _subject(seed: int) -> tuple[MarketDay, str]:
    if seed == 0:
        return made_day(), "made"
    if seed <= len(HARD):
        symbol, day = HARD[seed - 1]
        return _real(symbol, day), symbol
    rng = np.random.default_rng(seed)
    symbol = str(rng.choice(SYMBOLS))
    begins = _source().first_day(symbol)
    assert begins is not None
    day = begins + DAY * int(rng.integers(1, (LAST - begins).days))
    return _real(symbol, day), symbol


def _real(symbol: str, day: date) -> MarketDay:
    span = (day - DAY * WARM_UP_DAYS, day + DAY)
    own: pl.DataFrame = _source().candles(symbol, *span)
    return MarketDay(day, Market(own, _source().candles(BENCHMARK, *span), _source().funding(symbol, *span)))


@cache
def _source() -> ArchiveSource:
    if not SPOT_2023.is_dir():
        raise FileNotFoundError(
            f"real candles are not at {SPOT_2023}: set HURACAN_SHARED to the folder that holds data/"
        )
    return ArchiveSource(SPOT_2023)
