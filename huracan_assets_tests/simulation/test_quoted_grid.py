"""The spread that a decision pays: of the order book where one is known and fresh, else EDGE, else the floor."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from huracan_assets.errors import StorageError
from huracan_assets.features.feature_version import FeatureDay, FeatureVersion
from huracan_assets.features.optional_inputs import OptionalInputs
from huracan_assets.features.recipe import WARM_UP_DAYS
from huracan_assets.market.contract import TIME
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.market.order_books import ORDER_BOOKS_SCHEMA, validate_order_books
from huracan_assets.resources import lake as lake_module
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.window_cache import WindowCache
from huracan_assets.settings import read_settings
from huracan_assets.shadow.replay import Stretch
from huracan_assets.simulation.assets import window_market
from huracan_assets.simulation.conditions import trade_conditions
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.quoted_grid import QuotedGrid, quoted
from huracan_assets_tests.features.random_market import candles
from huracan_assets_tests.simulation.random_path import student_grid

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SYMBOL = "ETH-USDT"
SIMULATION = read_settings("local").simulation.model_copy(update={"spread_floor_bps": 1.0})
GRID = student_grid(3000, seed=4)


def books(*seen: tuple[float, float, float]) -> pl.DataFrame:
    """Snapshots: (minute of the book, minute at which it is known, full spread in bps)."""
    rows = [
        {
            "ts": BEGIN + timedelta(minutes=at),
            "known_at": BEGIN + timedelta(minutes=known),
            "bid_prices": [100.0 * (1.0 - spread / 2e4), 99.0],
            "bid_sizes": [1.0, 1.0],
            "ask_prices": [100.0 * (1.0 + spread / 2e4), 101.0],
            "ask_sizes": [1.0, 1.0],
        }
        for at, known, spread in seen
    ]
    frame = pl.DataFrame(rows, schema=ORDER_BOOKS_SCHEMA)
    return validate_order_books(frame, symbol="ETH-USDT", origin="the test")


def half_spreads(seen: pl.DataFrame | None, decided: list[int], edge: list[float | None]) -> list[float]:
    as_of = [BEGIN + timedelta(minutes=minute) for minute in decided]
    bars = pl.DataFrame({"as_of": pl.Series(as_of, dtype=pl.Datetime("us", "UTC")), "spread_bps": edge})
    known = trade_conditions(quoted(GRID, seen), bars, Costs.of(SIMULATION), SIMULATION, 1000.0)
    return [round(float(half), 9) for half in known.half_spread_bps]


def test_a_fresh_book_goes_before_edge_and_edge_before_the_floor() -> None:
    seen = books((2000.1, 2000.2, 6.0))
    assert half_spreads(seen, [2001, 2002, 2003, 2010], [4.0, 4.0, 4.0, None]) == [3.0, 3.0, 2.0, 0.5]
    assert half_spreads(None, [2001, 2010], [4.0, None]) == [2.0, 0.5]


def test_a_book_that_is_not_known_yet_tells_nothing_and_the_newest_known_one_counts() -> None:
    seen = books((2000.1, 2003.5, 6.0), (2001.2, 2001.3, 8.0))
    assert half_spreads(seen, [2001, 2002, 2003, 2004], [4.0] * 4) == [2.0, 4.0, 4.0, 3.0]


def test_a_tight_book_pays_the_floor() -> None:
    assert half_spreads(books((2000.1, 2000.2, 0.016)), [2001], [4.0]) == [0.5]


@pytest.fixture
def look_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeatureVersion:
    """Two days in a lake of their own, nobody recorded a book."""
    monkeypatch.setenv("HURACAN_LAKE", str(tmp_path))
    monkeypatch.setattr(lake_module, "WINDOWS", WindowCache(0))  # what was read once is not asked of the disk again
    lake, whole, entries = Lake.open(), candles(1, BEGIN.date(), 2, 0.0), []
    for day in (BEGIN.date(), BEGIN.date() + timedelta(days=1)):
        minutes = lake.write_frame("candles", SYMBOL, day, whole.filter(pl.col("ts").dt.date() == day))
        funding = lake.write_frame("funding_rates", SYMBOL, day, pl.DataFrame(schema={"ts": TIME, "rate": pl.Float64}))
        entries.append(
            FeatureDay(day=day, candles_sha256=minutes, funding_sha256=funding, books_sha256=None, features_sha256="")
        )
    return FeatureVersion(symbol=SYMBOL, day=entries[-1].day, recipe_sha256="", names=(), days=tuple(entries))


def test_the_night_reads_its_books_from_the_lake_where_somebody_recorded_some(look_back: FeatureVersion) -> None:
    plain, funding = window_market(look_back)
    assert (type(plain), funding) == (MinuteGrid, None)
    first, second = look_back.days
    digest = Lake.open().write_frame("order_books", SYMBOL, second.day, books((2000.1, 2000.2, 6.0)))
    assert type(window_market(look_back)[0]) is MinuteGrid, "a book that came after the version"
    named = look_back.model_copy(update={"days": (first, second.model_copy(update={"books_sha256": digest}))})
    grid, _ = window_market(named)
    assert isinstance(grid, QuotedGrid)
    assert np.flatnonzero(np.isfinite(grid.quoted_spread_bps)).tolist() == [2000, 2001]


@pytest.mark.parametrize("asset", ["candles", "funding_rates"])
def test_a_day_that_was_replaced_after_the_look_back_was_fixed_is_refused(
    look_back: FeatureVersion, asset: str
) -> None:
    lake, day = Lake.open(), look_back.days[0].day
    other = candles(2, day, 1, 0.0) if asset == "candles" else pl.DataFrame({"ts": [BEGIN], "rate": [1e-4]})
    lake.write_frame(asset, SYMBOL, day, other.cast({"ts": TIME}))
    with pytest.raises(StorageError, match=rf"{day}.parquet belongs to another run of {asset}"):
        window_market(look_back)


def test_a_replayed_stretch_knows_what_its_books_quoted() -> None:
    first = BEGIN.date() + timedelta(days=WARM_UP_DAYS)
    own = candles(1, BEGIN.date(), WARM_UP_DAYS + 1, 0.0)
    plain = Stretch("ETH-USDT", [first], own, None, None)
    with_books = replace(plain, more=OptionalInputs(order_books=books((2000.1, 2000.2, 6.0))))
    assert not isinstance(plain.grid(), QuotedGrid)
    assert isinstance(with_books.grid(), QuotedGrid)


def test_without_books_the_grid_is_itself() -> None:
    assert quoted(GRID, None) is GRID
    assert quoted(GRID, books()) is GRID
    assert isinstance(quoted(GRID, books((1.0, 1.0, 3.0))), QuotedGrid)
    np.testing.assert_array_equal(quoted(GRID, books((1.0, 1.0, 3.0))).close, GRID.close)
