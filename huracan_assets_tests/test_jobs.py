"""The close of a night, run in a real instance: it records the night, and ends red where a verdict lacks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from huracan_assets.definitions import defs
from huracan_assets.health.night_report import NightReport
from huracan_assets.jobs import CLOSED, NIGHT, brain_request, brains, close, market, symbol_runs
from huracan_assets.partitions import symbol_days
from huracan_assets.resources.lake import Lake
from huracan_assets.settings import settings

DAY = date(2026, 1, 1)


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("HURACAN_LAKE", str(tmp_path / "lake"))
    with dg.DagsterInstance.ephemeral() as one:
        yield one


@dg.op
def breaks() -> None:
    """Fails as a room does."""
    raise ValueError("the candles of 2026-01-01 are missing\nand more lines")


@dg.job(name="brains")
def broken_brain() -> None:
    breaks()


def ended(instance: dg.DagsterInstance, symbol: str, status: dg.DagsterRunStatus) -> None:
    tags = dict(brain_request(DAY, symbol).tags)
    instance.add_run(dg.DagsterRun(job_name="brains", run_id=str(uuid4()), status=status, tags=tags))
    if status == dg.DagsterRunStatus.SUCCESS:
        lake = Lake.open()
        lake.write_document("handoff_bundle", symbol, DAY, {"handed_over": True, "reason": "every gate passes"})
        lake.write_document("gate_verdict", symbol, DAY, {"approved": True})
        lake.write_document("walk_forward_report", symbol, DAY, {"trades": 12, "sharpe": 1.5})


def run_close(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return close.execute_in_process(instance=instance, tags={NIGHT: DAY.isoformat()}, raise_on_error=False)


def test_a_night_in_which_all_ended_well_is_green_recorded_and_kept(instance: dg.DagsterInstance) -> None:
    listed = settings().market.listed(DAY)
    for symbol in listed:
        ended(instance, symbol, dg.DagsterRunStatus.SUCCESS)
    assert run_close(instance).success
    report = NightReport.model_validate(Lake.open().read_document("daily_metrics", "all", DAY))
    assert [line.symbol for line in report.symbols] == list(listed)
    assert report.count("handed over") == len(listed)
    event = instance.get_latest_materialization_event(dg.AssetKey("daily_metrics"))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.partition == "2026-01-01"
    assert event.asset_materialization.metadata["handed_over"].value == len(listed)


def test_a_failed_and_a_missing_symbol_make_it_red_by_name_with_the_rooms_own_error(
    instance: dg.DagsterInstance,
) -> None:
    *others, missing, failed = settings().market.listed(DAY)
    for symbol in others:
        ended(instance, symbol, dg.DagsterRunStatus.SUCCESS)
    tags = dict(brain_request(DAY, failed).tags)
    broken_brain.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    result = run_close(instance)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_FAILURE]
    message = failure.step_failure_data.user_failure_data
    assert message is not None
    assert f"{missing}, {failed}" in str(message.description)
    report = NightReport.model_validate(Lake.open().read_document("daily_metrics", "all", DAY))
    assert report.unfinished == [missing, failed]
    line = report.symbols[-1]
    assert (line.outcome, line.reason) == (
        "failed",
        "breaks: ValueError: the candles of 2026-01-01 are missing",
    )
    assert instance.get_latest_materialization_event(dg.AssetKey("daily_metrics")) is not None


def test_a_run_that_ended_before_a_step_failed_says_so(instance: dg.DagsterInstance) -> None:
    ended(instance, "ETH-USDT", dg.DagsterRunStatus.CANCELED)
    found = symbol_runs(instance, DAY)["ETH-USDT"]
    assert not found.succeeded
    assert found.error is not None
    assert "CANCELED" in found.error


def test_a_close_can_be_told_its_day_and_without_one_says_what_it_lacks(instance: dg.DagsterInstance) -> None:
    config = {"ops": {"close_night": {"config": {"day": DAY.isoformat()}}}}
    close.execute_in_process(instance=instance, run_config=config, raise_on_error=False)
    assert Lake.open().has("daily_metrics", "all", DAY, "json")
    result = close.execute_in_process(instance=instance, raise_on_error=False)
    (failure,) = [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_FAILURE]
    assert "config" in str(failure.step_failure_data.user_failure_data or "")


def test_the_acts_split_the_graph_and_share_nothing() -> None:
    one, two = defs.resolve_job_def("market"), defs.resolve_job_def("brains")
    first, second = set(one.asset_layer.executable_asset_keys), set(two.asset_layer.executable_asset_keys)
    every = {spec.key for spec in defs.resolve_all_asset_specs()} - {dg.AssetKey("daily_metrics")}
    assert first | second == every
    assert first & second == set()
    assert one.partitions_def == two.partitions_def == symbol_days
    assert {market.name, brains.name} == {"market", "brains"}


def test_what_the_close_reads_is_made_by_an_asset() -> None:
    names = {spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()}
    assert set(CLOSED) <= names
