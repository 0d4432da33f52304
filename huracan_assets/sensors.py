"""What follows what: the market, the universe, a Brain for each picked symbol, the close.

Run keys make each request once-only, however often a sensor looks. Concept:
https://docs.dagster.io/guides/automate/sensors
"""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from huracan_assets.jobs import (
    brain_request,
    brains_job,
    close_job,
    close_request,
    universe_job,
    universe_request,
)
from huracan_assets.market.universe import read_universe
from huracan_assets.resources.lake import Lake
from huracan_assets.runs import open_nights, symbol_runs

EVERY_SECONDS = 30


@dg.sensor(
    jobs=[universe_job],
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="The universe, as soon as act 1 has ended, well or badly.",
)
def market_ended(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
    """Request the universe of each night whose market run has ended.

    A market run that failed still opens the night: the symbols it did get go on, the others fail by name.
    """
    for night in open_nights(context.instance):
        if night.market.is_finished:
            yield universe_request(night.day, night.market.run_id)


@dg.sensor(
    jobs=[brains_job],
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Act 2: a run for each symbol of the universe, as soon as it is picked and earlier nights are closed.",
)
def universe_ended(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
    """Request the Brains of the earliest open night, if its universe has been picked.

    Later nights wait for its close: they remember its trades, and their champion is whom it hands over.
    """
    for night in open_nights(context.instance)[:1]:
        for symbol in _picked(night.day) if night.is_picked else ():
            yield brain_request(night.day, symbol)


@dg.sensor(
    jobs=[close_job],
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Act 3, as soon as every Brain of the night has ended, well or badly.",
)
def brains_ended(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
    """Request the close of each night all of whose Brains have ended, or that picked nobody."""
    for night in open_nights(context.instance):
        if night.universe is None or not night.is_picked:
            continue
        if set(_picked(night.day)) <= set(symbol_runs(context.instance, night.day)):
            yield close_request(night.day, night.universe.run_id)


def _picked(day: date) -> tuple[str, ...]:
    """Whom the night follows; read from the lake, never computed here: a tick takes milliseconds."""
    found = read_universe(Lake.open(), day)
    return () if found is None else found.picked
