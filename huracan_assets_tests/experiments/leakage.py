"""How often the leakage guard cries wolf: on real candles, where nothing leaks, and where an edge is strong and true.

And whether it still sees the wolf there: the leaks that a night plants into its own evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from huracan_assets.days import DAY, days_between
from huracan_assets.features.compute import compute_features, decision_bars
from huracan_assets.features.recipe import WARM_UP_DAYS
from huracan_assets.guards.future_correlation import future_correlation
from huracan_assets.guards.rank_correlation import Array, Times, lagged_returns, rank_correlation, ranks
from huracan_assets.guards.target_proxy import target_proxy
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets.market.synthetic import SyntheticSource
from huracan_assets.settings import read_settings
from huracan_assets_tests.experiments.harness import Row, experiment
from huracan_assets_tests.experiments.real_bars import real_bars
from huracan_assets_tests.real_candles import SPOT_2023

SETTINGS = read_settings()
BOUND, MINUTES = SETTINGS.guards.leakage_correlation_max, SETTINGS.decision_minutes
HORIZON = SETTINGS.simulation.horizon_minutes // MINUTES
SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT", "ARB-USDT", "SUI-USDT")
WINDOW_DAYS, STEP_DAYS = SETTINGS.look_back_days - SETTINGS.learning.first_train_days, 30
EDGES = (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0)  # bps a minute per deviation of the order flow
FIRST, NIGHT_DAYS = date(2026, 1, 1), 120


def _judge(bars: pl.DataFrame, price: Array) -> dict[str, Any]:
    """What the checks say of these bars with all features proven, with none, and of two shifted ones."""
    as_of: Times = bars["as_of"].dt.replace_time_zone(None).to_numpy()
    names = [name for name in bars.columns[1:] if bars[name].count()]
    values = bars.select(names).cast(pl.Float64).fill_null(np.nan).to_numpy()
    plain = np.append(price[HORIZON:], np.full(HORIZON, np.nan)) - price

    def found(proven: Sequence[str]) -> list[str]:
        ahead = future_correlation(names, values, as_of, price, HORIZON + 1, BOUND, proven)
        return sorted({f.subject for f in [*ahead, *target_proxy(names, values, plain, plain, HORIZON, BOUND, proven)]})

    past = values[:, [names.index("ret_15"), names.index("ret_60")]]
    shifted = np.concatenate([past[1:], past[-1:]])
    seen = future_correlation(["ret_15", "ret_60"], shifted, as_of, price, HORIZON + 1, BOUND, ["ret_15", "ret_60"])
    ranked = ranks(values)
    ahead = np.abs([rank_correlation(ranked, lagged_returns(as_of, price, h)) for h in range(1, HORIZON + 3)])
    return {
        "features": len(names),
        "found": found(names),
        "found_unproven": found([]),
        "leaks_found": len({finding.subject for finding in seen}),
        "best_with_next_bar": round(float(ahead[0].max()), 3),
        "steepest_cliff": round(float((ahead[:-1] - ahead[1:]).max()), 3),
    }


def _real(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    windows = [window for row in rows for window in row["windows"]]
    alarms = sum(bool(window["found"]) for window in windows)
    figures = {
        "windows": len(windows),
        "windows_with_an_alarm": alarms,
        "unproven": sum(bool(window["found_unproven"]) for window in windows),
        "leaks_found": [sum(window["leaks_found"] for window in windows), 2 * len(windows)],
        "steepest_cliff": max(window["steepest_cliff"] for window in windows),
        "best_with_next_bar": max(window["best_with_next_bar"] for window in windows),
    }
    ok = alarms == 0 and figures["leaks_found"][0] == figures["leaks_found"][1]
    return figures | {"aim": "no alarm, every leak", "ok": ok}


@experiment(
    question="Does a feature of recorded candles raise a leakage alarm, and does its twin of the next bar?",
    seeds=range(len(SYMBOLS)),
    conclude=_real,
)
def leakage_real_windows(seed: int) -> Row:
    """One symbol of 2023: every window of 120 days, a month apart."""
    symbol = SYMBOLS[seed]
    bars, price = real_bars(symbol), _close(symbol)
    joined = bars.join(price, on="as_of", how="left", maintain_order="left")
    windows = []
    begin, last = bars["as_of"][0], bars["as_of"][-1]
    while begin + timedelta(days=WINDOW_DAYS) <= last:
        window = joined.filter(pl.col("as_of").is_between(begin, begin + timedelta(days=WINDOW_DAYS)))
        windows.append(_judge(window.drop("price"), window["price"].to_numpy()))
        begin += timedelta(days=STEP_DAYS)
    return {"symbol": symbol, "windows": windows}


def _close(symbol: str) -> pl.DataFrame:
    source = ArchiveSource(SPOT_2023)
    begins = source.first_day(symbol)
    assert begins is not None
    candles = source.candles(symbol, begins, date(2023, 12, 31))
    return candles.select(pl.col("known_at").alias("as_of"), price=pl.col("close").log())


def _strong(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    alarms = [row["edge"] for row in rows if row["found"]]
    missed = [row["edge"] for row in rows if row["leaks_found"] < 2]
    cliff = {row["edge"]: row["steepest_cliff"] for row in rows}
    return {"alarms_at": alarms, "leaks_missed_at": missed, "steepest_cliff": cliff, "ok": not alarms and not missed}


@experiment(
    question="Is a strong true edge taken for a leak, and is a leak still found beside it?",
    seeds=range(len(EDGES)),
    conclude=_strong,
)
def leakage_strong_edges(seed: int) -> Row:
    """A synthetic coin of 120 days with a planted edge; the nightly proves its features by recomputation."""
    edge, begins, last = EDGES[seed], FIRST - WARM_UP_DAYS * DAY, FIRST + NIGHT_DAYS * DAY
    source = SyntheticSource(symbols=("BTC-USDT", "ETH-USDT"), benchmark="BTC-USDT", first=begins, seed=seed, edge=edge)
    own, benchmark = (source.candles(symbol, begins, last) for symbol in ("ETH-USDT", "BTC-USDT"))
    funding = source.funding("ETH-USDT", begins, last)
    days = days_between(FIRST, last)
    bars = decision_bars(pl.concat([compute_features(day, own, benchmark, funding) for day in days]), MINUTES)
    close = own.select(pl.col("known_at").alias("as_of"), price=pl.col("close").log())
    price = bars.select("as_of").join(close, on="as_of", how="left", maintain_order="left")["price"].to_numpy()
    return {"edge": edge} | _judge(bars, price)
