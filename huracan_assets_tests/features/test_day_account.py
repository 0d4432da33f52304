"""A symbol-day's file tells its rows and nulls as they are, without being read."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from huracan_assets.days import DAY
from huracan_assets.errors import StorageError
from huracan_assets.features.compute import compute_features
from huracan_assets.features.day_account import NULLS_TAG, RECIPE_TAG, day_tags, read_account
from huracan_assets.features.inputs import INPUTS_TAG
from huracan_assets.features.recipe import FEATURE_NAMES, WARM_UP_DAYS, recipe_hash
from huracan_assets.resources.lake import Lake, content_hash
from huracan_assets_tests.features.random_market import candles

TODAY, SYMBOL = date(2026, 1, 5), "ETH-USDT"


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    """A day without its benchmark and without funding, so that whole columns are null."""
    return compute_features(TODAY, candles(5, TODAY - DAY * WARM_UP_DAYS, WARM_UP_DAYS + 1), None, None)


def test_the_account_is_that_of_the_frame(tmp_path: Path, frame: pl.DataFrame) -> None:
    lake = Lake.at(tmp_path)
    digest = lake.write_frame("features", SYMBOL, TODAY, frame, day_tags(frame, "i" * 64))
    account = read_account(lake, SYMBOL, TODAY)
    assert account.content_sha256 == digest == content_hash(lake.read_frame("features", SYMBOL, TODAY))
    assert (account.recipe_sha256, account.inputs_sha256) == (recipe_hash(), "i" * 64)
    assert account.rows == frame.height > 1000
    assert list(account.nulls) == list(FEATURE_NAMES)
    assert dict(account.nulls) == {name: int(frame[name].is_null().sum()) for name in FEATURE_NAMES}
    assert account.nulls["funding_rate"] == frame.height
    assert account.nulls["ret_1"] < frame.height


def test_a_file_that_is_absent_or_tells_nothing_is_named_with_what_to_do(tmp_path: Path, frame: pl.DataFrame) -> None:
    lake = Lake.at(tmp_path)
    with pytest.raises(StorageError, match=r"does not exist: materialise features of 2026-01-05\|ETH-USDT"):
        read_account(lake, SYMBOL, TODAY)
    lake.write_frame("features", SYMBOL, TODAY, frame, {RECIPE_TAG: "r", INPUTS_TAG: "i"})
    with pytest.raises(StorageError, match=f"does not tell .*{NULLS_TAG}: materialise"):
        read_account(lake, SYMBOL, TODAY)
