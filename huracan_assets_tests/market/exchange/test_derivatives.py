"""Funding, open interest, trades and books of an exchange, through faults, against the emulator's own figures."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from huracan_assets.days import DAY
from huracan_assets.errors import CandleError, MarketError
from huracan_assets_tests.market.exchange_emulator.books import (
    COUNT_MS,
    FUNDING_MS,
    funding_rate,
    made_book,
    milliseconds,
    open_interest,
)
from huracan_assets_tests.market.exchange_emulator.door import door
from huracan_assets_tests.market.exchange_emulator.exchange import Exchange
from huracan_assets_tests.market.exchange_emulator.faults import Answer, Fault
from huracan_assets_tests.market.exchange_emulator.server import Server

FIRST = date(2024, 2, 27)
LAST = FIRST + 2 * DAY
BTC = made_book("BTC-USDT", FIRST, LAST)
END_MS = milliseconds(LAST + DAY)


@pytest.fixture
def server(listening: Server) -> Server:
    """A server whose exchange lists BTC for three days, just after them."""
    listening.exchange = Exchange.of([BTC], END_MS + 60_000)
    return listening


def in_ms(frame: pl.DataFrame) -> list[int]:
    return frame["ts"].dt.epoch("ms").to_list()


@pytest.mark.parametrize("fault", [None, "5xx", "truncated JSON", "connection cut", "429"])
def test_every_settlement_comes_once(server: Server, fault: str | None) -> None:
    server.exchange.faults = [Fault(fault, times=2)] if fault else []
    found = door(server.url).funding("BTC-USDT", FIRST, LAST)
    assert found is not None
    times = list(range(milliseconds(FIRST), END_MS, FUNDING_MS))
    assert in_ms(found) == times
    assert found["rate"].to_list() == [float(funding_rate(time)) for time in times]


def test_a_page_of_settlements_that_is_capped_is_no_end_of_data(server: Server) -> None:
    class Capped(Exchange):
        def _spoken(self, path: str, query: dict[str, str]) -> Answer:
            return super()._spoken(path, {**query, "limit": "2"} if path.endswith("fundingRate") else query)

    server.exchange = Capped.of([BTC], END_MS + 60_000)
    found = door(server.url).funding("BTC-USDT", FIRST, LAST)
    assert found is not None
    assert found.height == 9


@pytest.mark.parametrize("symbol", ["BTC-USDT", "XRP-USDT"])
def test_what_is_not_wanted_or_not_there_is_none(server: Server, symbol: str) -> None:
    source = door(server.url, perpetuals=symbol == "XRP-USDT", trades=False)
    assert source.funding(symbol, FIRST, LAST) is None
    assert source.open_interest(symbol, FIRST, LAST) is None
    assert source.trades(symbol, FIRST, LAST) is None
    assert source.order_books("BTC-USDT", FIRST, LAST) is None


def test_open_interest_is_known_once_its_period_is_over(server: Server) -> None:
    found = door(server.url).open_interest("BTC-USDT", FIRST, LAST)
    assert found is not None
    times = list(range(milliseconds(FIRST), END_MS, COUNT_MS))
    assert in_ms(found) == times
    assert found["open_interest"].to_list() == [open_interest(time) for time in times]
    assert (found["known_at"] - found["ts"]).unique().to_list() == [timedelta(minutes=5)]


def test_open_interest_that_the_exchange_no_longer_keeps_is_absent_not_zero(server: Server) -> None:
    server.exchange.now_ms = END_MS + 29 * 86_400_000
    source = door(server.url)
    found = source.open_interest("BTC-USDT", FIRST, LAST)
    assert found is not None
    assert found["ts"].dt.date().unique().to_list() == [LAST]
    assert source.open_interest("BTC-USDT", FIRST, FIRST) is None


def test_every_trade_of_the_days_comes_once_with_its_takers_side(server: Server) -> None:
    found = door(server.url).trades("BTC-USDT", FIRST, FIRST)
    assert found is not None
    told = [trade for trade in BTC.trades() if trade["T"] < milliseconds(FIRST + DAY)]
    assert found["id"].to_list() == [str(trade["a"]) for trade in told]
    assert in_ms(found) == [trade["T"] for trade in told]
    assert found["price"].to_list() == [float(trade["p"]) for trade in told]
    assert found["side"].to_list() == ["sell" if trade["m"] else "buy" for trade in told]


def test_a_trade_that_a_page_lost_is_noticed(server: Server) -> None:
    class Losing(Exchange):
        def _spoken(self, path: str, query: dict[str, str]) -> Answer:
            answer = super()._spoken(path, query)
            return Answer(answer.body.replace(b'"a":5007,', b'"a":5008,')) if path.endswith("aggTrades") else answer

    server.exchange = Losing.of([BTC], END_MS + 60_000)
    with pytest.raises(CandleError, match="trades are missing"):
        door(server.url).trades("BTC-USDT", FIRST, FIRST)


def test_the_book_of_now_stands_on_today_alone(server: Server) -> None:
    server.exchange.now_ms = END_MS - 3_600_000
    source = door(server.url)
    book = source.order_books("BTC-USDT", LAST, LAST)
    assert book is not None
    assert book.height == 1
    assert book["ts"].dt.epoch("ms").to_list() == [END_MS - 3_600_000]
    assert (book["bid_prices"].list.first() < book["ask_prices"].list.first()).all()
    assert source.order_books("BTC-USDT", FIRST, FIRST) is None


def test_funding_that_cannot_be_had_is_an_error_not_an_absence(server: Server) -> None:
    server.exchange.faults = [Fault("5xx")]
    with pytest.raises(MarketError, match="attempt 4 failed"):
        door(server.url).funding("BTC-USDT", FIRST, LAST)
