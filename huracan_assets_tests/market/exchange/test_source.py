"""The exchange door: the real ccxt client against the emulator."""

from __future__ import annotations

import gzip
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from huracan_assets.days import days_between
from huracan_assets.errors import CandleError, MarketError, SettingsError
from huracan_assets.market.source import Span
from huracan_assets_tests.market.exchange_emulator.books import Book, made_book, milliseconds
from huracan_assets_tests.market.exchange_emulator.door import door
from huracan_assets_tests.market.exchange_emulator.exchange import Exchange
from huracan_assets_tests.market.exchange_emulator.faults import Answer, Fault
from huracan_assets_tests.market.exchange_emulator.server import Server

DAY = date(2024, 2, 29)
NEXT = DAY + timedelta(days=1)
BTC, ETH = made_book("BTC-USDT", DAY, NEXT), made_book("ETH-USDT", DAY, NEXT)
AFTER_MS = milliseconds(date(2024, 3, 5))
MINUTE_MS = 60_000


@dataclass
class TimedExchange(Exchange):
    """An exchange that remembers when it was asked for candles."""

    asked_at: list[float] = field(default_factory=list)

    def answer(self, path: str, query: dict[str, str]) -> Answer:
        if path == "/api/v3/klines":
            self.asked_at.append(time.monotonic())
        return super().answer(path, query)


class Banning(TimedExchange):
    """Bans for two hours whoever asks for candles."""

    def answer(self, path: str, query: dict[str, str]) -> Answer:
        answer = super().answer(path, query)
        return Answer(b'{"code":-1003}', 418, (("Retry-After", "7200"),)) if self.asked_at else answer


@pytest.fixture
def server(listening: Server) -> Server:
    """A server whose exchange lists two symbols with two days each, and has no faults."""
    listening.exchange = TimedExchange.of([BTC, ETH], AFTER_MS)
    return listening


def truth(book: Book, first: date = DAY, last: date = DAY) -> pl.DataFrame:
    return book.truth.filter(pl.col("ts").dt.date().is_between(first, last))


def asked(server: Server, interval: str = "1m") -> list[dict[str, str]]:
    """The questions for candles so far."""
    questions = [query for path, query in server.exchange.asked if path == "/api/v3/klines"]
    return [query for query in questions if query["interval"] == interval]


def lasting(kind: str, number: int = 0, at: int = 3) -> Fault:
    """A fault for good, about one minute of BTC's first day."""
    return Fault(kind, None, "BTC-USDT", milliseconds(DAY) + at * MINUTE_MS, number)


def test_many_symbols_at_once_give_every_day_of_each_once(server: Server) -> None:
    pieces = list(door(server.url).stream([Span("BTC-USDT", DAY, NEXT), Span("ETH-USDT", NEXT, NEXT)]))
    got = {(piece.symbol, piece.first): piece.candles for piece in pieces}
    assert set(got) == {("BTC-USDT", DAY), ("BTC-USDT", NEXT), ("ETH-USDT", NEXT)}
    for (symbol, day), frame in got.items():
        assert isinstance(frame, pl.DataFrame)
        assert frame.equals(truth(BTC if symbol == "BTC-USDT" else ETH, day, day))


