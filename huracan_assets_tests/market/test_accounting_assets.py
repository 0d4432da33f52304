"""The accounts and the revisions through Dagster, on an archive of files that lacks minutes and changes its story."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from huracan_assets.days import DAY, MINUTE, days_between, midnight
from huracan_assets.market import assets as market
from huracan_assets.market import checks
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets.market.minute_status import OUTAGE, UNKNOWN, stretches, validate_status
from huracan_assets.market.repair import CANDLE_VIEWS, materialize_command
from huracan_assets.market.revisions import later_answers
from huracan_assets.partitions import partition_key
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.materialize import room
from huracan_assets_tests.features.random_market import candles

SYMBOL, FIRST = "ADA-USDT", date(2026, 1, 1)
NIGHT = FIRST + 3 * DAY
DAYS = days_between(FIRST, NIGHT)
HALT, LOST = range(600, 620), range(900, 905)  # of the night: everybody's, and the symbol's own
ASSETS = [market.candles, market.hourly_candles, market.minute_status, market.revision_report]
CHECKS = [checks.minute_status_contract, checks.nothing_was_revised]
Edit = Callable[[pl.DataFrame], pl.DataFrame]


class Archive:
    """Three symbols' files; every change is another source, as after a new download."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, patch
        folder.mkdir()
        for seed, symbol in enumerate((SYMBOL, "BTC-USDT", "ETH-USDT")):
            gone = [*HALT, *LOST] if symbol == SYMBOL else list(HALT)
            whole = candles(seed, FIRST, len(DAYS), 0.0)
            self.write(symbol, whole.filter(~pl.col("ts").is_in([midnight(NIGHT) + MINUTE * m for m in gone])))

    def write(self, symbol: str, frame: pl.DataFrame) -> None:
        frame.drop("known_at").write_parquet(self.folder / f"{symbol}.parquet")
        source = ArchiveSource(self.folder)
        self.patch.setattr(market, "market_source", lambda: source)

    def edit(self, symbol: str, edit: Edit) -> None:
        self.write(symbol, edit(market.market_source().candles(symbol, FIRST, NIGHT)))


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    monkeypatch.setenv("HURACAN_LAKE", str(tmp_path / "lake"))
    return Archive(tmp_path / "archive", monkeypatch)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as one:
        yield one


def run(
    instance: dg.DagsterInstance, selected: Sequence[Any], day: date = NIGHT, *, all_of: Sequence[Any] = ()
) -> dg.ExecuteInProcessResult:
    selection = dg.AssetSelection.assets(*selected) if selected else None
    return dg.materialize(
        [*ASSETS, *CHECKS, *all_of],
        instance=instance,
        selection=selection,
        partition_key=partition_key(day, SYMBOL),
        raise_on_error=False,
    )


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {found.check_name: found for found in result.get_asset_check_evaluations()}


def gaps(day: date = NIGHT) -> list[tuple[str, int]]:
    status = Lake.open().read_frame("minute_status", SYMBOL, day)
    validate_status(status, symbol=SYMBOL, day=day)
    return [(kind, count) for kind in (OUTAGE, UNKNOWN) for count in stretches(status, kind)["minutes"]]


def test_a_day_is_accounted_for_by_witnesses_that_the_lake_did_not_have(
    archive: Archive, instance: dg.DagsterInstance
) -> None:
    result = run(instance, ASSETS)
    assert result.success
    assert gaps() == [(OUTAGE, len(HALT)), (UNKNOWN, len(LOST))]
    assert evaluations(result)["minute_status_contract"].passed
    healed = instance.get_materialized_partitions(market.candles.key)
    assert {partition_key(NIGHT, "BTC-USDT"), partition_key(NIGHT, "ETH-USDT")} <= healed
    event = result.asset_materializations_for_node("minute_status")[-1]  # before it, the witnesses it fetched
    assert event.metadata[OUTAGE].value == len(HALT)
    assert str(event.metadata["day"].value).startswith(f"![{NIGHT}: ")


