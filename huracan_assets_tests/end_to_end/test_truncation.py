"""What is known at a moment does not change when everything after that moment does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from huracan_assets.days import DAY, days_between, days_until, midnight
from huracan_assets.features.recipe import WARM_UP_DAYS
from huracan_assets.market.synthetic import SyntheticSource
from huracan_assets.partitions import partition_key
from huracan_assets_tests.end_to_end.conftest import NewEngine
from huracan_assets_tests.end_to_end.engine import Engine, materialize_words
from huracan_assets_tests.end_to_end.profile import BENCHMARK, SHORT, SYMBOL

FIRST, CUT_DAY = date(2021, 1, 1), date(2021, 1, 10)
LAST = CUT_DAY + DAY
CUT = midnight(CUT_DAY)
LOOK_BACK = int(SHORT["HURACAN_LOOK_BACK_DAYS"])
HORIZON = timedelta(hours=2, minutes=15)  # simulation.horizon_minutes, and the bar in which the fill falls
ROOMS = (
    "candles,funding_rates,features,feature_version,data_quality_report,decision_bars,regimes,alpha_signals,"
    "trade_outcomes"
)


def write_archive(folder: Path, garbage_from: date | None) -> Path:
    """Candles of both symbols; from `garbage_from` on another market, at a hundred times the price."""
    folder.mkdir()
    source = SyntheticSource(symbols=(BENCHMARK, SYMBOL), benchmark=BENCHMARK, first=FIRST, seed=7, edge=0.3)
    for symbol in (BENCHMARK, SYMBOL):
        candles = source.candles(symbol, FIRST, LAST).drop("known_at")
        if garbage_from is not None:
            candles = pl.concat(
                [candles.filter(pl.col("ts") < midnight(garbage_from)), _garbage(candles, garbage_from)]
            )
        candles.write_parquet(folder / f"{symbol}.parquet")
    return folder


def _garbage(candles: pl.DataFrame, begin: date) -> pl.DataFrame:
    late = candles.filter(pl.col("ts") >= midnight(begin))
    rng = np.random.default_rng(11)
    # As wild as the candle contract lets a bar be that nothing confirms.
    close = 100.0 * late["close"].to_numpy() * np.exp(rng.normal(0.0, 0.005, late.height))
    return late.with_columns(
        open=pl.Series(close), high=pl.Series(close * 1.05), low=pl.Series(close * 0.95), close=pl.Series(close),
        volume=pl.col("volume") * 50.0, taker_buy_volume=pl.col("volume") * 50.0,
        quote_volume=pl.col("volume") * 50.0 * close,
    )  # fmt: skip


@dataclass(frozen=True)
class Worlds:
    """The same engine on the true market up to `LAST`, and on one that is garbage from `CUT` on."""

    true: Engine
    cut: Engine


@pytest.fixture(scope="module")
def worlds(new_engine: NewEngine, tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    folder = tmp_path_factory.mktemp("archives")

    def engine(archive: Path) -> Engine:
        variables = {"HURACAN_MARKET__SOURCE": "archive", "HURACAN_MARKET__ARCHIVE": str(archive)}
        return new_engine(SHORT | variables)

    true, cut = engine(write_archive(folder / "true", None)), engine(write_archive(folder / "cut", CUT_DAY))
    true.materialize(ROOMS, partition_key(LAST, SYMBOL)).succeeded()
    later = materialize_words("candles,features", partition_key(CUT_DAY, SYMBOL))
    for ended in cut.commands([materialize_words(ROOMS, partition_key(CUT_DAY - DAY, SYMBOL)), later]):
        ended.succeeded()
    return Worlds(true, cut)


def both(worlds: Worlds, asset: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A window asset in both worlds, cut to the bars that both windows hold."""
    true = worlds.true.frame(asset, SYMBOL, LAST)
    cut = worlds.cut.frame(asset, SYMBOL, CUT_DAY - DAY)
    begin = midnight(LAST - DAY * (LOOK_BACK - 1))
    shared = (pl.col("as_of") > begin) & (pl.col("as_of") <= CUT)
    return true.filter(shared), cut.filter(shared)


def test_the_garbage_is_seen_where_it_may_be(worlds: Worlds) -> None:
    spoilt = worlds.cut.frame("features", SYMBOL, CUT_DAY)
    assert not spoilt.equals(worlds.true.frame("features", SYMBOL, CUT_DAY))


def test_the_features_of_every_day_before_the_cut_are_the_same_bits(worlds: Worlds) -> None:
    days = days_between(LAST - DAY * (LOOK_BACK - 1), CUT_DAY - DAY)
    assert len(days) >= 4
    for day in days:
        true, cut = (engine.frame("features", SYMBOL, day) for engine in (worlds.true, worlds.cut))
        assert_frame_equal(true, cut, check_exact=True)


def test_the_window_of_the_cut_night_needs_no_day_after_it(worlds: Worlds) -> None:
    held = {path.stem for path in (worlds.cut.lake / "candles" / SYMBOL).iterdir()} - {str(CUT_DAY)}
    assert max(held) == str(CUT_DAY - DAY)
    assert len(held) == LOOK_BACK + WARM_UP_DAYS - max(0, (FIRST - days_until(CUT_DAY - DAY, 9)[0]).days)


@pytest.mark.parametrize("asset", ["decision_bars", "regimes", "alpha_signals"])
def test_what_was_said_at_a_bar_stands(worlds: Worlds, asset: str) -> None:
    true, cut = both(worlds, asset)
    assert cut.height >= 4 * 96
    assert_frame_equal(true, cut, check_exact=True)


def test_outcomes_known_before_the_cut_stand(worlds: Worlds) -> None:
    true, cut = both(worlds, "trade_outcomes")
    # A window's first hours have no volatility to set barriers by.
    begin = midnight(LAST - DAY * (LOOK_BACK - 2))
    true, cut = true.filter(pl.col("as_of") > begin), cut.filter(pl.col("as_of") > begin)
    assert (cut["exit_at"] <= CUT).all()  # no trade whose end had not been seen
    settled = pl.col("as_of") <= CUT - HORIZON
    assert true.filter(settled).height >= 2 * 2 * 96
    # A label's uniqueness counts the labels that overlap it, those that begin after the cut too.
    assert_frame_equal(
        true.filter(settled).drop("uniqueness"), cut.filter(settled).drop("uniqueness"), check_exact=True
    )
    apart = pl.col("as_of") <= CUT - 2 * HORIZON
    assert_frame_equal(true.filter(apart), cut.filter(apart), rel_tol=1e-12)  # a sum that begins with its window
