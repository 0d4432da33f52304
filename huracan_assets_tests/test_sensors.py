"""The universe, acts 2 and 3 of a night against a real run storage and a real lake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from huracan_assets import runs
from huracan_assets.days import DAY as ONE_DAY
from huracan_assets.days import utc_now
from huracan_assets.definitions import defs
from huracan_assets.jobs import brain_request, market_request, universe_request
from huracan_assets.market.universe import ALL, Candidate, Universe
from huracan_assets.partitions import symbol_days
from huracan_assets.resources.lake import Lake
from huracan_assets.runs import NIGHT, SYMBOL, WATCHED, newest_runs, open_nights, symbol_runs
from huracan_assets.sensors import brains_ended, market_ended, universe_ended

DAY = date(2026, 1, 1)
DAYS = [DAY + ahead * ONE_DAY for ahead in range(5)]
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


def pick(instance: dg.DagsterInstance, day: date, status: Status) -> dg.DagsterRun:
    """A universe run of the night's newest market run."""
    market = newest_runs(instance, "market", [day])[day].dagster_run
    return started(instance, universe_request(day, market.run_id), status)


def picked_night(instance: dg.DagsterInstance, day: date = DAY) -> None:
    """A night whose market and universe have ended well."""
    started(instance, market_request(day), Status.SUCCESS)
    write_universe(day)
    pick(instance, day, Status.SUCCESS)


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
    pick(instance, DAY, under_way)
    assert requests(universe_ended, instance) == []
    assert requests(brains_ended, instance) == []


def test_a_universe_that_picked_nobody_is_closed_and_one_that_is_picked_anew_is_closed_anew(
    instance: dg.DagsterInstance,
) -> None:
    started(instance, market_request(DAY), Status.SUCCESS)
    pick(instance, DAY, Status.FAILURE)
    assert requests(universe_ended, instance) == []
    (without,) = requests(brains_ended, instance)
    started(instance, without, Status.FAILURE)
    assert open_nights(instance) == []
    write_universe(DAY)
    pick(instance, DAY, Status.SUCCESS)
    assert [request.tags[SYMBOL] for request in requests(universe_ended, instance)] == list(PICKED)
    all_brains(instance, DAY, Status.SUCCESS)
    (close,) = requests(brains_ended, instance)
    assert close.run_key != without.run_key
    assert close.job_name == without.job_name == "close"


def test_a_market_run_that_is_repeated_is_followed_by_a_universe_of_its_own(instance: dg.DagsterInstance) -> None:
    started(instance, market_request(DAY), Status.FAILURE)
    (first,) = requests(market_ended, instance)
    started(instance, first, Status.FAILURE)
    started(instance, requests(brains_ended, instance)[0], Status.FAILURE)
    assert open_nights(instance) == []
    started(instance, market_request(DAY), Status.SUCCESS)
    assert requests(brains_ended, instance) == [], "the universe of the repeated run is still to come"
    (second,) = requests(market_ended, instance)
    assert second.run_key != first.run_key


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
    assert open_nights(instance) == []


def test_a_market_run_that_is_repeated_is_waited_for(instance: dg.DagsterInstance) -> None:
    started(instance, market_request(DAY), Status.FAILURE)
    started(instance, market_request(DAY), Status.STARTED)
    assert requests(market_ended, instance) == []


def test_a_night_that_was_started_long_ago_is_given_up_and_keeps_none_waiting(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(instance, market_request(DAY), Status.STARTED)
    now = utc_now()
    for ahead, watched in ((WATCHED - ONE_DAY, [DAY]), (WATCHED + ONE_DAY, [])):
        monkeypatch.setattr(runs, "utc_now", lambda ahead=ahead: now + ahead)
        assert [night.day for night in open_nights(instance)] == watched


def test_a_market_run_that_was_never_launched_keeps_no_night_waiting(instance: dg.DagsterInstance) -> None:
    started(instance, market_request(DAY), Status.NOT_STARTED)
    picked_night(instance, DAYS[1])
    assert {request.tags[NIGHT] for request in requests(universe_ended, instance)} == {"2026-01-02"}


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
    assert (request.job_name, request.tags[NIGHT]) == ("close", "2026-01-01")
    started(instance, request, Status.STARTED)
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
    assert [request.tags[NIGHT] for request in requests(brains_ended, instance)] == [other.isoformat()]


def test_the_sensors_run_unless_they_are_stopped() -> None:
    assert {sensor.default_status for sensor in (market_ended, universe_ended, brains_ended)} == {
        dg.DefaultSensorStatus.RUNNING
    }


def test_the_brains_of_late_nights_are_requested_night_by_night_the_earliest_first(
    instance: dg.DagsterInstance,
) -> None:
    for day in reversed(DAYS[:3]):
        picked_night(instance, day)
    order = []
    for _ in DAYS[:3]:
        (night,) = {request.tags[NIGHT] for request in requests(universe_ended, instance)}
        order.append(night)
        all_brains(instance, date.fromisoformat(night), Status.SUCCESS)
        assert {request.tags[NIGHT] for request in requests(universe_ended, instance)} == {night}, "it is not closed"
        (close,) = requests(brains_ended, instance)
        run = started(instance, close, Status.STARTED)
        assert {request.tags[NIGHT] for request in requests(universe_ended, instance)} == {night}, "it is being closed"
        instance.report_run_failed(run)
    assert order == [day.isoformat() for day in DAYS[:3]]
    assert requests(universe_ended, instance) == []


def test_a_night_whose_market_run_is_under_way_keeps_the_brains_of_later_nights_waiting(
    instance: dg.DagsterInstance,
) -> None:
    started(instance, market_request(DAY), Status.STARTED)
    picked_night(instance, DAYS[1])
    assert requests(universe_ended, instance) == []


def test_five_nights_under_way_are_all_closed_whatever_other_market_runs_there_are(
    instance: dg.DagsterInstance,
) -> None:
    for day in DAYS:
        started(instance, market_request(day), Status.SUCCESS)
    for _ in range(30):
        tags = {"dagster/partition": "2025-01-01|BTC-USDT"}
        instance.add_run(dg.DagsterRun(job_name="market", run_id=str(uuid4()), status=Status.SUCCESS, tags=tags))
    closed = []
    for _ in range(2 * len(DAYS)):
        for sensor in (market_ended, universe_ended, brains_ended):
            for request in requests(sensor, instance):
                if sensor is market_ended:
                    write_universe(date.fromisoformat(request.tags[NIGHT]))
                if sensor is brains_ended:
                    closed.append(request.tags[NIGHT])
                started(instance, request, Status.SUCCESS)
    assert closed == [day.isoformat() for day in DAYS]