def test_the_pages_of_a_day_overlap(server: Server) -> None:
    assert door(server.url).candles("BTC-USDT", DAY, DAY).equals(truth(BTC))
    starts = [(int(query["startTime"]) - milliseconds(DAY)) // MINUTE_MS for query in asked(server)]
    assert starts == [0, 960]
    assert int(asked(server)[0]["limit"]) == 1000


def test_a_hole_wider_than_a_page_is_stepped_over_and_stays_a_hole(server: Server) -> None:
    left = BTC.truth.filter(~pl.col("ts").dt.hour().is_between(1, 20))
    server.exchange.books["BTCUSDT"] = Book("BTC-USDT", left)
    assert door(server.url).candles("BTC-USDT", DAY, NEXT).equals(left)


@pytest.mark.parametrize(("seconds", "bars"), [(59, 9), (61, 9), (63, 10)])
def test_only_candles_that_are_closed_by_the_exchanges_clock_come(server: Server, seconds: int, bars: int) -> None:
    """The machine that runs this test is years off, and that does not matter."""
    server.exchange.now_ms = milliseconds(DAY) + 9 * MINUTE_MS + 1_000 * seconds
    assert door(server.url).candles("BTC-USDT", DAY, DAY).height == bars


@pytest.mark.parametrize("ended", [True, False])
def test_a_day_that_has_not_ended_by_the_exchanges_clock_is_an_error_of_its_own(server: Server, ended: bool) -> None:
    server.exchange.now_ms = milliseconds(NEXT) + (3_000 if ended else -120_000)
    source = door(server.url)
    (piece,) = source.stream([Span("BTC-USDT", DAY, DAY)])
    if ended:
        assert isinstance(piece.candles, pl.DataFrame)
        assert piece.candles.equals(truth(BTC))
        return
    assert isinstance(piece.candles, MarketError)
    assert "not closed by its own clock (2024-02-29 23:57 UTC): ask again after 2024-03-01" in str(piece.candles)
    with pytest.raises(MarketError, match="not closed by its own clock"):
        source.hourly("BTC-USDT", DAY, DAY)


def test_days_that_have_not_begun_are_empty_and_not_asked_for(server: Server) -> None:
    server.exchange.now_ms = milliseconds(date(2024, 2, 28))
    assert door(server.url).candles("BTC-USDT", DAY, DAY).is_empty()
    assert not asked(server)


@pytest.mark.parametrize("kind", ["429", "418", "429 without Retry-After", "5xx", "truncated JSON", "connection cut"])
def test_trouble_that_passes_is_waited_out(server: Server, kind: str) -> None:
    server.exchange.faults = [Fault(kind, times=3)]
    assert door(server.url).candles("BTC-USDT", DAY, DAY).equals(truth(BTC))


def test_a_refusal_pauses_every_request_for_as_long_as_it_asks(server: Server) -> None:
    class Refusing(TimedExchange):
        def answer(self, path: str, query: dict[str, str]) -> Answer:
            answer = super().answer(path, query)
            refused = len(self.asked_at) == 3 and path == "/api/v3/klines"
            return Answer(b'{"code":-1003}', 429, (("Retry-After", "1"),)) if refused else answer

    exchange = server.exchange = Refusing.of([BTC, ETH], AFTER_MS)
    spans = [Span(book.symbol, DAY, NEXT) for book in (BTC, ETH)]
    pieces = list(door(server.url, concurrency=4).stream(spans))
    assert all(isinstance(piece.candles, pl.DataFrame) for piece in pieces)
    # What was under way when the refusal came may still arrive; after that nobody asks until the second is over.
    since = [at - exchange.asked_at[2] for at in exchange.asked_at[3:]]
    under_way = [seconds for seconds in since if seconds < 1.0]
    assert len(under_way) < 4
    assert all(seconds < 0.5 for seconds in under_way)
    assert len(since) > 5


def test_a_long_ban_is_told_at_once_to_all(server: Server) -> None:
    exchange = server.exchange = Banning.of([BTC, ETH], AFTER_MS)
    pieces = list(door(server.url, concurrency=1).stream([Span(book.symbol, DAY, NEXT) for book in (BTC, ETH)]))
    assert len(pieces) == 4
    assert all("no request within 7200 s" in str(piece.candles) for piece in pieces)
    assert len(exchange.asked_at) == 1


def test_trouble_that_stays_is_given_up_after_the_attempts(server: Server) -> None:
    server.exchange.faults = [Fault("5xx", symbol="BTC-USDT")]
    with pytest.raises(
        MarketError, match=r"exchange binance at .* candles of BTC/USDT from 2024-02-29.*attempt 3 failed"
    ):
        door(server.url, max_attempts=3).candles("BTC-USDT", DAY, NEXT)
    assert len(asked(server, "1h")) == 3


def test_one_symbols_failure_stops_no_other(server: Server) -> None:
    server.exchange.faults = [Fault("5xx", symbol="BTC-USDT")]
    pieces = list(door(server.url).stream([Span(book.symbol, DAY, NEXT) for book in (BTC, ETH)]))
    ended = {(piece.symbol, type(piece.candles)) for piece in pieces}
    assert ended == {("BTC-USDT", MarketError), ("ETH-USDT", pl.DataFrame)}


def test_a_broken_day_stops_no_other_day(server: Server) -> None:
    server.exchange.faults = [lasting("negative price")]
    pieces = list(door(server.url).stream([Span("BTC-USDT", DAY, NEXT)]))
    assert [type(piece.candles) for piece in pieces] == [CandleError, pl.DataFrame]


def test_an_exchange_that_is_not_there_is_told_for_every_span() -> None:
    spans = [Span("BTC-USDT", DAY, NEXT), Span("ETH-USDT", DAY, DAY)]
    pieces = list(door("http://127.0.0.1:9", max_attempts=1).stream(spans))
    assert [piece[:3] for piece in pieces] == spans
    assert all("list of markets" in str(piece.candles) for piece in pieces)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (lasting("duplicates"), "not in order, or one of them comes twice"),
        (lasting("unsorted rows"), "not in order, or one of them comes twice"),
        (lasting("ignored since"), "does not heed the start of a page"),
        (lasting("ignored since", 1), "does not heed the start of a page"),
        (lasting("infinite price", 1), r"2024-02-29 00:03:00 UTC, row 3 \(from 0\): high must be a positive, finite p"),
        (lasting("NaN price"), r"row 3 \(from 0\): open must be a positive, finite price"),
        (lasting("negative price", 2), r"row 3 \(from 0\): low must be a positive, finite price"),
        (lasting("string price"), "unreadable bar"),
        (lasting("bare NaN"), "cut off or no list"),
        (lasting("truncated JSON"), "cut off or no list"),
    ],
)
def test_a_lie_that_stays_is_refused_by_name(server: Server, fault: Fault, told: str) -> None:
    server.exchange.faults, server.exchange.now_ms = [fault], milliseconds(NEXT + timedelta(days=1)) + 30_000
    with pytest.raises(CandleError, match=told):
        door(server.url, max_attempts=2).candles("BTC-USDT", DAY, DAY)


