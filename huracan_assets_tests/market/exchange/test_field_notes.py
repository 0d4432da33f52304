"""How users of other projects lost data (field notes 3.5): each way is planted here, for some answers and for good."""

from __future__ import annotations

from collections import Counter
from datetime import date

import polars as pl
import pytest

from huracan_assets.days import DAY
from huracan_assets.errors import CandleError, MarketError
from huracan_assets.market.reaggregation import disagreements, hours_with_more
from huracan_assets.market.source import Span
from huracan_assets_tests.market.exchange_emulator.books import HOUR_MS, Book, made_book, milliseconds
from huracan_assets_tests.market.exchange_emulator.door import door
from huracan_assets_tests.market.exchange_emulator.exchange import Exchange
from huracan_assets_tests.market.exchange_emulator.faults import Answer, Fault, Row
from huracan_assets_tests.market.exchange_emulator.server import Server

FIRST = date(2024, 2, 29)
SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT", "XRP-USDT")
BTC = made_book("BTC-USDT", FIRST, FIRST)
AFTER_MS = milliseconds(FIRST + DAY) + 30_000
SIX = milliseconds(FIRST) + 6 * HOUR_MS


@pytest.fixture
def server(listening: Server) -> Server:
    """A server whose exchange lists BTC for a day."""
    listening.exchange = Exchange.of([BTC], AFTER_MS)
    return listening


def read(server: Server) -> pl.DataFrame:
    return door(server.url).candles("BTC-USDT", FIRST, FIRST)


def questions(server: Server) -> list[tuple[tuple[str, str], ...]]:
    """The questions for minute candles, in order."""
    asked = [query for path, query in server.exchange.asked if path == "/api/v3/klines"]
    return [tuple(sorted(query.items())) for query in asked if query["interval"] == "1m"]


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("page cap", 0),  # 100 of a page, whatever is asked for: a third of the exchanges of ccxt #2937
        ("page cap", 3),  # ccxt #21069: a cap that the documentation does not tell
        ("limit minus one", 0),  # ccxt #12341, #21049: 99 of 100
    ],
)
def test_a_page_shorter_than_asked_for_is_no_end_of_data(server: Server, kind: str, number: int) -> None:
    server.exchange.faults = [Fault(kind, None, "BTC-USDT", number=number)]
    assert read(server).equals(BTC.truth)


def test_a_page_of_one_bar_does_not_loop(server: Server) -> None:
    """ccxt #19476: `since` set to the last bar's time returns that bar for ever."""

    class OneBar(Exchange):
        def _misheard(self, fault: Fault, begin: int, end: int, limit: int) -> tuple[int, int, int]:
            return begin, end, 1

    short = Book("BTC-USDT", BTC.truth.head(7))
    server.exchange = OneBar.of([short], AFTER_MS, [Fault("page cap", None, "BTC-USDT")])
    assert read(server).equals(short.truth)
    assert max(Counter(questions(server)).values()) == 2  # as the first of a page, and as the overlap with the next


def test_an_hour_that_all_symbols_miss_is_asked_for_again(server: Server) -> None:
    """ccxt #8068: every symbol missed 06:00 to 06:59, for as long as the exchange did not tell it."""
    books = [made_book(symbol, FIRST, FIRST) for symbol in SYMBOLS]
    faults = [Fault("missing hour", 2, symbol, SIX) for symbol in SYMBOLS]
    server.exchange = Exchange.of(books, AFTER_MS, faults)
    for piece in door(server.url).stream([Span(symbol, FIRST, FIRST) for symbol in SYMBOLS]):
        assert isinstance(piece.candles, pl.DataFrame)
        assert piece.candles.equals(server.exchange.books[piece.symbol.replace("-", "")].truth)


def test_an_hour_that_stays_missing_stays_absent_and_is_told_by_the_hours(server: Server) -> None:
    server.exchange.faults = [Fault("missing hour", None, "BTC-USDT", SIX)]
    source = door(server.url)
    candles, hourly = source.candles("BTC-USDT", FIRST, FIRST), source.hourly("BTC-USDT", FIRST, FIRST)
    assert hourly is not None
    assert candles.height == 1380
    assert hours_with_more(candles, hourly).dt.hour().to_list() == [6]


def test_minutes_without_a_trade_that_the_exchange_leaves_out_are_not_missing(server: Server) -> None:
    """ccxt #3254, freqtrade #1454: sparse arrays. What is absent stays so, is not filled, and shifts nothing."""
    sparse = BTC.truth.filter(pl.int_range(pl.len()) % 7 != 3)
    server.exchange.books["BTCUSDT"] = Book("BTC-USDT", sparse)
    source = door(server.url)
    candles, hourly = source.candles("BTC-USDT", FIRST, FIRST), source.hourly("BTC-USDT", FIRST, FIRST)
    assert hourly is not None
    assert candles.equals(sparse)
    assert hours_with_more(candles, hourly).is_empty()
    assert len(questions(server)) == 2


