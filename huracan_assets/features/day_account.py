"""What the file of a symbol-day's features tells of itself: content, recipe, inputs, rows and nulls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import orjson
import polars as pl

from huracan_assets.errors import StorageError
from huracan_assets.features.inputs import INPUTS_TAG
from huracan_assets.features.recipe import FEATURE_NAMES, recipe_hash
from huracan_assets.resources.lake import HASH_KEY, Lake

RECIPE_TAG = "huracan.recipe"
ROWS_TAG = "huracan.rows"
NULLS_TAG = "huracan.nulls"


@dataclass(frozen=True)
class DayAccount:
    """A symbol-day's features, told without reading them."""

    content_sha256: str
    recipe_sha256: str
    inputs_sha256: str
    rows: int
    nulls: Mapping[str, int]  # of every feature, in the order of the columns


def day_tags(frame: pl.DataFrame, stands_on: str) -> dict[str, str]:
    """The tags of a features frame beside its content hash.

    Args:
        frame: features of a day, by this engine's recipe.
        stands_on: the hash of its inputs.
    """
    nulls = orjson.dumps(null_counts(frame)).decode()
    return {RECIPE_TAG: recipe_hash(), INPUTS_TAG: stands_on, ROWS_TAG: str(frame.height), NULLS_TAG: nulls}


def null_counts(frame: pl.DataFrame) -> dict[str, int]:
    """Rows in which each feature is not known."""
    return {name: frame[name].null_count() for name in FEATURE_NAMES}


def read_account(lake: Lake, symbol: str, day: date) -> DayAccount:
    """What the file of a symbol-day's features tells.

    Raises:
        StorageError: there is no such file, or it was written before files told this.
    """
    again = f"materialise features of {day}|{symbol}"
    tags = lake.frame_tags("features", symbol, day)
    if tags is None:
        raise StorageError(f"{lake.path('features', symbol, day)} does not exist: {again}")
    lacking = [tag for tag in (HASH_KEY, RECIPE_TAG, INPUTS_TAG, ROWS_TAG, NULLS_TAG) if tag not in tags]
    if lacking:
        raise StorageError(f"{lake.path('features', symbol, day)} does not tell {', '.join(lacking)}: {again} again")
    return DayAccount(
        content_sha256=tags[HASH_KEY],
        recipe_sha256=tags[RECIPE_TAG],
        inputs_sha256=tags[INPUTS_TAG],
        rows=int(tags[ROWS_TAG]),
        nulls=orjson.loads(tags[NULLS_TAG]),
    )
