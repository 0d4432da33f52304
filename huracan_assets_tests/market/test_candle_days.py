"""From the source into the lake: as it arrives, many symbols at once, and on from where a stopped run left off."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path

import dagster as dg
import pytest

from huracan_assets.days import DAY, days_between
from huracan_assets.errors import MarketError, MissingDays
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets.market.assets import candles, hourly_candles, market_source, minute_status
from huracan_assets.market.candle_days import SOURCE_TAG, Failed, Written, left_behind, refuse_other_markets, write_days
from huracan_assets.market.source import MarketSource
from huracan_assets.market.synthetic import SyntheticSource
from huracan_assets.partitions import partition_key
from huracan_assets.resources.lake import Lake
from huracan_assets.settings import settings
from huracan_assets_tests.market.exchange_emulator.books import made_book, milliseconds
from huracan_assets_tests.market.exchange_emulator.door import door
from huracan_assets_tests.market.exchange_emulator.exchange import Exchange
from huracan_assets_tests.market.exchange_emulator.faults import Fault
from huracan_assets_tests.market.exchange_emulator.server import Server

FIRST = date(2024, 3, 1)
LAST = FIRST + 2 * DAY
DAYS = days_between(FIRST, LAST)
SYMBOLS = ("BTC-USDT", "ETH-USDT")  # the first of the list
BOOKS = [made_book(symbol, FIRST, LAST) for symbol in SYMBOLS]
KEYS = {partition_key(day, symbol) for day in DAYS for symbol in SYMBOLS}


@pytest.fixture
def server(listening: Server) -> Server:
    """A server whose exchange lists two symbols for three days, just after them."""
    listening.exchange = Exchange.of(BOOKS, milliseconds(LAST + DAY) + 60_000)
    return listening


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("HURACAN_LAKE", str(tmp_path / "lake"))
    return Lake.open()


@pytest.fixture
def instance(server: Server, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Dagster, with the emulator as the engine's market."""
    for name, value in {"SOURCE": "ccxt", "EXCHANGE__BASE_URL": server.url, "EXCHANGE__RATE_LIMIT": "false"}.items():
        monkeypatch.setenv(f"HURACAN_MARKET__{name}", value)
    monkeypatch.setenv("HURACAN_MARKET__EXCHANGE__BACKOFF_FIRST_S", "0.001")
    for remembered in (settings, market_source):
        remembered.cache_clear()
    with dg.DagsterInstance.ephemeral() as one:
        yield one
    for remembered in (settings, market_source):
        remembered.cache_clear()


def materialize(instance: dg.DagsterInstance, *assets: dg.AssetsDefinition) -> dg.ExecuteInProcessResult:
    tags = {
        "dagster/asset_partition_range_start": partition_key(FIRST, SYMBOLS[0]),
        "dagster/asset_partition_range_end": partition_key(LAST, SYMBOLS[-1]),
    }
    return dg.materialize(assets, instance=instance, tags=tags, raise_on_error=False)


def recorded(instance: dg.DagsterInstance, asset: str = "candles") -> set[str]:
    return set(instance.get_materialized_partitions(dg.AssetKey(asset)))


def asked_days(server: Server) -> set[str]:
    """The partitions whose minutes the exchange was asked for."""
    return {
        partition_key(day, book.symbol)
        for path, query in server.exchange.asked
        if path == "/api/v3/klines" and query["interval"] == "1m"
        for book in BOOKS
        if book.id == query["symbol"]
        for day in DAYS
        if milliseconds(day) <= int(query["startTime"]) < milliseconds(day + DAY)
    }


def test_each_day_lies_in_the_lake_when_it_is_told(server: Server, lake: Lake) -> None:
    made = 0
    for told in write_days(door(server.url), lake, dict.fromkeys(SYMBOLS, DAYS)):
        assert isinstance(told, Written)
        assert lake.read_named_frame("candles", told.symbol, told.day, told.digest).equals(told.frame)
        made += 1
    assert made == len(KEYS)


def test_days_without_a_candle_come_last_and_together(server: Server, lake: Lake) -> None:
    wanted = {"BTC-USDT": [FIRST - 2 * DAY, FIRST - DAY, FIRST], "ETH-USDT": [FIRST]}
    *written, failed = write_days(door(server.url), lake, wanted)
    assert sorted(day.symbol for day in written) == list(SYMBOLS)
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, MissingDays)
    assert failed.error.days == (FIRST - 2 * DAY, FIRST - DAY)
    assert f"Its first day of BTC-USDT is {FIRST}" in str(failed.error)


def test_a_range_of_many_symbols_is_one_fetch_and_every_day_is_recorded(
    instance: dg.DagsterInstance, lake: Lake
) -> None:
    assert materialize(instance, candles, hourly_candles).success
    assert recorded(instance) == recorded(instance, "hourly_candles") == KEYS
    for book in BOOKS:
        assert lake.read_window("candles", book.symbol, DAYS).equals(book.truth)
        assert lake.read_window("hourly_candles", book.symbol, DAYS).height == 72
        assert lake.frame_tag("hourly_candles", book.symbol, FIRST, "huracan.available") == "true"


