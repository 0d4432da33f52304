"""The recipe against pandas, TA-Lib, bidask and scipy, on made candles and on recorded ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bidask import edge
from scipy import stats

from huracan_assets.days import DAY
from huracan_assets.features.compute import compute_window, day_window
from huracan_assets.features.kernels import Array
from huracan_assets.features.recipe import RECIPE, WARM_UP_DAYS
from huracan_assets.features.window import Window
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets_tests.features.pandas_recipe import PandasRecipe
from huracan_assets_tests.features.pandas_windows import frame_of, funding_of
from huracan_assets_tests.features.random_market import DAY_OF_TEST, candles, funding
from huracan_assets_tests.features.talib_recipe import TALIB_FEATURES, talib_features

Market = tuple[date, pl.DataFrame, pl.DataFrame, pl.DataFrame]
# A silence of more than an hour ends them, and pandas' exponential means go on.
RECURSIVE = {
    feature.name for feature in RECIPE if feature.warm_up_minutes in (720, 1440) and "funding" not in feature.name
}
# Of constant prices they are exactly zero, and pandas' running sums leave rounding.
WIDTHS = {"bb_width", "bb_position", "compression"}
HALT = date(2023, 3, 24)
CALM = date(2023, 6, 12)  # no minute of it and of its warm-up is missing


def made(missing: float) -> Market:
    return DAY_OF_TEST, candles(3, missing=missing), candles(99, missing=missing), funding()


def recorded(day: date, shared: Path) -> Market:
    source = ArchiveSource(shared / "data" / "candles_1m_2023")
    span = (day - WARM_UP_DAYS * DAY, day)
    own, benchmark = (source.candles(symbol, *span) for symbol in ("ETH-USDT", "BTC-USDT"))
    events = source.funding("ETH-USDT", *span)
    assert events is not None
    return day, own, benchmark, events


@cache
def market(name: str, shared: Path | None = None) -> tuple[Market, Window, dict[str, Array]]:
    """A market by name, its window, and its features at every minute."""
    if shared is None:
        chosen = made(0.01 if name == "made, with gaps" else 0.0)
    else:
        chosen = recorded(HALT if name == "recorded, with a halt" else CALM, shared)
    window = day_window(*chosen)
    every_minute = Window(window.grid, window.benchmark, first_row=0, funding=window.funding)
    return chosen, every_minute, compute_window(every_minute)


@pytest.fixture(params=["made", "made, with gaps", "recorded", "recorded, with a halt"])
def any_market(request: pytest.FixtureRequest) -> tuple[str, Market, Window, dict[str, Array]]:
    shared = request.getfixturevalue("shared") if request.param.startswith("recorded") else None
    return request.param, *market(request.param, shared)


@pytest.fixture(params=["made", "recorded"])
def whole_market(request: pytest.FixtureRequest) -> tuple[Market, Window, dict[str, Array]]:
    shared = request.getfixturevalue("shared") if request.param == "recorded" else None
    return market(request.param, shared)


def assert_same(name: str, own: Array, other: Array) -> None:
    np.testing.assert_array_equal(np.isnan(own), np.isnan(other), err_msg=name)
    scale = float(np.nanmax(np.abs(other)))
    np.testing.assert_allclose(own, other, rtol=1e-8, atol=1e-8 * scale, err_msg=name)


def test_every_plain_feature_equals_pandas(any_market: tuple[str, Market, Window, dict[str, Array]]) -> None:
    name, (day, own, benchmark, events), window, features = any_market
    first, minutes = str(day - WARM_UP_DAYS * DAY), window.size
    peer = PandasRecipe(
        frame_of(own, first, minutes), frame_of(benchmark, first, minutes), funding_of(events)
    ).features()
    optional = ("perpetual.", "order_books.", "open_interest.", "sentiment.")
    plain = {each.name for each in RECIPE if not any(read.startswith(optional) for read in each.inputs)}
    assert peer.keys() == plain
    for column, values in peer.items():
        if name != "recorded, with a halt" or column not in RECURSIVE | WIDTHS:
            there = window.grid.present
            assert_same(column, features[column][there], values.to_numpy(dtype=np.float64)[there])


def test_what_talib_has_equals_talib_after_its_warm_up(
    whole_market: tuple[Market, Window, dict[str, Array]],
) -> None:
    _, window, features = whole_market
    after = slice(1440, None)  # TA-Lib seeds its recursions with plain means
    peer = talib_features(window.grid)
    assert tuple(peer) == TALIB_FEATURES
    for name, values in peer.items():
        assert_same(name, features[name][after], values[after])


def test_the_spread_equals_bidasks_edge(whole_market: tuple[Market, Window, dict[str, Array]]) -> None:
    _, window, features = whole_market
    g = window.grid
    for i in range(300, window.size, 97):
        prices = [x[i - 239 : i + 1] for x in (g.open, g.high, g.low, g.close)]
        expected = 1e4 * max(0.0, edge(*prices, sign=True))
        assert features["spread_bps"][i] == pytest.approx(expected, rel=1e-8, abs=1e-6)


@pytest.mark.parametrize(("name", "formula"), [("skew", stats.skew), ("kurt", stats.kurtosis)])
def test_shapes_equal_scipys_also_over_gaps(
    name: str, formula: Callable[[Array], float], any_market: tuple[str, Market, Window, dict[str, Array]]
) -> None:
    _, _, window, features = any_market
    for i in range(300, window.size, 97):
        known = window.returns[i - 239 : i + 1]
        known = known[~np.isnan(known)]
        expected = formula(known) if known.size >= 120 else np.nan
        assert features[name][i] == pytest.approx(expected, rel=1e-8, abs=1e-8, nan_ok=True)
