"""What the command line tells of nights, and which it refuses to start, from a real run storage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import date, timedelta
from uuid import uuid4

import dagster as dg
import pytest

from huracan_assets import instance as engine
from huracan_assets.instance import Night, RunError, launch_night, nights
from huracan_assets.jobs import brain_request, close_request, market_request, universe_request

FIRST, SECOND = date(2026, 1, 1), date(2026, 1, 2)
Status = dg.DagsterRunStatus


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as one:
        monkeypatch.setattr(engine, "opened", lambda: nullcontext(one))
        yield one


def started(storage: dg.DagsterInstance, request: dg.RunRequest, status: Status) -> str:
    run = dg.DagsterRun(job_name=str(request.job_name), run_id=str(uuid4()), status=status, tags=dict(request.tags))
    return storage.add_run(run).run_id


def test_a_night_is_told_by_its_newest_runs_and_says_for_whose_close_its_brains_wait(
    storage: dg.DagsterInstance,
) -> None:
    first = started(storage, market_request(FIRST), Status.SUCCESS)
    pick = started(storage, universe_request(FIRST, first), Status.SUCCESS)
    for symbol, status in (("BTC-USDT", Status.SUCCESS), ("ETH-USDT", Status.STARTED), ("SOL-USDT", Status.STARTED)):
        started(storage, brain_request(FIRST, symbol), status)
    second = started(storage, market_request(SECOND), Status.SUCCESS)
    started(storage, universe_request(SECOND, second), Status.SUCCESS)
    waiting = Night(SECOND, "SUCCESS", "SUCCESS", {}, "not yet", waits_for=FIRST)
    brains = {"SUCCESS": 1, "STARTED": 2}
    assert nights(9) == [waiting, Night(FIRST, "SUCCESS", "SUCCESS", brains, "not yet", waits_for=None)]
    assert nights(1) == [waiting]
    started(storage, close_request(FIRST, pick), Status.FAILURE)
    assert [(night.close, night.waits_for) for night in nights(9)] == [("not yet", None), ("FAILURE", None)]


def test_what_came_of_an_earlier_market_run_is_not_told_of_the_newest(storage: dg.DagsterInstance) -> None:
    first = started(storage, market_request(FIRST), Status.FAILURE)
    pick = started(storage, universe_request(FIRST, first), Status.FAILURE)
    started(storage, close_request(FIRST, pick), Status.FAILURE)
    started(storage, market_request(FIRST), Status.STARTED)
    assert nights(9) == [Night(FIRST, "STARTED", "not yet", {}, "not yet", waits_for=None)]


def test_market_runs_outside_any_night_hide_none(storage: dg.DagsterInstance) -> None:
    started(storage, market_request(FIRST), Status.SUCCESS)
    for ahead in range(30):
        tags = {"dagster/partition": f"{FIRST + timedelta(days=ahead)}|BTC-USDT"}
        storage.add_run(dg.DagsterRun(job_name="market", run_id=str(uuid4()), status=Status.SUCCESS, tags=tags))
    assert [night.day for night in nights(1)] == [FIRST]


@pytest.mark.parametrize("status", [Status.STARTED, Status.SUCCESS])
def test_a_night_that_was_started_is_not_started_again(storage: dg.DagsterInstance, status: Status) -> None:
    started(storage, market_request(FIRST), status)
    with pytest.raises(RunError, match=rf"2026-01-01 was started before .*{status.value}.*huracan run"):
        launch_night(FIRST)
