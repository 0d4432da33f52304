"""Folds and returns of a night against loops that look at every row."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date, datetime

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
    entries = tuple(
        FeatureDay(day=day, candles_sha256="c", funding_sha256="", books_sha256=None, features_sha256="f")
        for day in window
    )
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


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_a_bar_without_a_label_is_asked_about_and_teaches_and_scores_nothing(seed: int) -> None:
    """What learns and scores are the rows of a night that lacks such bars, to the last one."""
    bars, outcomes = night(seed, 8)
    refused = pl.Series(np.random.default_rng(seed).choice(bars["as_of"].to_numpy(), 200, replace=False))
    gone = pl.col("as_of").is_in(refused.dt.replace_time_zone("UTC").implode())
    left = outcomes.filter(~gone | (pl.col("side") == 1))  # one side alone is no label
    room = classroom(version(8), bars, left, learning())
    plain = classroom(version(8), bars.filter(~gone), outcomes.filter(~gone), learning())
    assert room.ts.as_of.tolist() == bars["as_of"].dt.replace_time_zone(None).to_list()
    after = np.flatnonzero(room.ts.as_of > room.folds[0].test_start)
    assert room.asked().tolist() == np.concatenate([fold.asked for fold in room.folds]).tolist() == after.tolist()

    def told(one: Classroom) -> list[list[datetime]]:
        rows = [one.out_of_sample(), one.record()]
        rows += [part for fold in one.folds for part in (fold.train, fold.test, one.known_before(fold))]
        return [one.ts.as_of[part].tolist() for part in rows]

    assert told(room) == told(plain)


def test_a_window_that_leaves_a_fold_without_rows_is_refused() -> None:
    bars, outcomes = night(3, 4)
    with pytest.raises(ContractError, match="no test row"):
        classroom(version(9), bars, outcomes, learning())


def market_of(grid: MinuteGrid, as_of: np.ndarray, latency: int, funding: pl.DataFrame | None = None) -> TradeMarket:
    """The simulator at these decisions."""
    changes = {"latency_minutes": latency, "participation_max": 0.1, "minimum_notional_usdt": 5.0}
    simulation = read_settings("local").simulation.model_copy(update=changes)
    bars = pl.Series("as_of", as_of).dt.replace_time_zone("UTC").to_frame()
    return TradeMarket.of(grid, bars, funding, Costs.of(simulation), simulation, 1000.0)


def funding_of(rates: dict[int, float]) -> pl.DataFrame:
    """Funding at these minutes of the first day, a little late as exchanges stamp it."""
    ts = pl.Series("ts", ORIGIN + np.array([*rates], np.int64) * MINUTE + np.timedelta64(7_000, "us"))
    return pl.DataFrame([ts.dt.replace_time_zone("UTC"), pl.Series("rate", rates.values(), dtype=pl.Float64)])


@settings(max_examples=40)
@given(
    seed=st.integers(0, 1000),
    missing=st.sampled_from([0.0, 0.05, 0.4]),
    latency=st.integers(1, 5),
    rates=st.dictionaries(
        st.builds(lambda quarter, late: 15 * quarter + late, st.integers(-1, 100), st.integers(0, 5)),
        st.floats(-0.01, 0.01),
        max_size=40,
    ),
    data=st.data(),
)
def test_fill_returns_are_those_of_a_loop(
    seed: int, missing: float, latency: int, rates: dict[int, float], data: st.DataObject
) -> None:
    frame = candles(seed, FIRST, 1, missing)
    grid = MinuteGrid.from_candles(frame, FIRST, FIRST)
    every = ORIGIN + QUARTER * np.arange(1, 97)
    as_of = np.delete(every, data.draw(st.lists(st.integers(0, 95), max_size=95, unique=True)))
    # A minute fills an order if a tenth of its volume is worth 5 USDT.
    open_to = frame.filter(0.1 * pl.col("volume") * pl.col("open") >= 5.0)
    opened = dict(zip(open_to["ts"].dt.epoch("us").to_list(), open_to["open"].to_list(), strict=True))

    def fill(decided: np.datetime64) -> float:
        return float(opened.get(int((decided + latency * MINUTE).astype(np.int64)), np.nan))

    def paid(a: np.datetime64, b: np.datetime64) -> float:
        """Rates of the minutes after the first fill's and up to the second's."""
        begin, end = (int((at - ORIGIN) / MINUTE) + latency for at in (a, b))
        return sum(rate for minute, rate in rates.items() if begin < minute <= end)

    expected = [
        (np.log(fill(b) / fill(a)) - paid(a, b)) * 1e4 if b - a == QUARTER else np.nan
        for a, b in itertools.pairwise(as_of)
    ]
    market = market_of(grid, as_of, latency, funding_of(rates))
    found = fill_returns(market, np.zeros(len(grid), np.bool_), 15)
    np.testing.assert_allclose(found, [*expected, np.nan], rtol=1e-9, atol=1e-9)


def test_who_is_long_from_bar_to_bar_pays_the_funding_of_the_labels() -> None:
    """A long that the simulator holds over the same fills, barriers out of reach: its funding is that of its bars."""
    grid = MinuteGrid.from_candles(candles(1, FIRST, 2, 0.0), FIRST, FIRST + DAY)
    grid = replace(grid, volume=np.full(len(grid), 1e6))
    as_of = ORIGIN + QUARTER * np.arange(17, 98)
    funding = funding_of(dict.fromkeys(range(0, 2 * MINUTES_PER_DAY, 8 * 60), 30e-4))
    nobody = np.zeros(len(grid), np.bool_)
    free, charged = (fill_returns(market_of(grid, as_of, 1, rates), nobody, 15) for rates in (None, funding))
    market = market_of(grid, as_of, 1, funding)
    far = np.full(len(as_of), 0.9)
    market = replace(market, conditions=replace(market.conditions, take_profit=far, stop_loss=far))
    bars = market.rules.horizon // 15
    _, made = market.every_trade()
    for first in range(len(as_of) - bars):
        held = slice(first, first + bars)
        assert (free[held] - charged[held]).sum() == pytest.approx(made.funding[first, 0], abs=1e-9)
    assert made.funding[:, 0].max() == 30.0


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
