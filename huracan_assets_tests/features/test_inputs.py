"""A candle that changes makes exactly the features stale that have read it."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from huracan_assets.days import DAY, days_between
from huracan_assets.errors import ContractError
from huracan_assets.features.assets import stale_features
from huracan_assets.features.day_account import RECIPE_TAG
from huracan_assets.features.inputs import INPUTS_TAG, feature_inputs, read_optional
from huracan_assets.features.optional_inputs import NOTHING_MORE, OPTIONAL_ASSETS, OPTIONAL_SCHEMAS
from huracan_assets.features.recipe import WARM_UP_DAYS, recipe_hash
from huracan_assets.resources.lake import Lake
from huracan_assets.settings import settings

FIRST = date(2026, 1, 1)
DAYS = days_between(FIRST, FIRST + 11 * DAY)
CHANGED = FIRST + 4 * DAY
TOUCHED = days_between(CHANGED, CHANGED + WARM_UP_DAYS * DAY)
BENCHMARK, OTHER, THIRD = "BTC-USDT", "ETH-USDT", "SOL-USDT"
SYMBOLS = (BENCHMARK, OTHER, THIRD)
NOTHING: dict[str, list[date]] = {symbol: [] for symbol in SYMBOLS}


def candle(value: float) -> pl.DataFrame:
    return pl.DataFrame({"close": [value]})


def fill(lake: Lake, days: list[date]) -> Lake:
    """Inputs of these days for three symbols, and features that say what they stand on."""
    for symbol in SYMBOLS:
        for day in days:
            for asset in ("candles", "funding_rates"):
                lake.write_frame(asset, symbol, day, candle(float(day.toordinal())))
    for symbol in SYMBOLS:
        make(lake, symbol, days)
    return lake


def make(lake: Lake, symbol: str, days: list[date]) -> None:
    stand_on = feature_inputs(lake, symbol, BENCHMARK, days)
    for day in days:
        lake.write_frame("features", symbol, day, candle(0.0), {RECIPE_TAG: recipe_hash(), INPUTS_TAG: stand_on[day]})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    assert settings().market.benchmark == BENCHMARK
    return fill(Lake.at(tmp_path), DAYS)


def stale(lake: Lake) -> dict[str, list[date]]:
    return {symbol: stale_features(lake, symbol, DAYS) for symbol in SYMBOLS}


def test_nothing_is_stale_where_nothing_has_changed(lake: Lake) -> None:
    assert stale(lake) == NOTHING
    lake.write_frame("candles", OTHER, CHANGED, lake.read_frame("candles", OTHER, CHANGED))
    assert stale(lake) == NOTHING


@pytest.mark.parametrize("asset", ["candles", "funding_rates"])
def test_a_symbols_own_day_touches_itself_and_the_warm_up_after_it_and_no_other_symbol(lake: Lake, asset: str) -> None:
    lake.write_frame(asset, OTHER, CHANGED, candle(-1.0))
    assert stale(lake) == {BENCHMARK: [], OTHER: TOUCHED, THIRD: []}
    make(lake, OTHER, TOUCHED)
    assert stale(lake) == NOTHING


def test_a_candle_of_the_benchmark_touches_the_same_days_of_every_symbol(lake: Lake) -> None:
    lake.write_frame("candles", BENCHMARK, CHANGED, candle(-1.0))
    assert stale(lake) == dict.fromkeys(SYMBOLS, TOUCHED)


@pytest.mark.parametrize("asset", OPTIONAL_ASSETS.values())
def test_an_input_that_the_lake_lacked_makes_its_readers_stale_when_it_comes_and_when_it_changes(
    lake: Lake, asset: str
) -> None:
    for value in (1.0, 2.0):
        lake.write_frame(asset, OTHER, CHANGED, candle(value))
        assert stale(lake) == {BENCHMARK: [], OTHER: TOUCHED, THIRD: []}
        make(lake, OTHER, TOUCHED)
        assert stale(lake) == NOTHING


@pytest.mark.parametrize("name", OPTIONAL_ASSETS)
def test_what_the_lake_lacks_is_none_and_what_it_has_is_read_whole(tmp_path: Path, name: str) -> None:
    lake, asset = Lake.at(tmp_path), OPTIONAL_ASSETS[name]
    assert read_optional(lake, OTHER, DAYS) == NOTHING_MORE
    empty = pl.DataFrame(schema=OPTIONAL_SCHEMAS[name])
    lake.write_frame(asset, OTHER, DAYS[1], empty)
    assert read_optional(lake, OTHER, DAYS) == NOTHING_MORE
    rows = empty.clear(2)
    lake.write_frame(asset, OTHER, DAYS[3], rows)
    found = vars(read_optional(lake, OTHER, DAYS))
    assert found[name].equals(rows)
    assert [other for other, frame in found.items() if frame is not None] == [name]
    assert read_optional(lake, OTHER, DAYS[:3]) == NOTHING_MORE


def test_an_input_of_another_shape_is_refused(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    lake.write_frame("sentiment", OTHER, DAYS[0], candle(1.0))
    with pytest.raises(ContractError, match=f"sentiment of {OTHER}, {DAYS[0]} .*and features read"):
        read_optional(lake, OTHER, DAYS)


def test_funding_of_the_benchmark_touches_the_benchmark_alone(lake: Lake) -> None:
    lake.write_frame("funding_rates", BENCHMARK, CHANGED, candle(-1.0))
    assert stale(lake) == {BENCHMARK: TOUCHED, OTHER: [], THIRD: []}


def test_a_day_that_is_gone_and_features_of_another_recipe_are_stale(lake: Lake) -> None:
    lake.path("candles", OTHER, CHANGED).unlink()
    lake.path("features", OTHER, DAYS[0]).unlink()
    tag = feature_inputs(lake, OTHER, BENCHMARK, DAYS[-1:])[DAYS[-1]]
    lake.write_frame("features", OTHER, DAYS[-1], candle(0.0), {RECIPE_TAG: "older", INPUTS_TAG: tag})
    lake.write_frame("features", OTHER, DAYS[1], candle(0.0), {RECIPE_TAG: recipe_hash()})
    assert stale(lake)[OTHER] == [*DAYS[:2], *TOUCHED, DAYS[-1]]


def test_the_inputs_of_a_day_are_the_same_whichever_days_are_asked_for_with_it(lake: Lake) -> None:
    together = feature_inputs(lake, OTHER, BENCHMARK, DAYS)
    assert together == {day: feature_inputs(lake, OTHER, BENCHMARK, [day])[day] for day in DAYS}
    assert len(set(together.values())) == len(DAYS)


def test_a_look_back_of_150_days_is_looked_through_in_well_under_a_second(tmp_path: Path) -> None:
    days = days_between(FIRST, FIRST + 149 * DAY)
    lake = fill(Lake.at(tmp_path), days[:1])
    for file in list(tmp_path.rglob("*.parquet")):
        for day in days[1:]:  # copied, for a write waits for the disk
            file.with_name(f"{day}.parquet").write_bytes(file.read_bytes())
    began = time.process_time()
    stale_features(lake, OTHER, days)
    assert time.process_time() - began < 0.5
