"""The features contract: what every later room may rely on."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import polars as pl

from huracan_assets.days import DAY, MINUTE, midnight
from huracan_assets.errors import ContractError
from huracan_assets.features.recipe import FEATURE_NAMES, RECIPE

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
    if tuple(frame.schema.items()) != tuple(FEATURE_SCHEMA.items()):
        raise ContractError(
            f"features of {day} have not the recipe's columns: {_other_columns(frame)}. Compute them again"
        )
    broken = frame.select(**_breaches(day)).row(0, named=True)
    told = [f"{rule} ({count} rows)" for rule, count in broken.items() if count]
    if told:
        raise ContractError(f"features of {day} break the contract: {'; '.join(told)}. Compute them again")
    return frame


def _breaches(day: date) -> dict[str, pl.Expr]:
    """Rule -> number of rows that break it; one select for all."""
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


def _other_columns(frame: pl.DataFrame) -> str:
    """How the columns differ from the schema's: what lacks, what is too many, what has another type, or the order."""
    lacking = [name for name in FEATURE_SCHEMA if name not in frame.schema]
    strange = [name for name in frame.columns if name not in FEATURE_SCHEMA]
    other = [f"{name} {kind}" for name, kind in frame.schema.items() if kind != FEATURE_SCHEMA.get(name, kind)]
    found = {"lacking": lacking, "not of the recipe": strange, "of another type": other}
    told = [f"{what}: {', '.join(names)}" for what, names in found.items() if names]
    return "; ".join(told) or "in another order"
