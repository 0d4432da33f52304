"""The universe, acts 2 and 3 of a night against a real run storage and a real lake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from huracan_assets.definitions import defs
from huracan_assets.jobs import (
    NIGHT,
    SYMBOL,
    brain_request,
    close_request,
    market_request,
    symbol_runs,
    universe_request,
)
from huracan_assets.market.universe import ALL, Candidate, Universe
from huracan_assets.partitions import symbol_days
from huracan_assets.resources.lake import Lake
from huracan_assets.sensors import NIGHTS_WATCHED, brains_ended, market_ended, nights, universe_ended

DAY = date(2026, 1, 1)
PICKED = ("SOL-USDT", "BTC-USDT", "ETH-USDT")
LEFT_OUT = ("ADA-USDT", "XRP-USDT")
Status = dg.DagsterRunStatus


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("HURACAN_LAKE", str(tmp_path / "lake"))
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


def line(symbol: str, picked: bool) -> Candidate:
    words = "picked" if picked else "too young"
    return Candidate(
        symbol=symbol,
        rank=None,
        picked=picked,
        reason=words,
        quote_volume=None,
        spread_bps=None,
        age_days=None,
        completeness=1.0,
    )


def write_universe(day: date, picked: tuple[str, ...] = PICKED) -> None:
    lines = (*(line(symbol, True) for symbol in picked), *(line(symbol, False) for symbol in LEFT_OUT))
    Lake.open().write_document("universe", ALL, day, Universe(day=day, window_days=30, candidates=lines))


def picked_night(instance: dg.DagsterInstance, day: date = DAY) -> None:
    """A night whose market and universe have ended well."""
    started(instance, market_request(day), Status.SUCCESS)
    write_universe(day)
    started(instance, universe_request(day), Status.SUCCESS)


def all_brains(instance: dg.DagsterInstance, day: date, status: Status) -> None:
    for symbol in PICKED:
        started(instance, brain_request(day, symbol), status)


@pytest.mark.parametrize("ended", [Status.SUCCESS, Status.FAILURE, Status.CANCELED])
def test_when_the_market_run_has_ended_however_the_universe_is_requested_once(
    instance: dg.DagsterInstance, ended: Status
) -> None:
    started(instance, market_request(DAY), ended)
    (request,) = requests(market_ended, instance)
    assert (request.job_name, request.tags[NIGHT]) == ("universe", "2026-01-01")
    started(instance, request, Status.SUCCESS)
    assert [again.run_key for again in requests(market_ended, instance)] == [request.run_key]


def test_when_the_universe_is_picked_each_picked_symbol_has_a_brain_and_no_other(
    instance: dg.DagsterInstance,
) -> None:
    picked_night(instance)
    found = requests(universe_ended, instance)
    assert [request.partition_key for request in found] == [f"{DAY}|{symbol}" for symbol in PICKED]
    assert {request.job_name for request in found} == {"brains"}
    assert all(request.tags[NIGHT] == "2026-01-01" for request in found)
    assert [request.tags[SYMBOL] for request in found] == list(PICKED)
    assert all(symbol_days.has_partition_key(request.partition_key or "") for request in found)


@pytest.mark.parametrize("under_way", [Status.NOT_STARTED, Status.STARTING, Status.STARTED, Status.CANCELING])
def test_while_the_universe_is_picked_anew_an_older_pick_requests_nothing(
    instance: dg.DagsterInstance, under_way: Status
) -> None:
    picked_night(instance)
    started(instance, universe_request(DAY), under_way)
    assert requests(universe_ended, instance) == []
    assert requests(brains_ended, instance) == []


def test_a_universe_that_picked_nobody_is_closed_under_a_key_that_leaves_the_true_close_to_come(
    instance: dg.DagsterInstance,
) -> None:
    started(instance, market_request(DAY), Status.SUCCESS)
    started(instance, universe_request(DAY), Status.FAILURE)
    assert requests(universe_ended, instance) == []
    (without,) = requests(brains_ended, instance)
    write_universe(DAY)
    started(instance, universe_request(DAY), Status.SUCCESS)
    all_brains(instance, DAY, Status.SUCCESS)
    (close,) = requests(brains_ended, instance)
    assert close.run_key == close_request(DAY).run_key != without.run_key
    assert close.job_name == without.job_name == "close"


@pytest.mark.parametrize("running", [Status.NOT_STARTED, Status.STARTING, Status.STARTED, Status.CANCELING])
def test_while_the_market_run_is_under_way_nothing_is_requested(instance: dg.DagsterInstance, running: Status) -> None:
    started(instance, market_request(DAY), running)
    assert requests(market_ended, instance) == []


def test_the_same_night_is_requested_under_the_same_keys_whenever_one_looks(
    instance: dg.DagsterInstance,
) -> None:
    picked_night(instance)
    first = [request.run_key for request in requests(universe_ended, instance)]
    all_brains(instance, DAY, Status.SUCCESS)
    assert [request.run_key for request in requests(universe_ended, instance)] == first
    assert len(set(first)) == len(first)


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
    assert [day.day for day in nights(instance)] == [NIGHTS_WATCHED + 2 - back for back in range(NIGHTS_WATCHED)]


def test_the_close_is_requested_once_every_brain_has_ended_well_or_badly(
    instance: dg.DagsterInstance,
) -> None:
    picked_night(instance)
    assert requests(brains_ended, instance) == []
    *others, last = PICKED
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
    picked_night(instance)
    all_brains(instance, DAY, Status.FAILURE)
    assert len(requests(brains_ended, instance)) == 1
    started(instance, brain_request(DAY, "ETH-USDT"), Status.STARTED)
    assert "ETH-USDT" not in symbol_runs(instance, DAY)
    assert requests(brains_ended, instance) == []


def test_one_nights_brains_do_not_close_another(instance: dg.DagsterInstance) -> None:
    other = DAY.replace(day=2)
    for day in (DAY, other):
        picked_night(instance, day)
    all_brains(instance, other, Status.SUCCESS)
    assert [request.run_key for request in requests(brains_ended, instance)] == [f"close {other}"]


def test_the_sensors_run_unless_they_are_stopped() -> None:
    assert {sensor.default_status for sensor in (market_ended, universe_ended, brains_ended)} == {
        dg.DefaultSensorStatus.RUNNING
    }