@pytest.mark.parametrize("number", [0, 1])
def test_a_default_range_instead_of_the_one_asked_for_is_refused(server: Server, number: int) -> None:
    """ccxt #5683: what an exchange returns for a `since` that it does not heed is its own choice."""
    later = made_book("BTC-USDT", FIRST - DAY, FIRST + DAY)
    server.exchange = Exchange.of([later], AFTER_MS + 86_400_000, [Fault("ignored since", None, "BTC-USDT", 0, number)])
    with pytest.raises(CandleError, match="does not heed the start of a page"):
        read(server)


@pytest.mark.parametrize("kind", ["5xx", "truncated JSON", "connection cut", "429", "418"])
def test_a_failed_question_is_asked_again_and_its_answer_used(server: Server, kind: str) -> None:
    """ccxt #8599: the official retry example returns nothing after the first exception."""
    server.exchange.faults = [Fault(kind, 1, "BTC-USDT")]
    assert read(server).equals(BTC.truth)
    asked = [query for path, query in server.exchange.asked if path == "/api/v3/klines"]
    assert asked[0] == asked[1]


def test_a_failing_page_is_asked_again_not_the_whole_span(server: Server) -> None:
    class LateTrouble(Exchange):
        def answer(self, path: str, query: dict[str, str]) -> Answer:
            answer = super().answer(path, query)
            self.faults = [Fault("5xx", 2, "BTC-USDT")] if len(self.asked) == 5 else self.faults
            return answer

    server.exchange = LateTrouble.of([BTC], AFTER_MS)
    assert read(server).equals(BTC.truth)
    assert list(Counter(questions(server)).values()) == [1, 3]


def test_an_empty_answer_under_load_is_no_empty_day(server: Server) -> None:
    """freqtrade #11460: one in four pairs loaded with empty candles."""
    server.exchange.faults = [Fault("empty answer", 2, "BTC-USDT")]
    assert read(server).equals(BTC.truth)


def test_an_answer_that_stays_empty_leaves_a_day_without_candles(server: Server) -> None:
    server.exchange.faults = [Fault("empty answer", None, "BTC-USDT")]
    assert read(server).is_empty()


def test_a_revised_candle_is_healed_where_the_revision_passes(server: Server) -> None:
    server.exchange.faults = [Fault("revised candle", 2, "BTC-USDT", SIX)]
    assert read(server).equals(BTC.truth)


def test_a_revised_candle_that_stays_is_told_by_the_hours(server: Server) -> None:
    server.exchange.faults = [Fault("revised candle", None, "BTC-USDT", SIX)]
    source = door(server.url)
    hourly = source.hourly("BTC-USDT", FIRST, FIRST)
    assert hourly is not None
    told = disagreements(source.candles("BTC-USDT", FIRST, FIRST), hourly)
    assert set(told["column"]) >= {"volume", "quote_volume", "trades"}
    assert told["ts"].dt.hour().unique().to_list() == [6]


class OtherClose(Exchange):
    """Tells another close of the bar at 16:05, which both pages of a day have, for so many answers.

    The hour's own prices and sums do not show it.
    """

    def _told(self, fault: Fault, book: Book, rows: list[Row]) -> list[Row]:
        at = SIX + 10 * HOUR_MS + 5 * 60_000
        place = next((place for place, row in enumerate(rows) if row[0] == at), None)
        if place is None or fault.is_spent:
            return rows
        fault.touch()
        row = rows[place]
        other = row[1 + len(self.asked) % 3]
        return [*rows[:place], [*row[:4], other, *row[5:]], *rows[place + 1 :]]


def test_a_bar_that_two_pages_tell_differently_counts_once_it_came_the_same_way_twice(server: Server) -> None:
    server.exchange = OtherClose.of([BTC], AFTER_MS, [Fault("revised candle", 1, "BTC-USDT")])
    assert read(server).equals(BTC.truth)
    assert len(questions(server)) == 3


def test_a_bar_that_is_told_differently_each_time_is_refused(server: Server) -> None:
    server.exchange = OtherClose.of([BTC], AFTER_MS, [Fault("revised candle", None, "BTC-USDT")])
    with pytest.raises(CandleError, match="BTC/USDT in the hour of 2024-02-29 16:00 differently each time"):
        read(server)


def test_the_error_after_the_last_attempt_says_what_was_asked_and_what_to_do(server: Server) -> None:
    server.exchange.faults = [Fault("5xx", None, "BTC-USDT")]
    with pytest.raises(MarketError, match=r"candles of BTC/USDT from 2024-02-29 00:00: attempt 4 failed .*; ask later"):
        read(server)