def test_a_contradiction_that_stays_comes_as_it_is_told_and_is_asked_for_twice_more(server: Server) -> None:
    server.exchange.faults = [lasting("revised candle", at=200)]
    read = door(server.url).candles("BTC-USDT", DAY, DAY)
    assert read.join(truth(BTC), on=truth(BTC).columns, how="anti").height == 1
    again = [int(query["startTime"]) - milliseconds(DAY) for query in asked(server)][2:]
    assert again == [180 * MINUTE_MS] * 2


def test_a_stream_that_nobody_reads_to_its_end_stops(server: Server) -> None:
    pieces = door(server.url).stream([Span(book.symbol, DAY, NEXT) for book in (BTC, ETH)])
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert list(door(server.url).stream([Span("ETH-USDT", DAY, DAY)]))


def test_the_hours_are_the_exchanges_own(server: Server) -> None:
    hours = door(server.url).hourly("BTC-USDT", DAY, NEXT)
    assert hours is not None
    assert hours.height == 48
    assert (hours["known_at"] - hours["ts"]).unique().to_list() == [timedelta(hours=1)]
    assert {query["interval"] for query in asked(server, "1h")} == {"1h"}
    assert not asked(server, "1m")


def test_an_unknown_symbol_is_answered_with_the_nearest(server: Server) -> None:
    with pytest.raises(MarketError, match="BTC-USDC: did you mean BTC-USDT"):
        door(server.url).candles("BTC-USDC", DAY, DAY)


