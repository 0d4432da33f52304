"""What follows what: a Brain for each symbol when the market has ended, the close when all Brains have.

Run keys make each request once-only, however often a sensor looks. Concept:
https://docs.dagster.io/guides/automate/sensors
"""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from huracan_assets.jobs import NIGHT, brain_request, brains, close, close_request, symbol_runs
from huracan_assets.settings import settings

NIGHTS_WATCHED = 3
EVERY_SECONDS = 30


def nights(instance: dg.DagsterInstance) -> list[tuple[date, dg.DagsterRun]]:
    """The newest nights whose market run has ended, with that run, newest first.

    A market run that failed still opens the night: the symbols it did get go on, the others fail by name.
    """
    found: dict[date, dg.DagsterRun] = {}
    for run in instance.get_runs(dg.RunsFilter(job_name="market"), limit=10 * NIGHTS_WATCHED):
        if NIGHT in run.tags:
            found.setdefault(date.fromisoformat(run.tags[NIGHT]), run)
    return [(day, run) for day, run in found.items() if run.is_finished][:NIGHTS_WATCHED]


@dg.sensor(
    jobs=[brains],
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Act 2: one run a symbol, as soon as act 1 has ended.",
)
def market_ended(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
    """Request the Brains of each night whose market run has ended."""
    for day, _ in nights(context.instance):
        for symbol in settings().market.listed(day):
            yield brain_request(day, symbol)


@dg.sensor(
    jobs=[close],
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Act 3, as soon as every Brain of the night has ended, well or badly.",
)
def brains_ended(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
    """Request the close of each night all of whose Brains have ended."""
    for day, _ in nights(context.instance):
        if set(settings().market.listed(day)) <= set(symbol_runs(context.instance, day)):
            yield close_request(day)
