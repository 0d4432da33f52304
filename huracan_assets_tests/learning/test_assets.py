"""What the assets hand to the learners, read from a lake."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from huracan_assets.days import midnight
from huracan_assets.features.feature_version import FeatureDay, FeatureVersion
from huracan_assets.learning.assets import bar_market
from huracan_assets.market.contract import TIME
from huracan_assets.market.minute_status import STATUS_SCHEMA
from huracan_assets.resources.lake import Lake
from huracan_assets_tests.features.random_market import candles
from huracan_assets_tests.learning.small_nights import FIRST, ORIGIN, QUARTER

SYMBOL = "ETH-USDT"


def test_agents_pay_and_are_paid_the_funding_of_their_market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HURACAN_LAKE", str(tmp_path))
    lake = Lake.open()
    minutes = lake.write_frame("candles", SYMBOL, FIRST, candles(1, FIRST, 1, 0.0).with_columns(volume=pl.lit(1e6)))
    status = pl.DataFrame([[midnight(FIRST), 1440, "traded"]], schema=STATUS_SCHEMA, orient="row")
    lake.write_frame("minute_status", SYMBOL, FIRST, status)
    as_of = ORIGIN + QUARTER * np.arange(1, 96)
    bars = pl.Series("as_of", as_of).dt.replace_time_zone("UTC").to_frame()
    at_eight = pl.DataFrame(
        {"ts": [midnight(FIRST) + timedelta(hours=8)], "rate": [30e-4]}, schema_overrides={"ts": TIME}
    )
    played = []
    for funding in (at_eight.head(0), at_eight):
        digest = lake.write_frame("funding_rates", SYMBOL, FIRST, funding)
        entry = FeatureDay(
            day=FIRST, candles_sha256=minutes, funding_sha256=digest, books_sha256=None, features_sha256=""
        )
        version = FeatureVersion(symbol=SYMBOL, day=FIRST, recipe_sha256="", names=(), days=(entry,))
        played.append(bar_market(version, bars, as_of))
    (free, costs), (charged, same) = played
    paid = (free - charged)[:-1]
    assert paid.nonzero()[0].tolist() == [30]  # from the fill at 07:46 to that at 08:01
    assert paid[30] == pytest.approx(30.0)
    np.testing.assert_array_equal(costs, same)
