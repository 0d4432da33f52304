"""Regimes, signals, votes, labels and training rows: what was known at a bar stands, whatever comes after it."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, datetime
from functools import cache

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from huracan_assets.days import DAY, HOUR, days_between, midnight
from huracan_assets.engines import range as range_engine
from huracan_assets.engines import trend
from huracan_assets.engines.consensus import alpha_signals, consensus
from huracan_assets.engines.leading import leading_engine
from huracan_assets.features.compute import compute_features, decision_bars
from huracan_assets.features.recipe import WARM_UP_DAYS
from huracan_assets.guards.recomputation import altered_rows
from huracan_assets.guards.removed_future import FUTURES, Future, removed
from huracan_assets.learning.training_set import training_set
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.regimes.regimes import EVIDENCE_NEEDED, classify
from huracan_assets.regimes.vote import regime_vote
from huracan_assets.settings import read_settings
from huracan_assets.simulation.conditions import trade_conditions
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.trade_outcomes import trade_outcomes
from huracan_assets.validation.replays import Window, replay_window
from huracan_assets_tests.features.random_market import candles, funding

SETTINGS = read_settings("local")
SIMULATION, POSITION, COSTS = SETTINGS.simulation, SETTINGS.decision.position_gbp, Costs.of(SETTINGS.simulation)
FIRST, DAYS, CUTS = date(2024, 3, 10), 5, 200
LAST = FIRST + DAY * (DAYS - 1)
READ = sorted({*EVIDENCE_NEEDED, *trend.NEEDS, *range_engine.NEEDS, "spread_bps"})  # all features: test_features.py
POISONS = [future for future in FUTURES if future is not removed]


@cache
def market() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Candles with gaps, one of two hours among them."""
    begins, days = FIRST - WARM_UP_DAYS * DAY, DAYS + WARM_UP_DAYS
    own = candles(3, begins, days)
    halt = pl.col("ts").is_between(midnight(FIRST + 2 * DAY) + 11 * HOUR, midnight(FIRST + 2 * DAY) + 13 * HOUR)
    return own.filter(~halt), candles(99, begins, days), funding(begins, days)


def window_of(own: pl.DataFrame, benchmark: pl.DataFrame, events: pl.DataFrame) -> Window:
    days = days_between(FIRST, LAST)
    features = pl.concat([compute_features(day, own, benchmark, events) for day in days])
    bars = decision_bars(features, 15).select("as_of", *READ)
    grid = MinuteGrid.from_candles(own, FIRST, LAST)
    unknown = ~grid.present
    regimes = classify(bars)
    outcomes = trade_outcomes(grid, bars, events, COSTS, SIMULATION, POSITION, unknown)
    ts = training_set(bars, outcomes)
    signals = alpha_signals(bars, regimes)
    return Window(grid, unknown, events, bars, regimes, signals, outcomes, ts, SIMULATION, POSITION)


@cache
def honest() -> Window:
    return window_of(*market())


def cuts(count: int) -> list[int]:
    """The first bars and the last, those at midnights and beside gaps, and draws."""
    as_of = honest().bars["as_of"].to_numpy()
    step = np.timedelta64(15 * 60_000_000, "us")
    gaps = np.flatnonzero(np.diff(as_of) > step)
    midnights = np.flatnonzero((as_of - as_of[0].astype("datetime64[D]")) % np.timedelta64(1, "D") == 0)
    chosen = {30, 31, len(as_of) - 2, len(as_of) - 1, *gaps.tolist(), *(gaps + 1).tolist(), *midnights.tolist()}
    free = np.setdiff1d(np.arange(32, len(as_of)), sorted(chosen))
    return sorted([*chosen, *np.random.default_rng(5).permutation(free)[: count - len(chosen)].tolist()])


def test_nothing_changes_when_the_future_is_cut_off() -> None:
    rows = cuts(CUTS)
    assert len(set(rows)) == CUTS
    replays = [replay for row in rows for replay in replay_window(honest(), honest().bars["as_of"][row])]
    assert [finding.sentence for finding in altered_rows(replays)] == []
    assert max(replay.used.height for replay in replays if replay.what == "outcomes") > 800


@pytest.mark.parametrize("future", POISONS, ids=lambda future: future.__name__)
@pytest.mark.parametrize("place", [40, 90, 140, 190])
def test_nothing_changes_when_the_future_is_another(future: Future, place: int) -> None:
    """The whole way from candles to labels, on a market that is another one after the cut."""
    at = honest().bars["as_of"][cuts(CUTS)[place]]
    own, benchmark, events = market()
    # A price must be a number for a market to be one: the other futures are another market, NaN is none.
    other = window_of(future(own, at).filter(pl.col("close").is_finite()), future(benchmark, at), future(events, at))
    for name in ("bars", "regimes", "signals"):
        mine, theirs = (getattr(window, name).filter(pl.col("as_of") <= at) for window in (honest(), other))
        assert_frame_equal(mine, theirs, check_exact=True)
    assert_frame_equal(said(honest(), at), said(other, at), check_exact=True)
    both = [window.outcomes.filter(known_by(at)).drop("uniqueness") for window in (honest(), other)]
    assert both[0].height > 0
    assert_frame_equal(*both, check_exact=True)


def known_by(at: datetime) -> pl.Expr:
    """Outcomes whose whole path to the vertical barrier lies before `at`, on both sides."""
    vertical = pl.col("entry_at").dt.offset_by(f"{SIMULATION.horizon_minutes}m")
    return (pl.max_horizontal(vertical, "exit_at") <= at).all().over("as_of")


def said(window: Window, at: datetime) -> pl.DataFrame:
    """What rooms say of each bar up to `at` from more than its own row: votes, the leading engine, costs, barriers."""
    votes = consensus(window.signals)
    votes = votes.with_columns(regime=regime_vote(window.bars, window.regimes))
    votes = votes.with_columns(leading_engine(window.signals))
    known = trade_conditions(window.grid, window.bars, COSTS, SIMULATION, POSITION)
    columns = {field.name: getattr(known, field.name) for field in fields(known)}
    return votes.with_columns(**{name: pl.Series(value) for name, value in columns.items()}).filter(
        pl.col("as_of") <= at
    )


def test_a_label_is_no_part_of_a_decision_bar() -> None:
    """Other outcomes, the same bars, regimes and signals: nothing before the fill reads a label."""
    window = honest()
    flipped = replace(window, outcomes=window.outcomes.with_columns(-pl.col("net_bps", "gross_bps")))
    assert training_set(flipped.bars, flipped.outcomes).features.tobytes() == window.ts.features.tobytes()
