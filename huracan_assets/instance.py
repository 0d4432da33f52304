"""Dagster's side of the command line: run a symbol-day, start a night, tell how runs ended.

Everything here speaks to the Dagster instance of the home, `<home>/dagster`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg

from huracan_assets.definitions import defs
from huracan_assets.errors import HuracanError
from huracan_assets.jobs import market_request
from huracan_assets.partitions import partition_key
from huracan_assets.resources.local_engine import dagster_home, environment
from huracan_assets.resources.processes import TELEMETRY_OFF, WORKSPACE
from huracan_assets.runs import NIGHT, NightRuns, first_error, night_runs, open_nights, standing_run
from huracan_assets.settings import home

EVENT = re.compile(
    r" - (?P<run>[0-9a-f-]{36}) - \d+ - (?:(?P<step>\w+) - )?"
    r"(?P<kind>(?:RUN|STEP)_(?:START|SUCCESS|FAILURE)) - (?P<text>.*)"
)
GRACE_S = 20
OWN_ERROR = re.compile(r"^huracan_assets\.errors\.\w+: (?P<sentence>.*)")


class RunError(HuracanError):
    """A run that Dagster could not start or finish."""


@dataclass(frozen=True)
class RunEvent:
    """A step or the run itself (`step` None) started, succeeded or failed."""

    run_id: str
    step: str | None
    kind: str
    text: str


@dataclass(frozen=True)
class Night:
    """What Dagster knows of a night; `brains` counts the runs of act 2 by status.

    They are requested when the earlier night `waits_for` is closed.
    """

    day: date
    market: str
    universe: str
    brains: Mapping[str, int]
    close: str
    waits_for: date | None


def steps() -> tuple[dict[str, str], set[str]]:
    """The steps of a symbol-day, each with its room, and those of them that are checks."""
    graph = defs.resolve_asset_graph()
    room = {key: str(graph.get(key).group_name) for key in graph.materializable_asset_keys}
    assets = {key.to_python_identifier(): name for key, name in room.items()}
    # A step may run several checks of an asset at once.
    checks = {made.node_def.name: room[next(iter(made.check_keys)).asset_key] for made in defs.asset_checks or ()}
    return assets | checks, set(checks)


def materialize(day: date, symbol: str, log: Path) -> Iterator[RunEvent]:
    """Run `dagster asset materialize` for one symbol-day, act 1 and 2; what Dagster says goes to `log`.

    Raises:
        RunError: the run failed; the message is the failing step's own sentence.
    """
    command = [
        _dagster(), "asset", "materialize", "-m", "huracan_assets.definitions",
        "--select", "*", "--partition", partition_key(day, symbol),
    ]  # fmt: skip
    log.parent.mkdir(parents=True, exist_ok=True)
    run_id = None
    with (
        log.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            command, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as child,
    ):
        assert child.stdout is not None
        try:
            for line in child.stdout:
                file.write(line)
                file.flush()
                found = EVENT.search(line)
                if found is not None:
                    run_id = found["run"]
                    yield RunEvent(found["run"], found["step"], found["kind"], found["text"])
        finally:
            file.write(_end(child))
    if child.returncode:
        raise RunError(f"{_why(run_id, log)}\nThe log is {log}")


def _end(child: subprocess.Popen[str]) -> str:
    """Let an interrupted run write down that it was interrupted; the rest of what it says."""
    try:
        return child.communicate(timeout=GRACE_S)[0]
    except subprocess.TimeoutExpired:
        child.terminate()
        return child.communicate()[0]


def _why(run_id: str | None, log: Path) -> str:
    """The run's own error; where there was no run, the engine's last error in the log, else the log's end."""
    if run_id is not None:
        with opened() as instance:
            return first_error(instance, run_id)
    lines = log.read_text(encoding="utf-8").splitlines()
    own = [found["sentence"] for found in map(OWN_ERROR.match, lines) if found is not None]
    return own[-1] if own else "Dagster did not start the run. Its last words:\n" + "\n".join(lines[-10:])


def launch_night(day: date) -> str:
    """Start act 1 of a night as the schedule would and return the run's id; the daemon does the rest.

    Raises:
        RunError: the night was started before, or Dagster refuses the run.
    """
    with opened() as instance:
        before = standing_run(instance, day)
    if before is not None:
        raise RunError(
            f"the night of {day} was started before (its market run is {before.status.value}), and each "
            f"Brain of a night starts once: run one symbol again with `huracan run {day} SYMBOL`"
        )
    request, run_id = market_request(day), str(uuid.uuid4())
    tags = json.dumps({**request.tags, "dagster/run_key": request.run_key})
    command = [
        _dagster(), "job", "launch", "-w", str(WORKSPACE), "-j", str(request.job_name),
        "--run-id", run_id, "--tags", tags,
    ]  # fmt: skip
    ended = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    if ended.returncode:
        said = "\n".join((ended.stdout + ended.stderr).splitlines()[-10:])
        raise RunError(f"Dagster refuses to start the night of {day}. Its last words:\n{said}")
    return run_id


def nights(count: int) -> list[Night]:
    """The newest nights that were started, newest first."""
    with opened() as instance:
        earliest = next((night.day for night in open_nights(instance)), None)
        return [_night(instance, runs, earliest) for runs in night_runs(instance, most=count)]


def _night(instance: dg.DagsterInstance, runs: NightRuns, earliest: date | None) -> Night:
    brains: dict[str, int] = {}
    for run in instance.get_runs(dg.RunsFilter(job_name="brains", tags={NIGHT: runs.day.isoformat()})):
        brains[run.status.value] = brains.get(run.status.value, 0) + 1
    universe, close = (run.status.value if run else "not yet" for run in (runs.universe, runs.close))
    waits = earliest is not None and earliest < runs.day and not runs.is_closed and not brains
    return Night(runs.day, runs.market.status.value, universe, brains, close, earliest if waits else None)


@contextmanager
def opened() -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of the home."""
    with dg.DagsterInstance.from_config(str(dagster_home(home()))) as instance:
        yield instance


def _dagster() -> str:
    return str(Path(sys.executable).with_name("dagster"))


def _environment() -> dict[str, str]:
    return {**os.environ, **TELEMETRY_OFF, **environment(home()), "DAGSTER_HOME": str(dagster_home(home()))}
