"""What `huracan up` does with the runs that a crash left under way."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import dagster as dg
import psutil
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType, EngineEventData
from dagster._core.events.log import EventLogEntry

from huracan_assets.resources import local_engine, processes
from huracan_assets.resources.lost_runs import end_lost_runs
from huracan_assets.resources.processes import Running, Service

STARTING, STARTED, CANCELING = (
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
FAILURE, CANCELED, SUCCESS = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.SUCCESS

WORKER = """
import sys
import dagster as dg
@dg.op
def patient():
    print("running", flush=True)
    sys.stdin.readline()
@dg.job
def one():
    patient()
with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    one.execute_in_process(instance=instance, run_id=sys.argv[2])
"""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as one:
        yield one


@pytest.fixture
def gone() -> int:
    """The pid of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def under_way(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, *events: tuple[DagsterEvent, float]) -> str:
    """A run as a crash leaves it: its status, and what was written of it, each at a time."""
    run = instance.add_run(dg.DagsterRun(job_name="brains", run_id=str(uuid4()), status=status))
    for event, at in events:
        instance.event_log_storage.store_event(
            EventLogEntry(  # type: ignore[no-untyped-call]
                error_info=None, level=logging.INFO, user_message="", run_id=run.run_id, timestamp=at,
                job_name="brains", dagster_event=event,
            )
        )  # fmt: skip
    return run.run_id


def begun(pid: int) -> DagsterEvent:
    return DagsterEvent(DagsterEventType.RUN_START.value, "brains", pid=pid)


def taken_up(pid: int) -> DagsterEvent:
    """What a process writes that Dagster's code server has started for a run."""
    data = EngineEventData.in_process(pid)
    return DagsterEvent(DagsterEventType.ENGINE_EVENT.value, "brains", event_specific_data=data)


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_a_run_whose_process_was_killed_fails_and_one_that_lives_is_left_alone(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """Both started by hand, as `dagster asset materialize` does: without the daemon."""
    ids = [str(uuid4()), str(uuid4())]
    command, pipe = [sys.executable, "-c", WORKER, str(tmp_path)], subprocess.PIPE
    workers = [subprocess.Popen([*command, run_id], stdin=pipe, stdout=pipe, text=True) for run_id in ids]
    killed, living = workers
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "running\n"
        assert end_lost_runs(instance) == []
        killed.kill()
        killed.wait()
        assert end_lost_runs(instance) == ids[:1]
        assert [status(instance, run_id) for run_id in ids] == [FAILURE, STARTED]
        told = instance.all_logs(ids[0], of_type=DagsterEventType.RUN_FAILURE)[0].get_dagster_event().message
        assert told is not None
        assert f"process of this run ({killed.pid}) is gone" in told
        living.communicate("\n")
        assert status(instance, ids[1]) == SUCCESS
        assert end_lost_runs(instance) == []
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def test_a_pid_that_another_process_has_now_is_no_witness(instance: dg.DagsterInstance) -> None:
    me = psutil.Process()
    before = under_way(instance, STARTED, (begun(me.pid), me.create_time() - 60))
    mine = under_way(instance, STARTED, (begun(me.pid), time.time()))
    assert end_lost_runs(instance) == [before]
    assert status(instance, mine) == STARTED


def test_a_start_and_a_cancellation_that_a_crash_cut_short_are_ended_too(
    instance: dg.DagsterInstance, gone: int
) -> None:
    now = time.time()
    starting = under_way(instance, STARTING, (taken_up(gone), now))
    canceling = under_way(instance, CANCELING, (taken_up(gone), now), (begun(gone), now))
    assert set(end_lost_runs(instance)) == {starting, canceling}
    assert (status(instance, starting), status(instance, canceling)) == (FAILURE, CANCELED)


def test_a_run_that_no_process_has_taken_up_yet_is_left_to_dagster(instance: dg.DagsterInstance, gone: int) -> None:
    launched = DagsterEvent(DagsterEventType.RUN_STARTING.value, "brains", pid=gone)
    run_id = under_way(instance, STARTING, (launched, time.time()))
    assert end_lost_runs(instance) == []
    assert status(instance, run_id) == STARTING


def test_up_ends_lost_runs_before_the_daemon_starts(
    engine_home: Path, gone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = str(local_engine.dagster_home(engine_home))
    with dg.DagsterInstance.from_config(config) as instance:
        run_id = under_way(instance, STARTED, (begun(gone), time.time()))
    met: dict[str, dg.DagsterRunStatus] = {}

    def up(home: Path, env: object, services: Sequence[Service]) -> list[Running]:
        with dg.DagsterInstance.from_config(config) as instance:
            met.update({service.name: status(instance, run_id) for service in services})
        return []

    monkeypatch.setattr(processes, "up", up)
    try:
        local_engine.start()
        assert met["dagster-daemon"] == FAILURE
    finally:
        with dg.DagsterInstance.from_config(config) as instance:
            instance.delete_run(run_id)
