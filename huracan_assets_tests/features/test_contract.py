"""Each rule of the features contract refuses a frame that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import polars as pl
import pytest

from huracan_assets.errors import ContractError
from huracan_assets.features.compute import compute_features
from huracan_assets.features.contract import validate_features
from huracan_assets.features.recipe import RECIPE
from huracan_assets_tests.features.random_market import DAY_OF_TEST, candles

SOUND = compute_features(DAY_OF_TEST, candles(1), candles(2), None)


def planted(column: str, value: object) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Write one value into the tenth row."""
    row = pl.int_range(pl.len()) == 10
    return lambda frame: frame.with_columns(
        pl.when(row).then(pl.lit(value)).otherwise(pl.col(column)).cast(frame.schema[column]).alias(column)
    )


@pytest.mark.parametrize(
    ("breaking", "message"),
    [
        (planted("rsi_14", float("nan")), "rsi_14 must be finite"),
        (planted("ret_1", float("inf")), "ret_1 must be finite"),
        (planted("trend_str", 1.01), "trend_str must be finite and within"),
        (planted("spread_bps", -0.1), "spread_bps must be finite and within"),
        (lambda f: pl.concat([f[:5], f[4:]]), "no minute twice"),
        (lambda f: f.reverse(), "ts must rise"),
        (lambda f: f.with_columns(pl.col("known_at") + timedelta(minutes=1)), "known_at must be ts"),
        (
            lambda f: f.with_columns(pl.col("ts", "known_at") + timedelta(days=1)),
            "ts must lie within the day",
        ),
        (lambda f: f.with_columns(pl.col("ts", "known_at") + timedelta(seconds=1)), "whole minute"),
        (lambda f: f.drop("adx"), "have not the recipe's columns: lacking: adx"),
        (lambda f: f.rename({"adx": "ADX"}), "lacking: adx; not of the recipe: ADX"),
        (lambda f: f.with_columns(pl.col("adx").cast(pl.Float64)), "recipe's columns: of another type: adx Float64"),
        (lambda f: f.with_columns(pl.col("ts").dt.replace_time_zone(None)), "of another type: ts Datetime"),
        (lambda f: f.select(*reversed(f.columns)), "have not the recipe's columns: in another order"),
    ],
)
def test_a_planted_violation_is_refused(breaking: Callable[[pl.DataFrame], pl.DataFrame], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        validate_features(breaking(SOUND), DAY_OF_TEST)


def test_every_feature_is_held_to_its_declared_range() -> None:
    for way in (-1.0, 1.0):
        broken = SOUND
        for feature in RECIPE:
            bound = feature.low if way < 0 else feature.high
            broken = planted(feature.name, bound + way * (1.0 + abs(bound)))(broken)
        with pytest.raises(ContractError) as refusal:
            validate_features(broken, DAY_OF_TEST)
        for feature in RECIPE:
            assert f"{feature.name} must be finite" in str(refusal.value)


def test_a_sound_frame_passes_unchanged() -> None:
    assert validate_features(SOUND, DAY_OF_TEST) is SOUND
