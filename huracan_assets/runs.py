"""The runs of a night as Dagster has them on record, tied together by the tag `huracan/night`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import dagster as dg

from huracan_assets.days import utc_now
from huracan_assets.health.night_report import SymbolRun

NIGHT = "huracan/night"
SYMBOL = "huracan/symbol"
WATCHED = timedelta(days=14)


@dataclass(frozen=True)
class NightRuns:
    """The newest run of each job of a night but its Brains; None where there is none yet.

    A universe that is older than the market run, and a close that is older than the universe, came of an earlier
    attempt: what follows the newest run is still to come.
    """

    day: date
    market: dg.DagsterRun
    universe: dg.DagsterRun | None
    close: dg.DagsterRun | None

    @property
    def is_picked(self) -> bool:
        """Whether the universe run has ended, well or badly."""
        return self.universe is not None and self.universe.is_finished

    @property
    def is_closed(self) -> bool:
        """Whether the close has ended, well or badly."""
        return self.close is not None and self.close.is_finished


def night_runs(instance: dg.DagsterInstance, after: datetime | None = None, most: int | None = None) -> list[NightRuns]:
    """The nights whose newest market run was created after `after`, newest run first, `most` of them."""
    markets = newest_runs(instance, "market", _nights_on_record(instance), after)
    days = list(markets)[:most]
    universes, closes = (newest_runs(instance, job, days) for job in ("universe", "close"))
    found = []
    for day in days:
        universe = _later(universes.get(day), markets[day])
        close = _later(closes.get(day), universe)
        found.append(NightRuns(day, markets[day].dagster_run, _run(universe), _run(close)))
    return found


def open_nights(instance: dg.DagsterInstance) -> list[NightRuns]:
    """The nights without a close that has ended, the earliest day first.

    A night that was started longer ago than `WATCHED` is given up.
    """
    nights = night_runs(instance, after=utc_now() - WATCHED)
    still_open = (night for night in nights if is_launched(night.market) and not night.is_closed)
    return sorted(still_open, key=lambda night: night.day)


def newest_runs(
    instance: dg.DagsterInstance, job: str, nights: Collection[date], after: datetime | None = None
) -> dict[date, dg.RunRecord]:
    """The newest run of a job in each of `nights` that has one, created after `after`; newest run first."""
    if not nights:
        return {}
    named = dg.RunsFilter(job_name=job, tags={NIGHT: [day.isoformat() for day in nights]}, created_after=after)
    newest: dict[date, dg.RunRecord] = {}
    for record in instance.get_run_records(named):
        newest.setdefault(date.fromisoformat(record.dagster_run.tags[NIGHT]), record)
    return newest


def standing_run(instance: dg.DagsterInstance, day: date) -> dg.DagsterRun | None:
    """The market run for whose sake a night is not started again; None where the night may be started.

    One that failed stands only if Brains have followed it: they have read the candles that another would fetch anew.
    """
    record = newest_runs(instance, "market", [day]).get(day)
    if record is None or not is_launched(record.dagster_run):
        return None
    run = record.dagster_run
    failed = run.is_finished and not run.is_success
    return None if failed and not newest_runs(instance, "brains", [day]) else run


def is_launched(run: dg.DagsterRun) -> bool:
    """Whether a run has begun to wait for its turn; one whose launcher was killed before that never will."""
    return run.status != dg.DagsterRunStatus.NOT_STARTED


def symbol_runs(instance: dg.DagsterInstance, day: date) -> dict[str, SymbolRun]:
    """How the newest run of each symbol of a night ended; a symbol whose newest run is under way is not listed."""
    ended: dict[str, SymbolRun] = {}
    seen: set[str] = set()
    for run in instance.get_runs(dg.RunsFilter(job_name="brains", tags={NIGHT: day.isoformat()})):  # newest first
        symbol = run.tags[SYMBOL]
        if symbol not in seen and run.is_finished:
            error = None if run.is_success else first_error(instance, run.run_id).splitlines()[0]
            ended[symbol] = SymbolRun(run.is_success, error)
        seen.add(symbol)
    return ended


def first_error(instance: dg.DagsterInstance, run_id: str) -> str:
    """Why a run failed: its first failing step, and that step's own sentence."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        failure = entry.get_dagster_event().step_failure_data
        if failure.error is not None:
            said = (failure.error.cause or failure.error).message.strip()
            kind, _, sentence = said.partition(": ")
            return f"{entry.step_key}: {sentence if kind.startswith('huracan_assets.') else said}"
    run = instance.get_run_by_id(run_id)
    ended = "unknown" if run is None else run.status.value
    return f"the run ended as {ended} before a step failed: see run {run_id}"


def _nights_on_record(instance: dg.DagsterInstance) -> list[date]:
    """The nights that any run has in its tag."""
    return [date.fromisoformat(value) for _, values in instance.get_run_tags([NIGHT]) for value in sorted(values)]


def _later(record: dg.RunRecord | None, before: dg.RunRecord | None) -> dg.RunRecord | None:
    """The record, if it was created after `before`."""
    return record if record and before and record.storage_id > before.storage_id else None


def _run(record: dg.RunRecord | None) -> dg.DagsterRun | None:
    return None if record is None else record.dagster_run
