"""Ranges of partitions in one run: what is made is recorded, what fails is named, and stops no other."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.days import DAY, days_between
from huracan_assets.errors import ContractError, HuracanError, MarketError, StorageError
from huracan_assets.observability.readable import HASH_DIGITS
from huracan_assets.partitions import partition_key
from huracan_assets.resources.event_log import BATCH
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.materialize import (
    RangeResult,
    by_symbol,
    check_partitions,
    make_range,
    record_healed,
    room,
)

FIRST = date(2026, 1, 1)
SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT")  # the first of the list
KEY = dg.AssetKey("thing")


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("HURACAN_LAKE", str(tmp_path / "lake"))
    with dg.DagsterInstance.ephemeral() as one:
        yield one


def maker(failing: Mapping[str, Exception], calls: list[tuple[str, list[date]]]) -> dg.AssetsDefinition:
    """An asset that writes a frame a symbol-day, but for the symbols that fail."""

    def make(symbol: str, days: list[date]) -> dict[date, dict[str, Any]]:
        calls.append((symbol, days))
        if symbol in failing:
            raise failing[symbol]
        lake = Lake.open()
        return {
            day: {"content_sha256": lake.write_frame("thing", symbol, day, pl.DataFrame({"x": [symbol, str(day)]}))}
            for day in days
        }

    @dg.asset(**room("market"), backfill_policy=dg.BackfillPolicy.single_run())
    def thing(context: dg.AssetExecutionContext) -> RangeResult:
        yield from make_range(context, make)

    made: dg.AssetsDefinition = thing
    return made


def run(
    instance: dg.DagsterInstance,
    failing: Mapping[str, Exception] | None = None,
    days: int = 2,
    symbols: tuple[str, ...] = SYMBOLS,
) -> tuple[dg.ExecuteInProcessResult, list[tuple[str, list[date]]]]:
    calls: list[tuple[str, list[date]]] = []
    last = FIRST + timedelta(days=days - 1)
    tags = {
        "dagster/asset_partition_range_start": partition_key(FIRST, symbols[0]),
        "dagster/asset_partition_range_end": partition_key(last, symbols[-1]),
    }
    return dg.materialize([maker(failing or {}, calls)], instance=instance, tags=tags, raise_on_error=False), calls


def recorded(instance: dg.DagsterInstance) -> set[str]:
    return set(instance.get_materialized_partitions(KEY))


def error_of(result: dg.ExecuteInProcessResult) -> str:
    (failure,) = [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_FAILURE]
    assert failure.step_failure_data.error is not None
    return failure.step_failure_data.error.to_string()


def test_every_partition_of_the_range_is_made_symbol_by_symbol_and_recorded(
    instance: dg.DagsterInstance,
) -> None:
    result, calls = run(instance)
    assert result.success
    days = [FIRST, FIRST + timedelta(days=1)]
    assert calls == [(symbol, days) for symbol in SYMBOLS]
    assert recorded(instance) == {partition_key(day, symbol) for day in days for symbol in SYMBOLS}
    for event in result.get_asset_materialization_events():
        made = event.step_materialization_data.materialization
        assert made.partition is not None
        day, symbol = made.partition.split("|")
        digest = Lake.open().frame_hash("thing", symbol, date.fromisoformat(day))
        assert made.metadata["content_sha256"].value == digest[:HASH_DIGITS]


def test_one_symbols_failure_stops_no_other_and_the_good_partitions_are_recorded(
    instance: dg.DagsterInstance,
) -> None:
    result, calls = run(
        instance, {"BTC-USDT": MarketError("the source has no BTC"), "SOL-USDT": ContractError("SOL is odd")}
    )
    assert not result.success
    assert [symbol for symbol, _ in calls] == list(SYMBOLS)
    assert recorded(instance) == {f"2026-01-0{day}|ETH-USDT" for day in (1, 2)}
    told = error_of(result)
    assert "2 of 3 symbols failed" in told
    assert "BTC-USDT: the source has no BTC" in told
    assert "SOL-USDT: SOL is odd" in told
    event = instance.get_latest_materialization_event(KEY)
    assert event is not None
    assert event.asset_materialization is not None
    made = event.asset_materialization
    digest = Lake.open().frame_hash("thing", "ETH-USDT", FIRST + timedelta(days=1))
    assert made.metadata["content_sha256"].value == digest[:HASH_DIGITS]
    assert (made.tags or {})["dagster/data_version"] == digest


def test_the_only_symbols_failure_is_the_rooms_own_error(instance: dg.DagsterInstance) -> None:
    result, _ = run(instance, {"ETH-USDT": MarketError("ETH is not there")}, symbols=("ETH-USDT",))
    assert "MarketError: ETH is not there" in error_of(result)
    assert recorded(instance) == set()


def test_a_fault_of_the_code_is_no_symbols_failure(instance: dg.DagsterInstance) -> None:
    result, calls = run(instance, {"BTC-USDT": ZeroDivisionError("a bug")})
    assert "ZeroDivisionError" in error_of(result)
    assert len(calls) == 1


def test_a_partitions_data_version_is_its_content_where_one_is_made(instance: dg.DagsterInstance) -> None:
    run(instance, days=1, symbols=("ETH-USDT",))
    event = instance.get_latest_materialization_event(KEY)
    assert event is not None
    assert event.asset_materialization is not None
    version = (event.asset_materialization.tags or {})["dagster/data_version"]
    assert version == Lake.open().frame_hash("thing", "ETH-USDT", FIRST)


@given(
    pairs=st.lists(
        st.tuples(st.dates(date(2025, 1, 1), date(2026, 1, 1)), st.sampled_from(SYMBOLS)),
        min_size=1,
        unique=True,
    )
)
def test_keys_in_any_order_are_days_of_each_symbol_in_order(pairs: list[tuple[date, str]]) -> None:
    found = by_symbol(partition_key(day, symbol) for day, symbol in pairs)
    assert found == {
        symbol: sorted(day for day, other in pairs if other == symbol)
        for symbol in sorted({symbol for _, symbol in pairs})
    }
    assert list(found) == sorted(found)


def test_a_healed_day_is_recorded_for_the_partition_it_belongs_to(instance: dg.DagsterInstance) -> None:
    @dg.asset(**room("market"))
    def healer(context: dg.AssetExecutionContext) -> None:
        record_healed(context, KEY, "ETH-USDT", {date(2025, 12, 31): {"content_sha256": "abc"}})

    ended = dg.materialize([healer], instance=instance, partition_key="2026-01-01|BTC-USDT")
    assert ended.success
    assert recorded(instance) == {"2025-12-31|ETH-USDT"}
    (entry,) = instance.fetch_materializations(KEY, limit=5).records
    assert entry.event_log_entry.run_id == ended.run_id
    assert entry.event_log_entry.step_key == "healer"
    event = entry.asset_materialization
    assert event is not None
    assert event.metadata["healed"].value is True
    assert (event.tags or {})["dagster/data_version"] == "abc"


def test_more_days_than_one_write_takes_are_recorded_in_order(instance: dg.DagsterInstance) -> None:
    days = days_between(date(2024, 1, 1), date(2024, 1, 1) + DAY * (BATCH + 1))

    @dg.asset(**room("market"))
    def healer(context: dg.AssetExecutionContext) -> None:
        record_healed(context, KEY, "ETH-USDT", {day: {"content_sha256": str(day)} for day in days})

    assert dg.materialize([healer], instance=instance, partition_key="2026-01-01|BTC-USDT").success
    events = instance.fetch_materializations(KEY, limit=2 * BATCH, ascending=True).records
    assert [entry.partition_key for entry in events] == [partition_key(day, "ETH-USDT") for day in days]


@pytest.mark.parametrize(("bad", "passed"), [(None, True), ("SOL-USDT", False)])
def test_a_check_reads_every_partition_back_and_names_the_one_that_is_wrong(
    instance: dg.DagsterInstance, bad: str | None, passed: bool
) -> None:
    thing = maker({}, [])

    @dg.asset_check(asset=thing, blocking=True)
    def contract(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        def validate(symbol: str, day: date, frame: pl.DataFrame) -> None:
            assert frame["x"].to_list() == [symbol, str(day)]
            if symbol == bad:
                raise ContractError(f"{symbol} is odd")

        return check_partitions(context, "thing", validate)

    tags = {
        "dagster/asset_partition_range_start": partition_key(FIRST, SYMBOLS[0]),
        "dagster/asset_partition_range_end": partition_key(FIRST, SYMBOLS[-1]),
    }
    result = dg.materialize([thing, contract], instance=instance, tags=tags, raise_on_error=False)
    (found,) = result.get_asset_check_evaluations()
    assert found.passed == passed
    if bad:
        assert found.metadata["partition"].value == f"2026-01-01|{bad}"
        assert found.description == f"{bad} is odd"
    else:
        assert found.metadata["rows"].value == 6


def test_the_errors_that_a_symbol_may_fail_with_are_the_engines_own() -> None:
    assert all(issubclass(kind, HuracanError) for kind in (MarketError, ContractError, StorageError))
