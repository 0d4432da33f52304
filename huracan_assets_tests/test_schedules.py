"""Act 1 of a night: the tick at 02:00 UTC, one run for the symbols of the day before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import dagster as dg
import pytest

from huracan_assets import schedules
from huracan_assets.definitions import defs
from huracan_assets.jobs import brain_request, market_request
from huracan_assets.partitions import symbol_days
from huracan_assets.runs import NIGHT
from huracan_assets.schedules import nightly, order_book_snapshots
from huracan_assets.settings import settings

DAY = date(2026, 1, 1)
TWO = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)
Status = dg.DagsterRunStatus
BEFORE_DELISTING, AFTER_DELISTING = date(2024, 9, 9), date(2024, 9, 10)


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """A schedule opens its instance by reference, and one in memory has none."""
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as one:
        yield one


@pytest.fixture
def instance(on_disk: dg.DagsterInstance) -> dg.DagsterInstance:
    for run in on_disk.get_runs():
        on_disk.delete_run(run.run_id)
    return on_disk


def tick(instance: dg.DagsterInstance, at: datetime = TWO) -> tuple[list[dg.RunRequest], str]:
    """What the schedule requests, and why not, where it does not."""
    with dg.build_schedule_context(instance=instance, scheduled_execution_time=at) as context:
        data = nightly.evaluate_tick(context)
    return list(data.run_requests or []), data.skip_message or ""


def on_record(instance: dg.DagsterInstance, request: dg.RunRequest, status: Status, *, by_hand: bool = False) -> str:
    """A run of a request, and its id."""
    tags = dict(request.tags) | ({} if by_hand else {"dagster/schedule_name": nightly.name})
    run = dg.DagsterRun(job_name=request.job_name or "market", run_id=str(uuid4()), status=status, tags=tags)
    return instance.add_run(run).run_id


def nights_of(requested: list[dg.RunRequest]) -> list[str]:
    return [request.tags[NIGHT] for request in requested]


def test_the_tick_at_two_requests_the_day_before_for_all_symbols_as_one_run(instance: dg.DagsterInstance) -> None:
    (request,), _ = tick(instance)
    listed = settings().market.listed(DAY)
    assert request.tags[NIGHT] == "2026-01-01"
    assert request.partition_key is None
    span = dg.PartitionKeyRange(
        request.tags["dagster/asset_partition_range_start"], request.tags["dagster/asset_partition_range_end"]
    )
    keys = symbol_days.get_partition_keys_in_range(span)
    assert sorted(keys) == sorted(f"2026-01-01|{symbol}" for symbol in listed)


@pytest.mark.parametrize("status", [Status.STARTING, Status.STARTED, Status.SUCCESS])
def test_a_night_that_was_started_by_hand_is_not_started_again(instance: dg.DagsterInstance, status: Status) -> None:
    run_id = on_record(instance, market_request(DAY), status, by_hand=True)
    requested, why = tick(instance)
    assert requested == []
    assert "2026-01-01" in why
    assert run_id in why
    assert status.value in why


def test_a_market_run_that_failed_is_asked_for_again_until_a_brain_has_followed_it(
    instance: dg.DagsterInstance,
) -> None:
    run_id = on_record(instance, market_request(DAY), Status.FAILURE, by_hand=True)
    assert nights_of(tick(instance)[0]) == ["2026-01-01"]
    on_record(instance, brain_request(DAY, "BTC-USDT"), Status.STARTED)
    requested, why = tick(instance)
    assert requested == []
    assert run_id in why


def test_nights_that_were_missed_are_requested_with_the_next_the_oldest_first(instance: dg.DagsterInstance) -> None:
    on_record(instance, market_request(date(2025, 12, 28)), Status.FAILURE)
    on_record(instance, market_request(date(2025, 12, 30)), Status.FAILURE, by_hand=True)
    assert nights_of(tick(instance)[0]) == ["2025-12-29", "2025-12-31", "2026-01-01"]


def test_a_tick_that_was_cut_off_between_two_nights_asks_for_the_rest_and_for_the_run_that_it_never_launched(
    instance: dg.DagsterInstance,
) -> None:
    first, later = TWO - timedelta(days=3), TWO
    (before,), _ = tick(instance, first)
    assert before.tags["dagster/schedule_name"] == nightly.name
    on_record(instance, before, Status.SUCCESS)
    one, two, three = tick(instance, later)[0]
    on_record(instance, one, Status.STARTING)
    on_record(instance, two, Status.NOT_STARTED)
    assert tick(instance, later)[0] == [two, three]


def test_nights_that_were_started_by_hand_alone_leave_none_to_be_missed(instance: dg.DagsterInstance) -> None:
    on_record(instance, market_request(date(2025, 6, 30)), Status.SUCCESS, by_hand=True)
    assert nights_of(tick(instance)[0]) == ["2026-01-01"]


def test_of_nights_missed_long_ago_the_last_week_is_made_up_for_and_the_others_are_named(
    instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    on_record(instance, market_request(date(2025, 12, 20)), Status.SUCCESS)
    requested, _ = tick(instance)
    week = [f"2025-12-{day}" for day in range(25, 32)]
    assert nights_of(requested) == [*week, "2026-01-01"]
    assert "2025-12-21 to 2025-12-24" in capsys.readouterr().err


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


def test_the_books_of_this_moment_stand_before_brains_in_the_queue() -> None:
    books, brains = (defs.resolve_job_def(name).run_tags for name in ("record_order_books", "brains"))
    assert int(books["dagster/priority"]) > int(brains.get("dagster/priority", "0"))