def test_a_range_in_one_run_gives_the_same_accounts(archive: Archive, instance: dg.DagsterInstance) -> None:
    tags = {
        "dagster/asset_partition_range_start": partition_key(FIRST, SYMBOL),
        "dagster/asset_partition_range_end": partition_key(NIGHT, SYMBOL),
    }
    assert dg.materialize([*ASSETS, *CHECKS], instance=instance, tags=tags).success
    whole = [Lake.open().path("minute_status", SYMBOL, day).read_bytes() for day in DAYS]
    for day in DAYS:
        assert run(instance, [market.minute_status], day).success
    assert [Lake.open().path("minute_status", SYMBOL, day).read_bytes() for day in DAYS] == whole
    assert gaps(FIRST) == []


def test_candles_that_are_made_again_leave_a_red_check_until_their_account_is_made_again(
    archive: Archive, instance: dg.DagsterInstance
) -> None:
    run(instance, ASSETS)
    archive.edit(SYMBOL, lambda frame: frame.filter(pl.col("ts") != midnight(NIGHT)))
    run(instance, [market.candles])

    @dg.asset(**room("market"), name="minute_status")
    def idle(context: dg.AssetExecutionContext) -> None:
        """Leaves the account as it was."""

    key = partition_key(NIGHT, SYMBOL)
    alone = dg.materialize(
        [idle, checks.minute_status_contract], instance=instance, partition_key=key, raise_on_error=False
    )
    red = evaluations(alone)["minute_status_contract"]
    assert not red.passed
    assert red.blocking
    assert "was made from other candles" in str(red.description)

    @dg.asset(**room("guards"))
    def healer(context: dg.AssetExecutionContext) -> None:
        """A later room."""
        market.heal(context, "minute_status", SYMBOL, [NIGHT])

    assert run(instance, [healer], all_of=[healer]).success
    assert gaps() == [(OUTAGE, len(HALT)), (UNKNOWN, 1), (UNKNOWN, len(LOST))]


def test_what_the_source_revised_is_reported_and_warned_of_and_nothing_in_the_lake_is_changed(
    archive: Archive, instance: dg.DagsterInstance
) -> None:
    for day in DAYS:
        first = run(instance, ASSETS, day)
        assert first.success
        assert evaluations(first)["nothing_was_revised"].passed
    lake, revised = Lake.open(), NIGHT - 2 * DAY
    held = {day: lake.frame_hash("candles", SYMBOL, day) for day in DAYS}
    moment = midnight(revised) + MINUTE * 77
    low = pl.when(pl.col("ts") == moment).then(pl.col("low") * 0.9).otherwise("low")
    archive.edit(SYMBOL, lambda frame: frame.with_columns(low=low))
    again = run(instance, [market.revision_report])
    assert again.success  # a warning ends no night
    warning = evaluations(again)["nothing_was_revised"]
    assert not warning.passed
    assert warning.severity == dg.AssetCheckSeverity.WARN
    assert materialize_command(CANDLE_VIEWS, SYMBOL, revised, revised) in str(warning.description)
    assert {day: lake.frame_hash("candles", SYMBOL, day) for day in DAYS} == held
    report = lake.read_frame("revision_report", SYMBOL, NIGHT)
    assert report.select("day", "ts", "column").rows() == [(revised, moment, "low")]
    assert report["is"][0] == pytest.approx(0.9 * report["was"][0])
    assert later_answers(lake, SYMBOL, DAYS, NIGHT).revised.equals(report)
    # The command's own assets take it over; the revision no longer stands.
    assert run(instance, ASSETS[:3], revised).success
    assert lake.frame_hash("candles", SYMBOL, revised) != held[revised]
    assert later_answers(lake, SYMBOL, DAYS, NIGHT).revised.is_empty()


def test_days_that_the_lake_lacks_are_not_compared(archive: Archive, instance: dg.DagsterInstance) -> None:
    result = run(instance, ASSETS)
    (event,) = result.asset_materializations_for_node("revision_report")
    assert event.metadata["compared_days"].value == 0
    assert Lake.open().read_frame("revision_report", SYMBOL, NIGHT).is_empty()
