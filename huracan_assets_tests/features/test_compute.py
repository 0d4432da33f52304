"""A day's features depend on its declared window up to the minute itself, and on nothing else."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.days import DAY, MINUTE, midnight
from huracan_assets.errors import ContractError
from huracan_assets.features.compute import (
    compute_features,
    decision_bars,
)
from huracan_assets.features.contract import FEATURE_SCHEMA, validate_features
from huracan_assets.features.recipe import FEATURE_NAMES, RECIPE, WARM_UP_DAYS
from huracan_assets.market.contract import to_candles
from huracan_assets_tests.causality.markets import made_day
from huracan_assets_tests.features.random_market import DAY_OF_TEST, candles, funding

COIN, BENCHMARK, FUNDING = candles(3), candles(99), funding()
MORE = made_day().market.more
FEATURES = compute_features(DAY_OF_TEST, COIN, BENCHMARK, FUNDING, MORE)


def poisoned(frame: pl.DataFrame, at: datetime, seed: int) -> pl.DataFrame:
    """The frame with every value that becomes known after `at` replaced; a third of these minutes removed."""
    rng = np.random.default_rng(seed)
    later = pl.col("known_at") > at
    amounts = [name for name, kind in frame.schema.items() if kind in (pl.Float64, pl.Int64)]
    factor = pl.Series(10.0 ** rng.uniform(-3, 3, frame.height))
    changed = frame.with_columns(
        pl.when(later).then((pl.col(name) * factor).cast(frame.schema[name])).otherwise(pl.col(name)).alias(name)
        for name in amounts
    )
    return changed.filter(~later | pl.Series(rng.random(frame.height) > 0.33))


@given(st.integers(1, 1440), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_no_later_minute_changes_a_bit(minute: int, seed: int) -> None:
    at = midnight(DAY_OF_TEST) + minute * MINUTE
    late = FUNDING.with_columns(pl.when(pl.col("ts") > at).then(9.9).otherwise(pl.col("rate")).alias("rate"))
    made = compute_features(DAY_OF_TEST, poisoned(COIN, at, seed), poisoned(BENCHMARK, at, seed + 1), late, MORE)
    known = pl.col("known_at") <= at
    assert made.filter(known).equals(FEATURES.filter(known))


@pytest.mark.parametrize("minute", [1, 15, 720, 1439])
def test_a_window_that_ends_earlier_has_the_same_bits(minute: int) -> None:
    at = midnight(DAY_OF_TEST) + minute * MINUTE
    cut = [frame.filter(pl.col("known_at") <= at) for frame in (COIN, BENCHMARK)]
    made = compute_features(DAY_OF_TEST, cut[0], cut[1], FUNDING.filter(pl.col("ts") <= at), MORE)
    assert made.equals(FEATURES.filter(pl.col("known_at") <= at))


def test_days_outside_the_declared_window_are_not_looked_at() -> None:
    first = DAY_OF_TEST - WARM_UP_DAYS * DAY
    around = [candles(seed, first=first - 3 * DAY, days=3) for seed in (50, 51)]
    after = [candles(seed, first=DAY_OF_TEST + DAY, days=2) for seed in (52, 53)]
    wide = [pl.concat([old, frame, new]) for old, frame, new in zip(around, (COIN, BENCHMARK), after, strict=True)]
    events = pl.concat([funding(first - 3 * DAY, 3), FUNDING, funding(DAY_OF_TEST + DAY, 2)])
    assert compute_features(DAY_OF_TEST, wide[0], wide[1], events, MORE).equals(FEATURES)


def test_rows_are_the_days_candles_and_keep_the_contract() -> None:
    own = COIN.filter(pl.col("ts") >= midnight(DAY_OF_TEST))
    assert FEATURES.select("ts", "known_at").equals(own.select("ts", "known_at"))
    assert validate_features(FEATURES, DAY_OF_TEST) is FEATURES
    assert FEATURES.columns == ["ts", "known_at", *FEATURE_NAMES]
    # A minute in thirty is without volume, and has no imbalance of its own.
    assert max(FEATURES[name].null_count() for name in FEATURE_NAMES) < 60


def test_what_the_source_has_not_is_null_and_never_made_up() -> None:
    bare = COIN.with_columns(
        pl.lit(None, pl.Float64).alias("taker_buy_volume"),
        pl.lit(None, pl.Int64).alias("trades"),
        pl.lit(None, pl.Float64).alias("quote_volume"),
    )
    made = compute_features(DAY_OF_TEST, bare, None, None)
    lost = {"trades", "taker_buy_volume"}
    for feature in RECIPE:
        if lost & set(feature.inputs) or any("." in read for read in feature.inputs):
            assert made[feature.name].null_count() == made.height, feature.name
        else:
            assert made[feature.name].equals(FEATURES[feature.name], null_equal=True), feature.name


def test_the_benchmark_against_itself_is_neutral() -> None:
    made = compute_features(DAY_OF_TEST, COIN, COIN, None)
    for name, value in {
        "rs": 50.0,
        "leader": 0.0,
        "residual_z": 0.0,
        "beta": 1.0,
        "benchmark_correlation": 1.0,
    }.items():
        np.testing.assert_allclose(made[name].drop_nulls().to_numpy(), value, atol=1e-6, err_msg=name)


def test_a_day_without_candles_has_no_rows() -> None:
    made = compute_features(DAY_OF_TEST + 9 * DAY, COIN, BENCHMARK, FUNDING)
    assert made.is_empty()
    assert dict(made.schema) == FEATURE_SCHEMA


def test_a_dead_market_is_finite_or_null() -> None:
    dead = COIN.with_columns(
        *(pl.lit(5.0).alias(name) for name in ("open", "high", "low", "close")),
        *(pl.lit(0.0).alias(name) for name in ("volume", "quote_volume", "taker_buy_volume")),
    )
    made = compute_features(DAY_OF_TEST, dead, dead, FUNDING)
    validate_features(made, DAY_OF_TEST)
    assert made["rsi_14"].unique().to_list() == [50.0] and made["bb_position"].null_count() == made.height


def test_decision_bars_are_the_rows_known_at_each_multiple() -> None:
    bars = decision_bars(FEATURES, 15)
    assert bars.columns == ["as_of", *FEATURE_NAMES]
    wanted = [midnight(DAY_OF_TEST) + step * 15 * MINUTE for step in range(1, 97)]
    present = set(FEATURES["known_at"])
    assert bars["as_of"].to_list() == [at for at in wanted if at in present] and bars.height > 90
    joined = bars.join(FEATURES, left_on="as_of", right_on="known_at", how="inner")
    assert joined.height == bars.height and joined["rsi_7"].equals(joined["rsi_7_right"])


def test_decision_bars_refuse_minutes_that_do_not_divide_a_day_and_unordered_rows() -> None:
    with pytest.raises(ContractError, match="7 does not divide a day"):
        decision_bars(FEATURES, 7)
    with pytest.raises(ContractError, match="not sorted"):
        decision_bars(FEATURES.reverse(), 15)


def test_real_days_keep_the_contract_through_halt_gap_crash_and_listing(shared: Path) -> None:
    days = {
        "candles_1m_2023/ETH-USDT": [date(2023, 3, 24), date(2023, 3, 25)],
        "candles_1m_2023/ARB-USDT": [
            date(2023, 3, 23),
            date(2023, 3, 24),
            date(2023, 7, 27),
            date(2023, 7, 28),
        ],
        "candles_1m_2023/SUI-USDT": [date(2023, 5, 3), date(2023, 5, 4)],
        "candles_1m_2021_crash/SOL-USDT": [date(2021, 5, 15), date(2021, 5, 19), date(2021, 5, 20)],
    }
    for name, wanted in days.items():
        folder = shared / "data" / name.split("/")[0]
        lazy = pl.scan_parquet(shared / "data" / f"{name}.parquet")
        near = pl.col("ts").dt.date().is_between(min(wanted) - timedelta(days=4), max(wanted))
        coin = to_candles(lazy.filter(near).collect().sort("ts"))
        benchmark = to_candles(pl.scan_parquet(folder / "BTC-USDT.parquet").filter(near).collect().sort("ts"))
        for day in wanted:
            made = compute_features(day, coin, benchmark, None)
            validate_features(made, day)
            assert made.height == coin.filter(pl.col("ts").dt.date() == day).height > 0
