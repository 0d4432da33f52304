"""One symbol's bad row takes no guard from the others, and a day that was not asked of again is not said to agree."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from huracan_assets.days import DAY, MINUTE, days_between, days_until, midnight
from huracan_assets.features.feature_version import FeatureDay, FeatureVersion
from huracan_assets.guards.assets import data_quality_report
from huracan_assets.guards.cross_source import NAME
from huracan_assets.guards.quality_window import QualityWindow
from huracan_assets.market import assets as market
from huracan_assets.market import checks
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets.market.revisions import compared_days
from huracan_assets.partitions import partition_key
from huracan_assets.resources.io_manager import LakeIOManager
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.materialize import room
from huracan_assets.settings import settings
from huracan_assets_tests.features.random_market import candles

GOOD, BAD = settings().market.symbol_names()[:2]  # neighbours in the list: a night fetches symbols as a range
FIRST = date(2026, 1, 1)
NIGHT = FIRST + 5 * DAY
DAYS = days_between(FIRST, NIGHT)
ASKED = days_until(NIGHT - DAY, settings().market.revision_days)
ACT_1 = [market.candles, market.hourly_candles, market.minute_status, market.revision_report]
CHECKS = [checks.candles_contract, checks.minute_status_contract, checks.nothing_was_revised]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as one:
        yield one


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Days of two symbols, one of which has a row of the night with a negative low."""
    monkeypatch.setenv("HURACAN_LAKE", str(tmp_path / "lake"))
    folder = tmp_path / "archive"
    folder.mkdir()
    broken = pl.col("ts") == midnight(NIGHT) + 700 * MINUTE
    for seed, symbol in enumerate((GOOD, BAD)):
        frame = candles(seed, FIRST, len(DAYS), 0.0).drop("known_at")
        low = pl.when(broken & pl.lit(symbol == BAD)).then(-1.0).otherwise("low")
        frame.with_columns(low=low).write_parquet(folder / f"{symbol}.parquet")
    source = ArchiveSource(folder)
    monkeypatch.setattr(market, "market_source", lambda: source)
    return folder


def act_1(instance: dg.DagsterInstance, night: date, symbols: Sequence[str] = (GOOD, BAD)) -> dg.ExecuteInProcessResult:
    tags = {
        "dagster/asset_partition_range_start": partition_key(night, symbols[0]),
        "dagster/asset_partition_range_end": partition_key(night, symbols[-1]),
    }
    return dg.materialize([*ACT_1, *CHECKS], instance=instance, tags=tags, raise_on_error=False)


def judged(instance: dg.DagsterInstance) -> tuple[QualityWindow, dict[str, Any]]:
    """The quality of the good symbol's days as act 2 writes it, and its page."""
    days = tuple(
        FeatureDay(day=day, candles_sha256="", funding_sha256="", books_sha256=None, features_sha256="") for day in DAYS
    )
    version = FeatureVersion(symbol=GOOD, day=NIGHT, recipe_sha256="", names=(), days=days)

    @dg.asset(**room("features"))
    def feature_version(context: dg.AssetExecutionContext) -> FeatureVersion:
        return version

    result = dg.materialize(
        [feature_version, data_quality_report],
        instance=instance,
        partition_key=partition_key(NIGHT, GOOD),
        resources={"io_manager": LakeIOManager()},
    )
    event = result.asset_materializations_for_node("data_quality_report")[-1]  # before it, what it healed
    window = QualityWindow.model_validate(Lake.open().read_document("data_quality_report", GOOD, NIGHT))
    return window, {name: entry.value for name, entry in event.metadata.items()}


def sentences(window: QualityWindow) -> dict[date, str]:
    return {report.day: report.check(NAME).sentence for report in window.days}


def history(instance: dg.DagsterInstance) -> None:
    """The candles of the days before the night lie in the lake, and nobody has compared them."""
    tags = {
        "dagster/asset_partition_range_start": partition_key(FIRST, GOOD),
        "dagster/asset_partition_range_end": partition_key(NIGHT - DAY, GOOD),
    }
    assert dg.materialize([market.candles], instance=instance, tags=tags).success


def test_one_symbols_bad_row_leaves_the_others_compared_and_accounted_for(
    archive: Path, instance: dg.DagsterInstance
) -> None:
    history(instance)
    assert not act_1(instance, NIGHT).success
    lake = Lake.open()
    assert lake.has("candles", GOOD, NIGHT)
    assert not lake.has("revision_report", GOOD, NIGHT)  # the step that fetches failed, and with it what follows it
    window, page = judged(instance)
    assert lake.has("minute_status", GOOD, NIGHT)
    assert list(compared_days(lake, GOOD, NIGHT)) == ASKED
    assert partition_key(NIGHT, GOOD) in instance.get_materialized_partitions(market.revision_report.key)
    told = sentences(window)
    assert [day for day in DAYS if "not asked of again" in told[day]] == [day for day in DAYS if day not in ASKED]
    assert page["days_asked_of_again"] == len(ASKED)


def test_a_spike_of_a_good_symbol_is_found_although_another_symbols_row_ended_act_1(
    archive: Path, instance: dg.DagsterInstance
) -> None:
    at = pl.col("ts") == midnight(NIGHT) + 700 * MINUTE
    frame = pl.read_parquet(archive / f"{GOOD}.parquet")
    spike = frame.with_columns(
        pl.when(at).then(1.2 * pl.col(name)).otherwise(name).alias(name) for name in ("high", "close")
    )
    spike.with_columns(quote_volume=pl.lit(None, pl.Float64)).write_parquet(archive / f"{GOOD}.parquet")
    result = act_1(instance, NIGHT)
    assert "candles_contract" not in {found.check_name for found in result.get_asset_check_evaluations()}
    history(instance)
    window, _ = judged(instance)
    assert window.newest.quarantined
    assert not window.newest.check("outliers").passed


def test_a_source_that_tells_a_day_otherwise_is_believed_by_the_night_although_act_1_had_failed(
    archive: Path, instance: dg.DagsterInstance
) -> None:
    history(instance)
    act_1(instance, NIGHT)
    revised, at = ASKED[0], midnight(ASKED[0]) + 77 * MINUTE
    frame = pl.read_parquet(archive / f"{GOOD}.parquet")
    low = pl.when(pl.col("ts") == at).then(pl.col("low") * 0.99).otherwise("low")
    frame.with_columns(low=low).write_parquet(archive / f"{GOOD}.parquet")
    window, _ = judged(instance)
    assert window.quarantined == [revised]
    assert "low at 01:17" in sentences(window)[revised]


def test_a_report_that_was_made_before_the_days_it_compares_is_made_again(
    archive: Path, instance: dg.DagsterInstance
) -> None:
    alone = act_1(instance, NIGHT, [GOOD])  # on a fresh home: there is nothing to compare yet
    (check,) = [found for found in alone.get_asset_check_evaluations() if found.check_name == "nothing_was_revised"]
    assert check.passed
    assert check.description is not None
    assert f"{GOOD} of {NIGHT}: not asked of again, none of the days before lies in the lake" in check.description
    assert compared_days(Lake.open(), GOOD, NIGHT) == {}
    history(instance)
    first, _ = judged(instance)
    assert list(compared_days(Lake.open(), GOOD, NIGHT)) == ASKED
    held = Lake.open().path("revision_report", GOOD, NIGHT).read_bytes()
    again, _ = judged(instance)
    assert again == first
    assert Lake.open().path("revision_report", GOOD, NIGHT).read_bytes() == held
