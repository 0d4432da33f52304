"""What single features know of the next minutes on recorded candles, in one half of a year and in the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import spearmanr

from huracan_assets.days import MINUTE, midnight
from huracan_assets.features.recipe import FEATURE_NAMES
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets_tests.experiments.harness import Row, experiment
from huracan_assets_tests.experiments.real_bars import real_bars
from huracan_assets_tests.real_candles import SPOT_2023

SYMBOLS = ("ETH-USDT", "SOL-USDT", "ARB-USDT")
HORIZONS = (15, 60)
MIDDLE = midnight(date(2023, 7, 1))
FEWEST = 500


def _conclude(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Feature -> mean rank IC over the symbols: 15 min first half, second half, 60 min first half, second half."""
    known = [name for name in FEATURE_NAMES if all(name in row["ic"] for row in rows)]
    means = {name: np.mean([row["ic"][name] for row in rows], axis=0).round(4).tolist() for name in known}
    return {"ic": means, "aim": "none: a table to judge additions by, never to tune", "ok": True}


@experiment(
    question="Which features rank the next 15 and 60 minutes alike in both halves of 2023?",
    seeds=range(len(SYMBOLS)),
    conclude=_conclude,
)
def feature_rank_ic(seed: int) -> Row:
    """Spearman's correlation of each feature with the log return after the decision bar, by horizon and half."""
    symbol = SYMBOLS[seed]
    bars = _with_returns(symbol)
    halves = [bars.filter(pl.col("as_of") <= MIDDLE), bars.filter(pl.col("as_of") > MIDDLE)]
    ic = {name: [_rank_ic(half, name, horizon) for horizon in HORIZONS for half in halves] for name in FEATURE_NAMES}
    return {"symbol": symbol, "bars": bars.height, "ic": {name: each for name, each in ic.items() if None not in each}}


def _with_returns(symbol: str) -> pl.DataFrame:
    bars = real_bars(symbol)
    first, last = bars["as_of"][0].date(), bars["as_of"][-1].date()
    close = ArchiveSource(SPOT_2023).candles(symbol, first, last).select(as_of="known_at", price=pl.col("close").log())
    bars = bars.join(close, on="as_of", how="left")
    for horizon in HORIZONS:
        later = close.select(pl.col("as_of") - horizon * MINUTE, later="price")
        joined = bars.select("as_of", "price").join(later, on="as_of", how="left")
        bars = bars.with_columns((joined["later"] - joined["price"]).alias(f"return_{horizon}"))
    return bars


def _rank_ic(bars: pl.DataFrame, name: str, horizon: int) -> float | None:
    pair = bars.select(name, f"return_{horizon}").drop_nulls()
    if pair.height < FEWEST or pair[name].n_unique() < 2:
        return None
    return float(spearmanr(pair[name], pair[f"return_{horizon}"]).statistic)
