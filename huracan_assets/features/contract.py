"""The features contract: what every later room may rely on."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from huracan_assets.days import DAY, MINUTE, midnight
from huracan_assets.errors import ContractError
from huracan_assets.features.recipe import FEATURE_NAMES, RECIPE

if TYPE_CHECKING:
    import pandera.polars as pa

TIME = pl.Datetime("us", "UTC")
FEATURE_SCHEMA: dict[str, pl.DataType] = {
    "ts": TIME,
    "known_at": TIME,
    **dict.fromkeys(FEATURE_NAMES, pl.Float32()),
}


def validate_features(frame: pl.DataFrame, day: date) -> pl.DataFrame:
    """The features of one day, unchanged, once they keep the contract.

    The contract: the columns and types of `FEATURE_SCHEMA` in that order; `ts` inside the day, on whole
    minutes, rising, none twice; `known_at` one minute later; every value null, or finite and within its
    declared range.

    Raises:
        ContractError: a column or type is wrong, or rows break a rule; names the day, each rule broken and
            its rows.
    """
    import pandera.errors

    try:
        _schema().validate(frame)
    except pandera.errors.SchemaError as error:
        raise ContractError(f"features of {day} have not the recipe's columns: {error}. Compute them again") from error
    broken = frame.select(**_breaches(day)).row(0, named=True)
    told = [f"{rule} ({count} rows)" for rule, count in broken.items() if count]
    if told:
        raise ContractError(f"features of {day} break the contract: {'; '.join(told)}. Compute them again")
    return frame


def _breaches(day: date) -> dict[str, pl.Expr]:
    """Rule -> number of rows that break it. One select for all: pandera's own price is by the check."""
    return _time_breaches(day) | _range_breaches()


def _time_breaches(day: date) -> dict[str, pl.Expr]:
    ts = pl.col("ts")
    rules = {
        "ts must lie within the day": ts.is_null() | (ts < midnight(day)) | (ts >= midnight(day + DAY)),
        "ts must lie on a whole minute": ts.dt.epoch("us") % 60_000_000 != 0,
        "ts must rise, no minute twice": ts.diff() <= pl.duration(),
        "known_at must be ts + 1 minute": pl.col("known_at").ne_missing(ts + MINUTE),
    }
    return {rule: broken.sum() for rule, broken in rules.items()}


@cache
def _range_breaches() -> dict[str, pl.Expr]:
    rules: dict[str, pl.Expr] = {}
    for feature in RECIPE:
        value = pl.col(feature.name)
        # As Float32, like the column: 0.1 is not the same number in both widths.
        low, high = (pl.lit(np.float32(bound), dtype=pl.Float32) for bound in (feature.low, feature.high))
        sound = value.is_finite() & (value >= low) & (value <= high)
        rules[f"{feature.name} must be finite and within [{feature.low:g}, {feature.high:g}]"] = ~sound
    return {rule: broken.sum() for rule, broken in rules.items()}


@cache
def _schema() -> pa.DataFrameSchema:
    import pandera.polars as pa

    columns = {name: pa.Column(kind, nullable=True) for name, kind in FEATURE_SCHEMA.items()}
    return pa.DataFrameSchema(columns, strict=True, ordered=True)
