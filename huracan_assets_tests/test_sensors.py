"""Acts 2 and 3 of a night against a real run storage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from uuid import uuid4

import dagster as dg
import pytest

from huracan_assets.definitions import defs
from huracan_assets.jobs import NIGHT, SYMBOL, brain_request, close_request, market_request, symbol_runs
from huracan_assets.partitions import symbol_days
from huracan_assets.sensors import NIGHTS_WATCHED, brains_ended, market_ended, nights
from huracan_assets.settings import settings

DAY = date(2026, 1, 1)
BEFORE_DELISTING, AFTER_DELISTING = date(2024, 9, 9), date(2024, 9, 10)
Status = dg.DagsterRunStatus


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as one:
        yield one


def started(instance: dg.DagsterInstance, request: dg.RunRequest, status: Status) -> dg.DagsterRun:
    """A run as the daemon would make it of `request`, in `status`."""
    assert request.job_name is not None
    tags = dict(request.tags)
    if request.partition_key is not None:
        tags |= {"dagster/partition": request.partition_key}
    run = dg.DagsterRun(job_name=request.job_name, run_id=str(uuid4()), status=status, tags=tags)
    return instance.add_run(run)


def requests(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None = None
) -> list[dg.RunRequest]:
    with dg.build_sensor_context(instance=instance, definitions=defs, cursor=cursor) as context:
        return list(sensor.evaluate_tick(context).run_requests or [])


def all_brains(instance: dg.DagsterInstance, day: date, status: Status) -> None:
    for symbol in settings().market.listed(day):
        started(instance, brain_request(day, symbol), status)


@pytest.mark.parametrize("ended", [Status.SUCCESS, Status.FAILURE, Status.CANCELED])
def test_when_the_market_run_has_ended_however_each_listed_symbol_has_a_brain(
    instance: dg.DagsterInstance, ended: Status
) -> None:
    started(instance, market_request(DAY), ended)
    found = requests(market_ended, instance)
    assert [request.partition_key for request in found] == [f"{DAY}|{s}" for s in settings().market.listed(DAY)]
    assert {request.job_name for request in found} == {"brains"}
    assert all(request.tags[NIGHT] == "2026-01-01" for request in found)
    assert [request.tags[SYMBOL] for request in found] == list(settings().market.listed(DAY))


@pytest.mark.parametrize("running", [Status.NOT_STARTED, Status.STARTING, Status.STARTED, Status.CANCELING])
def test_while_the_market_run_is_under_way_nothing_is_requested(instance: dg.DagsterInstance, running: Status) -> None:
    started(instance, market_request(DAY), running)
    assert requests(market_ended, instance) == []


def test_the_same_night_is_requested_under_the_same_keys_whenever_one_looks(
    instance: dg.DagsterInstance,
) -> None:
    started(instance, market_request(DAY), Status.SUCCESS)
    first = [request.run_key for request in requests(market_ended, instance)]
    all_brains(instance, DAY, Status.SUCCESS)
    assert [request.run_key for request in requests(market_ended, instance)] == first
    assert len(set(first)) == len(first)


@pytest.mark.parametrize(("day", "is_there"), [(BEFORE_DELISTING, True), (AFTER_DELISTING, False)])
def test_a_retired_symbol_has_a_brain_until_the_day_it_was_delisted(
    instance: dg.DagsterInstance, day: date, is_there: bool
) -> None:
    started(instance, market_request(day), Status.SUCCESS)
    assert (f"{day}|MATIC-USDT" in [request.partition_key for request in requests(market_ended, instance)]) == is_there


def test_a_market_run_outside_any_night_opens_none(instance: dg.DagsterInstance) -> None:
    instance.add_run(dg.DagsterRun(job_name="market", run_id=str(uuid4()), status=Status.SUCCESS))
    assert nights(instance) == []


def test_a_market_run_that_is_repeated_is_waited_for(instance: dg.DagsterInstance) -> None:
    started(instance, market_request(DAY), Status.FAILURE)
    started(instance, market_request(DAY), Status.STARTED)
    assert nights(instance) == []


def test_the_newest_nights_are_watched_and_no_more(instance: dg.DagsterInstance) -> None:
    for ahead in range(NIGHTS_WATCHED + 2):
        started(instance, market_request(DAY.replace(day=1 + ahead)), Status.SUCCESS)
    assert [day.day for day, _ in nights(instance)] == [NIGHTS_WATCHED + 2 - back for back in range(NIGHTS_WATCHED)]


def test_every_request_names_a_partition_of_its_job(instance: dg.DagsterInstance) -> None:
    started(instance, market_request(DAY), Status.SUCCESS)
    for request in requests(market_ended, instance):
        assert request.partition_key is not None
        assert symbol_days.has_partition_key(request.partition_key)


def test_the_close_is_requested_once_every_brain_has_ended_well_or_badly(
    instance: dg.DagsterInstance,
) -> None:
    started(instance, market_request(DAY), Status.SUCCESS)
    assert requests(brains_ended, instance) == []
    *others, last = settings().market.listed(DAY)
    for place, symbol in enumerate(others):
        started(instance, brain_request(DAY, symbol), (Status.SUCCESS, Status.FAILURE, Status.CANCELED)[place % 3])
    assert requests(brains_ended, instance) == [], "one symbol has no run"
    run = started(instance, brain_request(DAY, last), Status.STARTED)
    assert requests(brains_ended, instance) == [], "one run is under way"
    instance.report_run_failed(run)
    (request,) = requests(brains_ended, instance)
    assert request.run_key == close_request(DAY).run_key
    assert (request.job_name, request.tags[NIGHT]) == ("close", "2026-01-01")
    started(instance, request, Status.SUCCESS)
    assert [again.run_key for again in requests(brains_ended, instance)] == [request.run_key]


def test_a_brain_that_is_run_again_is_waited_for(instance: dg.DagsterInstance) -> None:
    started(instance, market_request(DAY), Status.SUCCESS)
    all_brains(instance, DAY, Status.FAILURE)
    assert len(requests(brains_ended, instance)) == 1
    started(instance, brain_request(DAY, "ETH-USDT"), Status.STARTED)
    assert "ETH-USDT" not in symbol_runs(instance, DAY)
    assert requests(brains_ended, instance) == []


def test_one_nights_brains_do_not_close_another(instance: dg.DagsterInstance) -> None:
    other = DAY.replace(day=2)
    for day in (DAY, other):
        started(instance, market_request(day), Status.SUCCESS)
    all_brains(instance, other, Status.SUCCESS)
    assert [request.run_key for request in requests(brains_ended, instance)] == [f"close {other}"]


def test_the_sensors_run_unless_they_are_stopped() -> None:
    assert {sensor.default_status for sensor in (market_ended, brains_ended)} == {dg.DefaultSensorStatus.RUNNING}
