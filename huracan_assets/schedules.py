"""02:00 UTC, every night: daily candles close at 00:00, two hours are room for late exchange data.

Concept: https://docs.dagster.io/guides/automate/schedules
"""

from datetime import UTC

import dagster as dg

from huracan_assets.days import DAY
from huracan_assets.jobs import market, market_request


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
