"""The small night in which the leaks are planted: 24 days of a synthetic coin beside its benchmark, all rooms real."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.days import DAY, days_between
from huracan_assets.engines.consensus import alpha_signals
from huracan_assets.features.compute import compute_features, decision_bars
from huracan_assets.features.feature_version import FeatureDay, FeatureVersion
from huracan_assets.features.recipe import FEATURE_NAMES, WARM_UP_DAYS
from huracan_assets.guards.feature_truncation import Market
from huracan_assets.learning.lightgbm_model import WalkForwardModels, train_walk_forward
from huracan_assets.learning.walk_forward import WalkForward, walk_forward
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.market.synthetic import SyntheticSource
from huracan_assets.regimes.regimes import classify
from huracan_assets.settings import read_settings
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.trade_outcomes import trade_outcomes
from huracan_assets.validation.audit import Material
from huracan_assets.validation.replays import Window

SYMBOL, BENCHMARK = "ETH-USDT", "BTC-USDT"
FIRST, DAYS = date(2021, 2, 1), 24
LAST = FIRST + DAY * (DAYS - 1)
WINDOW = days_between(FIRST, LAST)
TREES = {"rounds": 10, "fewest_rounds": 3}
SMALL = {"learning": {"first_train_days": 8, "folds": 3, "lightgbm": TREES}, "look_back_days": DAYS}
SETTINGS = read_settings("local", SMALL)
EMBARGO = timedelta(minutes=SETTINGS.learning.embargo_minutes)
POSITION = SETTINGS.decision.position_gbp


@cache
def market() -> Market:
    """Candles, the benchmark's candles and funding of the window and its warm-up."""
    begins = FIRST - DAY * WARM_UP_DAYS
    source = SyntheticSource(symbols=(BENCHMARK, SYMBOL), benchmark=BENCHMARK, first=begins, seed=7, edge=0.0)
    own, benchmark = (source.candles(symbol, begins, LAST) for symbol in (SYMBOL, BENCHMARK))
    return Market(own, benchmark, source.funding(SYMBOL, begins, LAST))


@cache
def grid() -> MinuteGrid:
    """The window's minutes."""
    return MinuteGrid.from_candles(market().candles, FIRST, LAST)


@cache
def bars() -> pl.DataFrame:
    """The window's decision bars, by the recipe."""
    frames = [compute_features(day, *market()) for day in WINDOW]
    return decision_bars(pl.concat(frames), SETTINGS.decision_minutes)


@cache
def window() -> Window:
    """The window as an honest night makes it."""
    simulation, funding = SETTINGS.simulation, market().funding
    regimes = classify(bars())
    unknown = np.zeros(len(grid()), np.bool_)
    outcomes = trade_outcomes(grid(), bars(), funding, Costs.of(simulation), simulation, POSITION, unknown)
    return Window(
        grid(),
        unknown,
        funding,
        bars(),
        regimes,
        alpha_signals(bars(), regimes),
        outcomes,
        walk_of(bars(), outcomes).ts,
        simulation,
        POSITION,
    )


def walk_of(frame: pl.DataFrame, outcomes: pl.DataFrame) -> WalkForward:
    """Rows and folds of some bars and outcomes."""
    days = tuple(
        FeatureDay(day=day, candles_sha256="", funding_sha256="", books_sha256=None, features_sha256="")
        for day in WINDOW
    )
    version = FeatureVersion(symbol=SYMBOL, day=LAST, recipe_sha256="", names=FEATURE_NAMES, days=days)
    return walk_forward(version, frame, outcomes, SETTINGS.learning)


@cache
def walk() -> WalkForward:
    """Rows and folds of the honest night."""
    return walk_of(bars(), window().outcomes)


@cache
def models() -> WalkForwardModels:
    """The honest night's LightGBM and its out-of-fold answers."""
    return train_walk_forward(walk().ts, walk().folds, SETTINGS.learning.lightgbm, SETTINGS.seed, EMBARGO)


@cache
def raw() -> NDArray[np.float64]:
    """(n, 2) out-of-fold scores."""
    return models().raw


def material(frame: pl.DataFrame) -> Material:
    """What the audit would look at if the night's bars were `frame`, nothing fitted and nothing made again."""
    known = market().candles.filter(pl.col("ts").dt.date() >= FIRST).select("ts", "known_at")
    return Material(
        walk_of(frame, window().outcomes),
        window(),
        known,
        [],
        [],
        [],
        LAST,
        None,
        SETTINGS,
    )
