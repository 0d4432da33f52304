"""Act 1 of a night: the tick at 02:00 UTC, one run for the symbols of the day before."""

from __future__ import annotations

from datetime import UTC, date, datetime

import dagster as dg
import pytest

from huracan_assets import schedules
from huracan_assets.jobs import NIGHT, market_request
from huracan_assets.partitions import symbol_days
from huracan_assets.schedules import nightly, order_book_snapshots
from huracan_assets.settings import settings

DAY = date(2026, 1, 1)
BEFORE_DELISTING, AFTER_DELISTING = date(2024, 9, 9), date(2024, 9, 10)


def test_the_tick_at_two_requests_the_day_before_for_all_symbols_as_one_run() -> None:
    tick = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)
    with dg.build_schedule_context(scheduled_execution_time=tick) as context:
        data = nightly.evaluate_tick(context)
    assert data.run_requests is not None
    (request,) = data.run_requests
    listed = settings().market.listed(DAY)
    assert request.tags[NIGHT] == "2026-01-01"
    assert request.partition_key is None
    span = dg.PartitionKeyRange(
        request.tags["dagster/asset_partition_range_start"], request.tags["dagster/asset_partition_range_end"]
    )
    keys = symbol_days.get_partition_keys_in_range(span)
    assert sorted(keys) == sorted(f"2026-01-01|{symbol}" for symbol in listed)


def test_the_schedule_runs_unless_it_is_stopped_and_its_clock_is_utc() -> None:
    assert nightly.default_status == dg.DefaultScheduleStatus.RUNNING
    assert (nightly.cron_schedule, nightly.execution_timezone) == ("0 2 * * *", "UTC")


@pytest.mark.parametrize(("day", "is_there"), [(BEFORE_DELISTING, True), (AFTER_DELISTING, False)])
def test_a_retired_symbol_is_fetched_until_the_day_it_was_delisted(day: date, is_there: bool) -> None:
    tags = market_request(day).tags
    keys = symbol_days.get_partition_keys_in_range(
        dg.PartitionKeyRange(tags["dagster/asset_partition_range_start"], tags["dagster/asset_partition_range_end"])
    )
    assert (f"{day}|MATIC-USDT" in keys) == is_there
    assert len(keys) == (32 if is_there else 31)


def test_books_of_the_present_are_recorded_only_from_an_exchange_and_only_where_somebody_starts_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert order_book_snapshots.default_status == dg.DefaultScheduleStatus.STOPPED
    with dg.build_schedule_context() as context:
        data = order_book_snapshots.evaluate_tick(context)
        assert data.run_requests == []
        assert "synthetic" in (data.skip_message or "")
        live = settings().model_copy(update={"market": settings().market.model_copy(update={"source": "ccxt"})})
        monkeypatch.setattr(schedules, "settings", lambda: live)
        assert len(order_book_snapshots.evaluate_tick(context).run_requests or []) == 1