def test_a_renamed_symbol_is_unknown_and_stops_no_other(server: Server) -> None:
    server.exchange.faults = [Fault("symbol rename", symbol="BTC-USDT")]
    pieces = list(door(server.url).stream([Span(book.symbol, DAY, DAY) for book in (BTC, ETH)]))
    errors = [str(piece.candles) for piece in pieces if isinstance(piece.candles, MarketError)]
    assert len(errors) == 1
    assert "does not know the symbol BTC-USDT" in errors[0]


def test_a_delisted_symbol_ends_on_its_day(server: Server) -> None:
    server.exchange.books["BTCUSDT"] = Book("BTC-USDT", BTC.truth, milliseconds(DAY) + 700 * MINUTE_MS)
    heights = [piece.candles.height for piece in door(server.url).stream([Span("BTC-USDT", DAY, NEXT)])]  # type: ignore[union-attr]
    assert heights == [700, 0]


def test_an_unknown_exchange_is_a_setting_to_correct(server: Server) -> None:
    with pytest.raises(SettingsError, match="binance"):
        door(server.url, id="binanse").candles("BTC-USDT", DAY, DAY)


def test_the_first_day_is_that_of_the_first_candle_and_asked_for_once(server: Server) -> None:
    source = door(server.url)
    assert [source.first_day("BTC-USDT") for _ in range(2)] == [DAY, DAY]
    assert source.first_day("XRP-USDT") is None
    assert len(asked(server)) == 1


def test_the_list_of_markets_is_read_once(server: Server) -> None:
    source = door(server.url)
    for _ in range(2):
        source.candles("BTC-USDT", DAY, DAY)
    assert sum(path == "/api/v3/exchangeInfo" for path, _ in server.exchange.asked) == 1


def test_an_exchange_without_raw_klines_gives_unified_candles(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Binance US speaks Binance's language; taken off the list it is read as any other exchange."""
    monkeypatch.setattr("huracan_assets.market.exchange.session.BINANCE", ())
    monkeypatch.setattr("huracan_assets.market.exchange.client.BINANCE", ())
    read = door(server.url, id="binanceus").candles("BTC-USDT", DAY, DAY)
    optional = ["quote_volume", "trades", "taker_buy_volume"]
    assert read.drop(optional).equals(truth(BTC).drop(optional))
    assert all(read[name].null_count() == read.height for name in optional)


def test_a_proxy_carries_every_request(server: Server) -> None:
    source = door("http://exchange.invalid", proxy=server.url)
    assert source.candles("BTC-USDT", DAY, DAY).equals(truth(BTC))


def test_the_recorded_markets_of_binance_load(server: Server, shared: Path) -> None:
    recorded = shared / "data" / "rest" / "binance_spot_exchangeInfo_2021-10-12.json.gz"
    server.exchange.info = json.loads(gzip.decompress(recorded.read_bytes()))
    assert door(server.url).candles("BTC-USDT", DAY, DAY).equals(truth(BTC))


def test_requests_keep_to_the_published_limit(server: Server) -> None:
    """ccxt's figure for klines: 50 a second, Binance's 6,000 of weight a minute at 2 a page."""
    days = days_between(DAY, NEXT)
    list(
        door(server.url, rate_limit=True, concurrency=16).stream(
            [Span(b.symbol, day, day) for b in (BTC, ETH) for day in days]
        )
    )
    exchange: Any = server.exchange
    took = exchange.asked_at[-1] - exchange.asked_at[0]
    assert len(exchange.asked_at) == 12
    assert took >= 0.018 * 11


def test_a_moment_in_the_middle_of_a_day_is_read_as_utc() -> None:
    assert milliseconds(datetime(2024, 2, 29, 12, tzinfo=UTC)) == milliseconds(DAY) + 12 * 3_600_000


def test_a_ban_outlives_the_session_that_met_it(server: Server) -> None:
    server.exchange = Banning.of([BTC], AFTER_MS)
    source = door(server.url)
    for _ in range(2):
        with pytest.raises(MarketError, match="no request within 7200 s"):
            source.hourly("BTC-USDT", DAY, DAY)
        assert sum(path == "/api/v3/klines" for path, _ in server.exchange.asked) == 1
