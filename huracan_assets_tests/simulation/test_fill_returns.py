"""Returns from fill to fill against loops that look at every bar."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.days import DAY, MINUTES_PER_DAY
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.settings import read_settings
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.fill_returns import fill_returns
from huracan_assets.simulation.trade_market import TradeMarket
from huracan_assets_tests.features.random_market import candles
from huracan_assets_tests.learning.small_nights import FIRST, MINUTE, ORIGIN, QUARTER


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
