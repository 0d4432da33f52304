"""02:00 UTC, every night: daily candles close at 00:00, two hours are room for late exchange data.

Order books of the present are written down only where somebody starts that schedule.

Concept: https://docs.dagster.io/guides/automate/schedules
"""

from datetime import UTC

import dagster as dg

from huracan_assets.days import DAY
from huracan_assets.jobs import market, market_request, record_order_books
from huracan_assets.settings import settings


@dg.schedule(
    job=market,
    cron_schedule="0 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Act 1 of the night for the day that has just ended.",
)
def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The night of the day before the tick."""
    return market_request((context.scheduled_execution_time.astimezone(UTC) - DAY).date())


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
