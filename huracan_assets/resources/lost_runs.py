"""Runs whose process is gone, as a power cut leaves them: for Dagster they run, and hold the slots of its queue.

Its launcher cannot ask after a process, so its monitor would wait for `max_runtime_seconds` of `dagster.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
import psutil
from dagster._core.events import DagsterEventType, EngineEventData

CLOCK_S = 10.0  # by which the clocks of a process's birth and of its events may differ
UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


@dataclass(frozen=True)
class Worker:
    """The process that took up a run; it lived `at`, seconds of the epoch."""

    pid: int
    at: float

    def lives(self) -> bool:
        """Whether it lives still, on this machine. Its pid may be another's by now, which then began later."""
        try:
            process = psutil.Process(self.pid)
            return bool(process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= self.at + CLOCK_S)
        except psutil.NoSuchProcess:
            return False


def end_lost_runs(instance: dg.DagsterInstance) -> list[str]:
    """Fail each run under way whose process is gone, or cancel it if it was being cancelled; the ids of those runs.

    However a run was started, its process writes its pid down. A run that no process has taken up yet is left to
    Dagster's monitor, which fails it after `start_timeout_seconds`.
    """
    ended = []
    for run in instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY)):
        worker = max(_workers(instance, run.run_id), key=lambda one: one.at, default=None)
        if worker is None or worker.lives():
            continue
        left = instance.get_run_by_id(run.run_id)
        if left is None or left.is_finished:
            continue  # it ended between the two looks
        cancelled = left.status == dg.DagsterRunStatus.CANCELING
        report = instance.report_run_canceled if cancelled else instance.report_run_failed
        gone = f"The process of this run ({worker.pid}) is gone: the machine or the services stopped while it ran."
        report(left, f"{gone} Execute it again from its page.")
        ended.append(run.run_id)
    return ended


def _workers(instance: dg.DagsterInstance, run_id: str) -> Iterator[Worker]:
    """What the processes that took up a run wrote down of themselves."""
    for entry in instance.all_logs(run_id, of_type={DagsterEventType.RUN_START, DagsterEventType.ENGINE_EVENT}):
        event = entry.get_dagster_event()
        if event.event_type == DagsterEventType.RUN_START and event.pid is not None:
            yield Worker(event.pid, entry.timestamp)
        elif isinstance(event.event_specific_data, EngineEventData) and "pid" in event.event_specific_data.metadata:
            yield Worker(int(str(event.event_specific_data.metadata["pid"].value)), entry.timestamp)
