"""Candles of the perpetual: doubted as the spot market's are, closed, and absent where there is no such market."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from huracan_assets.days import DAY, days_between
from huracan_assets.errors import CandleError, MarketError
from huracan_assets.market.expansions import AVAILABLE_TAG, EXPANSIONS, make_days
from huracan_assets.resources.lake import Lake
from huracan_assets_tests.market.exchange_emulator.books import Book, made_book, made_perpetual, milliseconds
from huracan_assets_tests.market.exchange_emulator.door import door
from huracan_assets_tests.market.exchange_emulator.exchange import Exchange
from huracan_assets_tests.market.exchange_emulator.faults import Fault
from huracan_assets_tests.market.exchange_emulator.server import Server

FIRST = date(2024, 2, 28)
LAST = FIRST + 2 * DAY
SPOT, PERPETUAL = (make("BTC-USDT", FIRST, LAST) for make in (made_book, made_perpetual))
END_MS = milliseconds(LAST + DAY)
AT_MS = milliseconds(FIRST) + 3 * 60_000


@pytest.fixture
def server(listening: Server) -> Server:
    """A server whose exchange has BTC's spot market and, at other prices, its perpetual, just after three days."""
    listening.exchange = Exchange.of([SPOT], END_MS + 30_000, perpetuals=[PERPETUAL])
    return listening


def intervals(server: Server, path: str) -> list[str]:
    return [query["interval"] for asked, query in server.exchange.asked if asked == path]


def test_the_perpetuals_own_bars_come_from_the_futures_market_minutes_and_hours(server: Server) -> None:
    found = door(server.url).perpetual_candles("BTC-USDT", FIRST, LAST)
    assert found is not None
    assert found.equals(PERPETUAL.truth)
    assert not found["close"].equals(SPOT.truth["close"])
    assert set(intervals(server, "/fapi/v1/klines")) == {"1m", "1h"}
    assert not intervals(server, "/api/v3/klines")


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault(kind, times=2) for kind in ("429", "truncated JSON")),
        *(Fault(kind, 1, "BTC-USDT", AT_MS) for kind in ("unsorted rows", "revised candle")),
        *(Fault(kind, 1, "BTC-USDT", AT_MS) for kind in ("ignored since", "missing hour")),
    ],
    ids=lambda fault: fault.kind,
)
def test_trouble_and_lies_that_pass_are_healed(server: Server, fault: Fault) -> None:
    passing = replace(fault)
    server.exchange.faults = [passing]
    found = door(server.url).perpetual_candles("BTC-USDT", FIRST, LAST)
    assert passing.is_spent
    assert found is not None
    assert found.equals(PERPETUAL.truth)


@pytest.mark.parametrize(
    ("fault", "error", "told"),
    [
        (Fault("negative price", None, "BTC-USDT", AT_MS, 2), CandleError, "low must be a positive, finite price"),
        (Fault("5xx"), MarketError, "attempt 4 failed"),
    ],
    ids=["a price below zero", "no answer"],
)
def test_what_cannot_be_had_or_stays_broken_is_an_error_not_an_absence(
    server: Server, fault: Fault, error: type[MarketError], told: str
) -> None:
    server.exchange.faults = [fault]
    with pytest.raises(error, match=told):
        door(server.url).perpetual_candles("BTC-USDT", FIRST, LAST)


def test_a_day_that_has_not_ended_by_the_exchanges_clock_is_refused_whole(server: Server) -> None:
    server.exchange.now_ms = END_MS - 60_000
    source = door(server.url)
    with pytest.raises(MarketError, match="not closed by its own clock"):
        source.perpetual_candles("BTC-USDT", FIRST, LAST)
    found = source.perpetual_candles("BTC-USDT", FIRST, LAST - DAY)
    assert found is not None
    assert found.height == 2 * 1440


@pytest.mark.parametrize(("symbol", "perpetuals"), [("ETH-USDT", True), ("BTC-USDT", False)])
def test_a_perpetual_that_is_not_there_or_not_wanted_is_none(server: Server, symbol: str, perpetuals: bool) -> None:
    assert door(server.url, perpetuals=perpetuals).perpetual_candles(symbol, FIRST, LAST) is None
    assert not intervals(server, "/fapi/v1/klines")


def test_a_perpetual_that_is_announced_and_not_yet_open_is_absent(server: Server) -> None:
    class Announced(Book):
        def perpetual_entry(self) -> dict[str, Any]:
            opens = {"onboardDate": END_MS + 86_400_000, "status": "PENDING_TRADING"}
            return super().perpetual_entry() | opens

    server.exchange.perpetuals = {PERPETUAL.id: Announced("BTC-USDT", PERPETUAL.truth.clear())}
    assert door(server.url).perpetual_candles("BTC-USDT", FIRST, LAST) is None
    assert not intervals(server, "/fapi/v1/klines")


def test_before_its_listing_the_days_are_empty_and_say_so(server: Server, tmp_path: Path) -> None:
    begins_ms = milliseconds(FIRST + DAY) + 600 * 60_000
    later = Book("BTC-USDT", PERPETUAL.truth.filter(pl.col("ts").dt.epoch("ms") >= begins_ms))
    server.exchange.perpetuals = {later.id: later}
    source, lake = door(server.url), Lake.at(tmp_path)
    assert source.perpetual_candles("BTC-USDT", FIRST, FIRST) is None
    days = days_between(FIRST, LAST)
    made = make_days(EXPANSIONS["perpetual_candles"], source, lake, "BTC-USDT", days)
    assert [made[day]["dagster/row_count"] for day in days] == [0, 840, 1440]
    tags = [lake.frame_tag("perpetual_candles", "BTC-USDT", day, AVAILABLE_TAG) for day in days]
    assert tags == ["false", "true", "true"]
    assert lake.read_frame("perpetual_candles", "BTC-USDT", LAST).equals(
        PERPETUAL.truth.filter(pl.col("ts") >= PERPETUAL.truth["ts"][0] + timedelta(days=2))
    )


def test_an_exchange_without_raw_klines_gives_the_perpetuals_unified_candles(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken off the list, Binance is read as any other exchange."""
    monkeypatch.setattr("huracan_assets.market.exchange.session.BINANCE", ())
    found = door(server.url).perpetual_candles("BTC-USDT", FIRST, FIRST)
    assert found is not None
    optional = ["quote_volume", "trades", "taker_buy_volume"]
    assert found.drop(optional).equals(PERPETUAL.truth.drop(optional)[:1440])
    assert set(intervals(server, "/fapi/v1/klines")) == {"1m", "1h"}
