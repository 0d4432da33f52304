"""After a night everything that was trained names the set it was trained on, and Dagster knows what is stale."""

from __future__ import annotations

import dagster as dg
import orjson
import polars as pl
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from huracan_assets.days import DAY, days_until
from huracan_assets.features.day_account import read_account
from huracan_assets.features.feature_sets import engine_set
from huracan_assets.features.feature_store import kept_recipes, pinned_sets
from huracan_assets.features.recipe import FEATURE_NAMES
from huracan_assets.features.recipe_document import recipe_document
from huracan_assets.partitions import partition_key
from huracan_assets.resources.lake import Lake
from huracan_assets_tests.end_to_end.conftest import Night
from huracan_assets_tests.end_to_end.engine import materializations


def test_manifest_brain_bundle_and_registry_pin_the_same_set_and_the_store_has_it(night: Night) -> None:
    from huracan_assets.resources.tracking import Tracking

    pinned, folder = engine_set().reference, night.engine.home / "bundles" / night.symbol / str(night.day)
    assert night.engine.document("run_manifest", night.symbol, night.day)["feature_set"] == pinned
    assert orjson.loads((folder / "features.json").read_bytes())["feature_set"] == pinned
    assert orjson.loads((folder / "manifest.json").read_bytes())["metadata"]["feature_set"] == pinned
    assert night.engine.document("feature_importance", night.symbol, night.day)["feature_set"] == pinned
    with night.engine.opened():
        registered = night.engine.document("registered_model", night.symbol, night.day)["content_sha256"]
        assert Tracking.open().find(night.symbol, registered).tags["feature_set"] == pinned
    lake = Lake.at(night.engine.lake)
    assert pinned_sets(lake) == [engine_set()]
    assert kept_recipes(lake) == {recipe_document().recipe_sha256: recipe_document()}


def test_every_day_of_the_window_accounts_for_itself(night: Night) -> None:
    lake = Lake.at(night.engine.lake)
    for day in days_until(night.day, 24):
        account, frame = read_account(lake, night.symbol, day), night.engine.frame("features", night.symbol, day)
        assert account.content_sha256 == night.lake[f"features/{night.symbol}/{day}.parquet"]
        assert account.rows == frame.height
        assert dict(account.nulls) == frame.select(pl.col(FEATURE_NAMES).null_count()).row(0, named=True)


def test_no_day_of_the_window_is_stale_and_a_new_recipe_would_make_each_so(night: Night) -> None:
    from huracan_assets.definitions import defs

    with night.engine.opened() as instance:
        newest = materializations(instance)
        resolver = CachingStaleStatusResolver(instance, defs.resolve_asset_graph(), LoadingContextForTest(instance))
        for day in days_until(night.day, 24):
            key = partition_key(day, night.symbol)
            assert resolver.get_status(dg.AssetKey("features"), key) == StaleStatus.FRESH, key
            tags = newest["features", key].tags or {}
            assert tags["dagster/code_version"] == recipe_document().recipe_sha256
            assert tags["dagster/data_version"] == night.lake[f"features/{night.symbol}/{day}.parquet"]


def test_the_page_of_a_nights_features_shows_where_each_column_comes_from(night: Night) -> None:
    with night.engine.opened() as instance:
        made = materializations(instance)["features", partition_key(night.day, night.symbol)]
    told = made.metadata["dagster/column_lineage"].value
    assert isinstance(told, dg.TableColumnLineage)
    assert set(told.deps_by_column) == {"ts", "known_at", *FEATURE_NAMES}


def test_importance_is_compared_with_the_night_before_where_there_is_one(night: Night, next_night: Night) -> None:
    with next_night.engine.opened() as instance:
        found = materializations(instance)
    said = {
        day: found["feature_importance", partition_key(day, night.symbol)].metadata["stability_overnight"]
        for day in (night.day, next_night.day)
    }
    assert said[night.day].value == f"the lake has no importance of {night.day - DAY}"
    agreement = said[next_night.day].value
    assert isinstance(agreement, float)
    assert -1.0 <= agreement <= 1.0
