"""What follows what: the market, the universe, a Brain for each picked symbol, the close.

Run keys make each request once-only, however often a sensor looks. Concept:
https://docs.dagster.io/guides/automate/sensors
"""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from huracan_assets.jobs import (
    NIGHT,
    brain_request,
    brains,
    close,
    close_request,
    symbol_runs,
    universe_job,
    universe_request,
)
from huracan_assets.market.universe import read_universe
from huracan_assets.resources.lake import Lake

NIGHTS_WATCHED = 3
EVERY_SECONDS = 30


def nights(instance: dg.DagsterInstance) -> list[date]:
    """The newest nights whose market run has ended, newest first.

    A market run that failed still opens the night: the symbols it did get go on, the others fail by name.
    """
    return _ended(instance, "market")[:NIGHTS_WATCHED]


def picked_nights(instance: dg.DagsterInstance) -> dict[date, tuple[str, ...] | None]:
    """Of `nights`, those whose newest universe run has ended, with whom it picked; None where it picked nothing.

    The universe is read from the lake, never computed here: a tick takes milliseconds.
    """
    opened, lake = nights(instance), Lake.open()
    found: dict[date, tuple[str, ...] | None] = {}
    for day in _ended(instance, "universe"):
        if day in opened:
            universe = read_universe(lake, day)
            found[day] = None if universe is None else universe.picked
    return found


def _ended(instance: dg.DagsterInstance, job: str) -> list[date]:
    """The nights of a job whose newest run has ended, newest first."""
    newest: dict[date, dg.DagsterRun] = {}
    for run in instance.get_runs(dg.RunsFilter(job_name=job), limit=10 * NIGHTS_WATCHED):
        if NIGHT in run.tags:
            newest.setdefault(date.fromisoformat(run.tags[NIGHT]), run)
    return [day for day, run in newest.items() if run.is_finished]


@dg.sensor(
    jobs=[universe_job],
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="The universe, as soon as act 1 has ended, well or badly.",
)
def market_ended(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
    """Request the universe of each night whose market run has ended."""
    for day in nights(context.instance):
        yield universe_request(day)


@dg.sensor(
    jobs=[brains],
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Act 2: one run for each symbol of the universe, as soon as it is picked.",
)
def universe_ended(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
    """Request the Brains of each night whose universe has been picked."""
    for day, picked in picked_nights(context.instance).items():
        for symbol in picked or ():
            yield brain_request(day, symbol)


@dg.sensor(
    jobs=[close],
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Act 3, as soon as every Brain of the night has ended, well or badly.",
)
def brains_ended(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
    """Request the close of each night all of whose Brains have ended, or that picked nobody."""
    for day, picked in picked_nights(context.instance).items():
        if set(picked or ()) <= set(symbol_runs(context.instance, day)):
            yield close_request(day, picked=bool(picked))
