"""Folds and returns of a night against loops that look at every row."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.days import DAY, MINUTES_PER_DAY, days_between
from huracan_assets.errors import ContractError
from huracan_assets.features.feature_version import FeatureDay, FeatureVersion
from huracan_assets.learning.classroom import Classroom, classroom, fill_returns
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.settings import LearningSettings, read_settings
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.trade_market import TradeMarket
from huracan_assets.simulation.trade_outcomes import OUTCOME_SCHEMA
from huracan_assets_tests.features.random_market import candles

FIRST = date(2026, 1, 1)
MINUTE, QUARTER = np.timedelta64(60_000_000, "us"), np.timedelta64(15 * 60_000_000, "us")
ORIGIN = np.datetime64(FIRST, "us")


def learning(**changes: int) -> LearningSettings:
    return read_settings("local").learning.model_copy(
        update={"first_train_days": 2, "folds": 3, "embargo_minutes": 120, **changes}
    )


def version(days: int) -> FeatureVersion:
    window = days_between(FIRST, FIRST + DAY * (days - 1))
    entries = tuple(FeatureDay(day=day, candles_sha256="c", features_sha256="f") for day in window)
    return FeatureVersion(symbol="ETH-USDT", day=window[-1], recipe_sha256="r", names=("x",), days=entries)


def night(seed: int, days: int, missing: float = 0.1) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars and outcomes that stay open for up to six hours."""
    rng = np.random.default_rng(seed)
    as_of = ORIGIN + QUARTER * np.arange(1, days * 96 + 1)
    as_of = as_of[rng.random(len(as_of)) >= missing]
    utc = pl.Series(as_of).dt.replace_time_zone("UTC")
    bars = pl.DataFrame({"as_of": utc, "x": rng.normal(size=len(as_of)).astype(np.float32)})
    sides = []
    for side in (1, -1):
        held = rng.integers(2, 360, len(as_of)) * MINUTE
        net = rng.normal(0, 30, len(as_of))
        sides.append(
            pl.DataFrame(
                {
                    "as_of": utc,
                    "side": pl.repeat(side, len(as_of), dtype=pl.Int8, eager=True),
                    "entry_at": utc,
                    "exit_at": pl.Series(as_of + held).dt.replace_time_zone("UTC"),
                    "entry_price": 1.0,
                    "exit_price": 1.0,
                    "exit_reason": "time",
                    "filled_share": 1.0,
                    "gross_bps": net + 10,
                    "fee_bps": 8.0,
                    "half_spread_bps": 1.5,
                    "impact_bps": 0.5,
                    "cost_bps": 10.0,
                    "funding_bps": 0.0,
                    "net_bps": net,
                    "slippage_bps": 2.0,
                    "mfe_bps": 0.0,
                    "mae_bps": 0.0,
                    "uniqueness": 0.1,
                    "crosses_unknown": False,
                }
            )
        )
    return bars, pl.concat(sides).sort("as_of", "side", descending=[False, True]).select(OUTCOME_SCHEMA.keys())


def small(seed: int, days: int = 8, **changes: int) -> Classroom:
    return classroom(version(days), *night(seed, days), learning(**changes))


@settings(max_examples=20)
@given(
    seed=st.integers(0, 1000),
    days=st.integers(5, 10),
    folds=st.integers(2, 3),
    embargo=st.sampled_from([0, 120, 500]),
)
def test_what_is_known_before_a_fold_was_tested_earlier_and_known_an_embargo_ago(
    seed: int, days: int, folds: int, embargo: int
) -> None:
    room = small(seed, days, folds=folds, embargo_minutes=embargo)
    ts = room.ts
    for fold in room.folds:
        expected = [
            row
            for row in range(len(ts))
            if any(row in before.test for before in room.folds[: fold.index])
            and ts.label_end[row] + embargo * MINUTE <= fold.test_start
        ]
        assert room.known_before(fold).tolist() == expected


