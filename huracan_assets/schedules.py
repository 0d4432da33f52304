"""02:00 UTC, every night: daily candles close at 00:00, two hours are room for late exchange data.

Order books of the present are written down only where somebody starts that schedule.

Concept: https://docs.dagster.io/guides/automate/schedules
"""

from datetime import UTC, date

import dagster as dg

from huracan_assets.days import DAY, days_between, unbroken_spans
from huracan_assets.jobs import market_job, market_request, record_order_books
from huracan_assets.runs import NIGHT, is_launched, newest_runs, standing_run
from huracan_assets.settings import settings

MADE_UP_FOR = 7


@dg.schedule(
    job=market_job,
    cron_schedule="0 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Act 1 of the night for the day that has just ended, and of those that were missed before it.",
)
def nightly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """The nights that were missed, the earliest first, and that of the day before the tick, if nobody has begun it."""
    yesterday = (context.scheduled_execution_time.astimezone(UTC) - DAY).date()
    missed = missed_nights(context.instance, yesterday)
    for first, last in unbroken_spans(missed[:-MADE_UP_FOR]):
        context.log.warning(f"the nights of {first} to {last} were missed too long ago: `huracan night DAY` starts one")
    due = missed[-MADE_UP_FOR:]
    standing = standing_run(context.instance, yesterday)
    if standing is None:
        due.append(yesterday)
    elif not due:
        return dg.SkipReason(
            f"the night of {yesterday} was started before: its market run {standing.run_id} is {standing.status.value}"
        )
    return [market_request(day) for day in due]


def missed_nights(instance: dg.DagsterInstance, until: date) -> list[date]:
    """The days since the last night that this schedule started and before `until` that nobody started.

    Dagster itself runs only the last of the ticks that it missed. Nights that were started by hand alone say nothing
    about when the nights of a home began, so a new home has missed none.
    """
    scheduled = instance.get_runs(dg.RunsFilter(job_name="market", tags={"dagster/schedule_name": "nightly"}), limit=1)
    if not scheduled:
        return []
    since = days_between(date.fromisoformat(scheduled[0].tags[NIGHT]), until - DAY)
    newest = newest_runs(instance, "market", since)
    return [day for day in since if day not in newest or not is_launched(newest[day].dagster_run)]


@dg.schedule(
    job=record_order_books,
    cron_schedule="*/15 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="The order books at each decision, from an exchange; stopped until somebody wants them.",
)
def order_book_snapshots() -> dg.RunRequest | dg.SkipReason:
    """The books of this moment; an archive and a synthetic market have no present."""
    if settings().market.source != "ccxt":
        return dg.SkipReason(f"the {settings().market.source} market has no order books of this moment")
    return dg.RunRequest()
