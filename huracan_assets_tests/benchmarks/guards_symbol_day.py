"""How long the guards of one symbol-day take: quality of the look-back, the day's contracts, and drift.

The look-back is 150 days of reference and the newest week. Everything is read from a lake, hashes included, by the
functions that the assets call; Dagster itself is left out.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from huracan_assets.days import DAY, days_between, days_until, midnight
from huracan_assets.features.compute import compute_features
from huracan_assets.features.contract import validate_features
from huracan_assets.features.recipe import WARM_UP_DAYS
from huracan_assets.guards.data_quality import quality, read_evidence
from huracan_assets.guards.drift import drift
from huracan_assets.guards.quality_window import QualityWindow, calendar_table, newest_day_table
from huracan_assets.market.capped_returns import ReturnCap
from huracan_assets.market.contract import validate_candles, validate_funding, validate_hourly, validate_returns
from huracan_assets.market.minute_status import minute_status, validate_status
from huracan_assets.market.source import split_days
from huracan_assets.market.synthetic import SyntheticSource
from huracan_assets.resources.lake import Lake
from huracan_assets.settings import read_settings
from huracan_assets_tests.benchmarks.harness import benchmark, seconds
from huracan_assets_tests.guards.quiet_days import hourly_of

NIGHT = date(2024, 8, 1)
SYMBOL, BENCHMARK = "ETH-USDT", "BTC-USDT"
REFERENCE_DAYS = 150
FEATURES = 60
SETTINGS = read_settings("local")
DAYS = days_until(NIGHT, REFERENCE_DAYS + SETTINGS.guards.drift_current_days)


@benchmark(unit="s", bound=3.0)
def guards_symbol_day() -> float:
    """Wall seconds of quality, contracts and drift, reading included."""
    lake = _lake()
    return seconds(lambda: _guard(lake))


def _guard(lake: Lake) -> None:
    guards = SETTINGS.guards
    evidence = read_evidence(lake, SYMBOL, BENCHMARK, DAYS)
    judged = quality(evidence, DAYS, guards, SETTINGS.market.max_unknown_minutes)
    window = QualityWindow(symbol=SYMBOL, days=tuple(judged))
    window.require_trusted()
    newest_day_table(window)
    calendar_table(window)
    _hold_contracts(lake)
    report = drift(
        lake.read_frame("decision_bars", SYMBOL, NIGHT),
        guards.drift_current_days,
        guards.drift_bins,
        guards.drift_alarm_quantile,
    )
    assert report.height == FEATURES


def _hold_contracts(lake: Lake) -> None:
    hourly = lake.read_frame("hourly_candles", SYMBOL, NIGHT)
    cap = ReturnCap(SETTINGS.guards.max_minute_return, hourly, lake.read_frame("candles", BENCHMARK, NIGHT))
    candles = lake.read_frame("candles", SYMBOL, NIGHT)
    validate_candles(candles, symbol=SYMBOL, day=NIGHT, origin="lake")
    validate_returns(candles, cap, symbol=SYMBOL, origin="lake")
    validate_hourly(hourly, symbol=SYMBOL, origin="lake")
    validate_funding(lake.read_frame("funding_rates", SYMBOL, NIGHT), symbol=SYMBOL, origin="lake")
    validate_status(lake.read_frame("minute_status", SYMBOL, NIGHT), symbol=SYMBOL, day=NIGHT)
    validate_features(lake.read_frame("features", SYMBOL, NIGHT), NIGHT)


@cache
def _lake() -> Lake:
    """A lake of the look-back: a made market with gaps, and slow made features."""
    folder = Path(tempfile.mkdtemp(prefix="huracan-guards-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    lake = Lake.at(folder)
    source = SyntheticSource(
        symbols=(BENCHMARK, SYMBOL), benchmark=BENCHMARK, first=DAYS[0] - DAY, seed=SETTINGS.seed, edge=0.0
    )
    for symbol in (BENCHMARK, SYMBOL):
        whole = source.candles(symbol, DAYS[0], NIGHT)
        hours = split_days(hourly_of(whole), DAYS)
        kept = whole.filter(pl.int_range(pl.len()) % 997 != 0)
        for day, candles in split_days(kept, DAYS).items():
            lake.write_frame("candles", symbol, day, candles)
            lake.write_frame("hourly_candles", symbol, day, hours[day])
            lake.write_frame("minute_status", symbol, day, minute_status(day, candles, hours[day], ()))
    funding = source.funding(SYMBOL, NIGHT, NIGHT)
    assert funding is not None
    lake.write_frame("funding_rates", SYMBOL, NIGHT, funding)
    lake.write_frame("features", SYMBOL, NIGHT, _features(lake))
    lake.write_frame("decision_bars", SYMBOL, NIGHT, _decision_bars())
    return lake


def _features(lake: Lake) -> pl.DataFrame:
    days = days_between(NIGHT - DAY * WARM_UP_DAYS, NIGHT)
    own, other = (lake.read_window("candles", symbol, days) for symbol in (SYMBOL, BENCHMARK))
    return compute_features(NIGHT, own, other, None)


def _decision_bars() -> pl.DataFrame:
    """Autoregressive features with half-lives of minutes to days, one of them null at times."""
    rng = np.random.default_rng(SETTINGS.seed)
    n = len(DAYS) * 24 * 60 // SETTINGS.decision_minutes
    as_of = pl.datetime_range(
        midnight(DAYS[0]), midnight(NIGHT + DAY), f"{SETTINGS.decision_minutes}m", time_unit="us", eager=True
    )[1:]
    columns = {}
    for place in range(FEATURES):
        persistence = 1.0 - 0.5 ** (1 + place % 9)
        noise = rng.standard_normal(n)
        values = np.empty(n)
        values[0] = noise[0]
        for bar in range(1, n):
            values[bar] = persistence * values[bar - 1] + noise[bar]
        values[rng.random(n) < (0.2 if place == 0 else 0.0)] = np.nan
        columns[f"feature_{place}"] = pl.Series(values, dtype=pl.Float32, nan_to_null=True)
    return pl.DataFrame({"as_of": as_of, **columns})