def test_the_first_fold_only_calibrates() -> None:
    room = small(1)
    assert [fold.index for fold in room.folds] == [0, 1, 2]
    assert [fold.index for fold in room.traded] == [1, 2]
    assert room.known_before(room.folds[0]).tolist() == []
    first = ORIGIN + 2 * 96 * QUARTER
    assert room.folds[0].test_start == first
    assert (room.ts.as_of[room.folds[0].train] < first).all()


def test_out_of_sample_is_every_row_after_the_first_training_days_once_and_in_order() -> None:
    room = small(2)
    rows = room.out_of_sample()
    assert rows.tolist() == np.flatnonzero(room.ts.as_of > room.folds[0].test_start).tolist()
    assert room.folds[-1].test_end == ORIGIN + 8 * 96 * QUARTER


def test_a_window_that_leaves_a_fold_without_rows_is_refused() -> None:
    bars, outcomes = night(3, 4)
    with pytest.raises(ContractError, match="no test row"):
        classroom(version(9), bars, outcomes, learning())


def market_of(grid: MinuteGrid, as_of: np.ndarray, latency: int) -> TradeMarket:
    """The simulator at these decisions."""
    changes = {"latency_minutes": latency, "participation_max": 0.1, "minimum_notional_usdt": 5.0}
    simulation = read_settings("local").simulation.model_copy(update=changes)
    bars = pl.Series("as_of", as_of).dt.replace_time_zone("UTC").to_frame()
    return TradeMarket.of(grid, bars, None, Costs.of(simulation), simulation, 1000.0)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 1000),
    missing=st.sampled_from([0.0, 0.05, 0.4]),
    latency=st.integers(1, 5),
    data=st.data(),
)
def test_fill_returns_are_those_of_a_loop(seed: int, missing: float, latency: int, data: st.DataObject) -> None:
    frame = candles(seed, FIRST, 1, missing)
    grid = MinuteGrid.from_candles(frame, FIRST, FIRST)
    every = ORIGIN + QUARTER * np.arange(1, 97)
    kept = data.draw(st.lists(st.integers(0, 95), min_size=1, max_size=96, unique=True).map(sorted))
    as_of = every[kept]
    # A minute fills an order if a tenth of its volume is worth 5 USDT.
    open_to = frame.filter(0.1 * pl.col("volume") * pl.col("open") >= 5.0)
    opened = dict(zip(open_to["ts"].dt.epoch("us").to_list(), open_to["open"].to_list(), strict=True))

    def fill(decided: np.datetime64) -> float:
        return float(opened.get(int((decided + latency * MINUTE).astype(np.int64)), np.nan))

    expected = [np.log(fill(b) / fill(a)) * 1e4 if b - a == QUARTER else np.nan for a, b in itertools.pairwise(as_of)]
    found = fill_returns(market_of(grid, as_of, latency), np.zeros(len(grid), np.bool_), 15)
    np.testing.assert_allclose(found, [*expected, np.nan], rtol=1e-9, atol=1e-9)


def test_a_bar_whose_order_is_refused_is_a_gap() -> None:
    grid = MinuteGrid.from_candles(candles(1, FIRST, 1, 0.0), FIRST, FIRST)
    volume = grid.volume.copy()
    volume[46] = 0.0
    as_of = ORIGIN + QUARTER * np.arange(1, 6)
    market = market_of(replace(grid, volume=volume), as_of, 1)
    found = fill_returns(market, np.zeros(len(grid), np.bool_), 15)
    assert np.isnan(found).tolist() == [False, True, True, False, True]


def test_a_fill_after_the_grid_is_unknown() -> None:
    grid = MinuteGrid.from_candles(candles(1, FIRST, 1, 0.0), FIRST, FIRST)
    late = ORIGIN + MINUTES_PER_DAY * MINUTE
    market = market_of(grid, np.array([late - QUARTER, late]), 1)
    found = fill_returns(market, np.zeros(len(grid), np.bool_), 15)
    assert np.isnan(found).all()
