"""Basis and carry from the perpetual's candles that the market room makes: healed, recorded, right, and remade."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest

from huracan_assets.days import DAY, days_between
from huracan_assets.features import assets as features_assets
from huracan_assets.features.recipe import WARM_UP_DAYS
from huracan_assets.market import assets as market_assets
from huracan_assets.market.expansions import AVAILABLE_TAG
from huracan_assets.market.synthetic import SyntheticSource
from huracan_assets.partitions import partition_key
from huracan_assets.resources.lake import Lake
from huracan_assets.settings import settings

SYMBOL, NIGHT = "ETH-USDT", date(2021, 2, 1)
DAYS = days_between(NIGHT - DAY, NIGHT)
INPUTS = days_between(DAYS[0] - WARM_UP_DAYS * DAY, NIGHT)
ASSETS = [market_assets.candles, *features_assets.BESIDE, features_assets.features]
BASIS, CARRY = "basis_bps", "carry_pnl"


def run(lake: Path, days: Sequence[date]) -> set[str]:
    """Make the features of days in one run, in a lake of its own; what they read is healed, and is told."""
    begin, end = partition_key(days[0], SYMBOL), partition_key(days[-1], SYMBOL)
    tags = {"dagster/asset_partition_range_start": begin, "dagster/asset_partition_range_end": end}
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("HURACAN_LAKE", str(lake))
        assert dg.materialize(ASSETS, instance=instance, selection=[features_assets.features], tags=tags).success
        return set(instance.get_materialized_partitions(market_assets.perpetual_candles.key))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake in which all days were made in one run."""
    lake = tmp_path_factory.mktemp("whole")
    assert run(lake, DAYS) == {partition_key(day, SYMBOL) for day in INPUTS}
    return lake


def made(lake: Path, asset: str, days: Sequence[date]) -> list[bytes]:
    return [Lake.at(lake).path(asset, SYMBOL, day).read_bytes() for day in days]


def expected(day: date) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Basis and carry of each minute of a day, straight from what the source tells."""
    source = market_assets.market_source()
    first = day - 2 * DAY
    spot, perpetual = source.candles(SYMBOL, first, day), source.perpetual_candles(SYMBOL, first, day)
    events = source.funding(SYMBOL, first, day)
    assert perpetual is not None and events is not None
    basis = 1e4 * np.log((perpetual["close"] / spot["close"]).to_numpy())
    known = spot["known_at"].dt.epoch("us").to_numpy()[-1440:, None]
    settled = events["ts"].dt.epoch("us").to_numpy()[None, :]
    paid = (settled <= known) & (settled > known - 86_400_000_000)
    received = 1e4 * (paid * events["rate"].to_numpy()).sum(axis=1)
    return basis[-1440:], received - (basis[-1440:] - basis[-2880:-1440])


def test_basis_and_carry_are_the_direct_figures(whole: Path) -> None:
    found = Lake.at(whole).read_frame("features", SYMBOL, NIGHT)
    for name, figures in zip((BASIS, CARRY), expected(NIGHT), strict=True):
        assert found[name].null_count() == 0
        np.testing.assert_allclose(found[name].to_numpy(), figures, rtol=1e-5, atol=1e-4)
        assert found[name].std() > 1.0  # type: ignore[operator]


def test_days_alone_and_a_range_in_one_run_write_the_same_bytes_and_each_is_recorded(
    whole: Path, tmp_path: Path
) -> None:
    for day in reversed(DAYS):
        healed = days_between(day - WARM_UP_DAYS * DAY, day)
        assert run(tmp_path, [day]) == {partition_key(past, SYMBOL) for past in healed}
    for asset, days in (("perpetual_candles", INPUTS), ("features", DAYS)):
        assert made(whole, asset, days) == made(tmp_path, asset, days)


def test_a_perpetual_that_changed_remakes_the_features_that_read_it_and_no_other(whole: Path, tmp_path: Path) -> None:
    before = Lake.at(whole).read_frame("features", SYMBOL, NIGHT)
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    lake = Lake.at(tmp_path)
    dearer = lake.read_frame("perpetual_candles", SYMBOL, NIGHT).with_columns(pl.col("close") * 1.0005)
    lake.write_frame("perpetual_candles", SYMBOL, NIGHT, dearer, {AVAILABLE_TAG: "true"})
    assert features_assets.stale_features(lake, SYMBOL, DAYS) == [NIGHT]
    run(tmp_path, [NIGHT])
    assert features_assets.stale_features(lake, SYMBOL, DAYS) == []
    after = lake.read_frame("features", SYMBOL, NIGHT)
    assert [name for name in after.columns if not after[name].equals(before[name])] == [BASIS, CARRY]
    np.testing.assert_allclose((after[BASIS] - before[BASIS]).to_numpy(), 1e4 * np.log(1.0005), atol=1e-3)


def test_without_a_perpetual_both_are_null_and_every_other_feature_is_the_same(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SyntheticSource, "perpetual_candles", lambda *_: None)
    run(tmp_path, [NIGHT])
    there, gone = (Lake.at(lake).read_frame("features", SYMBOL, NIGHT) for lake in (whole, tmp_path))
    assert gone[BASIS].null_count() == gone[CARRY].null_count() == gone.height
    assert gone.drop(BASIS, CARRY).equals(there.drop(BASIS, CARRY))


def test_what_the_settings_left_out_is_fetched_once_they_want_it_and_the_features_follow(
    whole: Path, tmp_path: Path
) -> None:
    """Also for the features of nights long made: with the funding and the perpetual come carry and basis."""
    poor = settings().model_copy(
        update={"market": settings().market.model_copy(update={"collect": ("open_interest",)})}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(market_assets, "settings", lambda: poor)
        run(tmp_path, [NIGHT])
    without = Lake.at(tmp_path).read_frame("features", SYMBOL, NIGHT)
    assert without[CARRY].null_count() == without.height
    run(tmp_path, [NIGHT])
    for asset, days in (("funding_rates", INPUTS[1:]), ("perpetual_candles", INPUTS[1:]), ("features", [NIGHT])):
        assert made(tmp_path, asset, days) == made(whole, asset, days)