def test_a_run_goes_on_where_a_stopped_one_left_off(instance: dg.DagsterInstance, server: Server, lake: Lake) -> None:
    stopped = write_days(market_source(), lake, dict.fromkeys(SYMBOLS, DAYS))
    left = {partition_key(day.day, day.symbol) for day in islice(stopped, 2) if isinstance(day, Written)}
    stopped.close()  # type: ignore[attr-defined]
    server.exchange.asked.clear()
    assert materialize(instance, candles).success
    assert len(left) == 2
    assert asked_days(server) == KEYS - left
    assert recorded(instance) == KEYS
    assert lake.read_window("candles", "BTC-USDT", DAYS).equals(BOOKS[0].truth)


def test_what_is_on_record_is_fetched_again_when_it_is_asked_for_again(
    instance: dg.DagsterInstance, server: Server
) -> None:
    assert materialize(instance, candles).success
    server.exchange.asked.clear()
    assert materialize(instance, candles).success
    assert asked_days(server) == KEYS


def test_what_another_source_left_or_what_is_damaged_is_fetched_again(server: Server, lake: Lake) -> None:
    source = door(server.url)
    list(write_days(source, lake, {"BTC-USDT": DAYS}))
    lake.write_frame("candles", "BTC-USDT", FIRST, BOOKS[0].truth.head(1440), {SOURCE_TAG: "another"})
    damaged = Path(str(lake.path("candles", "BTC-USDT", LAST)))
    damaged.write_bytes(damaged.read_bytes()[:-4000] + damaged.read_bytes()[-4000:].replace(b"\x01", b"\x02"))
    assert [day.day for day in left_behind(source, lake, "BTC-USDT", DAYS)] == [FIRST + DAY]


def test_one_symbols_failure_ends_the_run_by_name_and_stops_no_other(
    instance: dg.DagsterInstance, server: Server
) -> None:
    server.exchange.faults = [Fault("symbol rename", symbol="ETH-USDT")]
    result = materialize(instance, candles)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_FAILURE]
    error = failure.step_failure_data.error
    assert error is not None
    assert "1 of 2 symbols failed:\nETH-USDT: " in error.to_string()
    assert recorded(instance) == {partition_key(day, "BTC-USDT") for day in DAYS}


def test_days_that_fail_leave_the_good_days_of_their_symbol(
    instance: dg.DagsterInstance, server: Server, lake: Lake
) -> None:
    server.exchange.faults = [Fault("NaN price", None, "ETH-USDT", milliseconds(FIRST + DAY) + 60_000)]
    assert not materialize(instance, candles).success
    assert recorded(instance) == KEYS - {partition_key(FIRST + DAY, "ETH-USDT")}
    assert lake.missing("candles", "ETH-USDT", DAYS) == [FIRST + DAY]


def invented(edge: float = 0.0) -> SyntheticSource:
    return SyntheticSource(symbols=SYMBOLS, benchmark=SYMBOLS[0], first=FIRST, seed=1, edge=edge)


def test_an_invented_market_shares_no_window_with_another(server: Server, lake: Lake, tmp_path: Path) -> None:
    list(write_days(invented(), lake, {"BTC-USDT": DAYS[:2]}))
    refuse_other_markets(invented(), lake, "BTC-USDT", DAYS)
    others: list[MarketSource] = [invented(edge=0.25), door(server.url), ArchiveSource(tmp_path)]
    for other in others:
        with pytest.raises(
            MarketError, match=r"2 days of candles of BTC-USDT, the first 2024-03-01, are of the synthetic"
        ):
            refuse_other_markets(other, lake, "BTC-USDT", DAYS)
        refuse_other_markets(other, lake, "ETH-USDT", DAYS)
    list(write_days(door(server.url), lake, {"ETH-USDT": DAYS}))
    refuse_other_markets(ArchiveSource(tmp_path), lake, "ETH-USDT", DAYS)  # what an exchange said, however it came
    with pytest.raises(MarketError, match="3 days of candles of ETH-USDT"):
        refuse_other_markets(invented(), lake, "ETH-USDT", DAYS)


def test_a_night_on_another_market_in_the_same_home_is_refused_before_it_writes(
    instance: dg.DagsterInstance, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(write_days(invented(), lake, dict.fromkeys(SYMBOLS, DAYS[:2])))
    result = materialize(instance, minute_status)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_FAILURE]
    error = failure.step_failure_data.error
    assert error is not None
    assert "Set HURACAN_HOME to a folder of its own" in error.to_string()
    assert lake.missing("candles", "BTC-USDT", DAYS) == [LAST]
