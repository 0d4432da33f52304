"""The exchange door: the real ccxt client against a small exchange on the loopback interface."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from huracan_assets.days import utc_now
from huracan_assets.errors import CandleError, MarketError, SettingsError
from huracan_assets.market.exchange import ExchangeSource
from huracan_assets.settings import ExchangeSettings
from huracan_assets_tests.market.test_contract import DAY, good_day

NEXT = DAY + timedelta(days=1)
AFTER = datetime(2024, 3, 5, tzinfo=UTC)


def klines(day: date = DAY) -> list[list[Any]]:
    """A good day as Binance answers it: numbers as text, twelve places."""
    return [
        [
            int(row["ts"].timestamp() * 1000),
            *(str(row[name]) for name in ("open", "high", "low", "close", "volume")),
            int(row["ts"].timestamp() * 1000) + 59_999,
            str(row["quote_volume"]),
            row["trades"],
            str(row["taker_buy_volume"]),
            "0",
            "0",
        ]
        for row in good_day(day).iter_rows(named=True)
    ]


def market(symbol: str, base: str, quote: str) -> dict[str, Any]:
    """One entry of exchangeInfo, with what ccxt reads of it."""
    return {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": quote,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "isSpotTradingAllowed": True,
        "permissions": ["SPOT"],
        "filters": [],
    }


@dataclass
class Exchange:
    """What the server answers, and what it was asked."""

    url: str = ""
    info: dict[str, Any] = field(default_factory=dict)
    bars: list[list[Any]] = field(default_factory=list)
    page_cap: int = 1000
    troubles: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    alter: Callable[[list[list[Any]], int], list[list[Any]]] = lambda page, number: page
    asked: list[dict[str, str]] = field(default_factory=list)

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        if path == "/api/v3/exchangeInfo":
            return 200, {}, self.info
        if path != "/api/v3/klines":
            return 404, {}, {"code": -1, "msg": f"no such path {path}"}
        self.asked.append(query)
        if self.troubles:
            status, headers = self.troubles.pop(0)
            return status, headers, {"code": -1003, "msg": "Too many requests."}
        first, last = int(query["startTime"]), int(query.get("endTime", 10**15))
        found = [bar for bar in self.bars if first <= bar[0] <= last]
        page = found[: min(int(query["limit"]), self.page_cap)]
        return 200, {}, self.alter([list(bar) for bar in page], len(self.asked))


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    """A spot exchange with one day of BTC/USDT."""
    state = Exchange(bars=klines())
    state.info = {"symbols": [market("BTCUSDT", "BTC", "USDT"), market("ETHUSDT", "ETH", "USDT")]}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            status, headers, body = state.answer(parts.path, query)
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def door(exchange: Exchange, now: datetime = AFTER, attempts: int = 3, **changes: Any) -> ExchangeSource:
    """A source that knows only the loopback exchange."""
    fields = {
        "id": "binance",
        "base_url": exchange.url,
        "proxy": None,
        "timeout_s": 5.0,
        "max_attempts": attempts,
    }
    return ExchangeSource(ExchangeSettings(**{**fields, **changes}), seed=1, now=lambda: now)


@pytest.mark.parametrize("page_cap", [1000, 499, 2])
def test_pages_of_any_size_make_the_same_candles(exchange: Exchange, page_cap: int) -> None:
    exchange.page_cap = page_cap
    if page_cap == 2:
        exchange.bars = exchange.bars[:40]
    read = door(exchange).candles("BTC-USDT", DAY, DAY)
    assert read.equals(good_day()[: len(exchange.bars)])


def test_each_page_begins_with_the_last_bar_of_the_one_before(exchange: Exchange) -> None:
    door(exchange).candles("BTC-USDT", DAY, NEXT)
    starts = [int(query["startTime"]) for query in exchange.asked]
    assert starts[:2] == [exchange.bars[0][0], exchange.bars[999][0]]
    assert {query["symbol"] for query in exchange.asked} == {"BTCUSDT"}


def test_a_hole_wider_than_a_page_is_stepped_over_and_stays_a_hole(exchange: Exchange) -> None:
    exchange.bars = [*exchange.bars[:100], *klines(NEXT)[:50]]
    read = door(exchange).candles("BTC-USDT", DAY, NEXT)
    assert read.height == 150
    assert read["ts"].diff().max() == timedelta(minutes=1341)


@pytest.mark.parametrize(("seconds", "bars"), [(59, 9), (61, 9), (63, 10)])
def test_only_closed_candles_come(exchange: Exchange, seconds: int, bars: int) -> None:
    now = good_day()["ts"][9] + timedelta(seconds=seconds)
    assert door(exchange, now=now).candles("BTC-USDT", DAY, DAY).height == bars


def test_days_that_have_not_begun_are_empty_and_not_asked_for(exchange: Exchange) -> None:
    now = datetime(2024, 2, 28, tzinfo=UTC)
    assert door(exchange, now=now).candles("BTC-USDT", DAY, DAY).is_empty()
    assert not exchange.asked


@pytest.mark.parametrize("status", [429, 418, 503])
def test_trouble_that_passes_is_waited_out(exchange: Exchange, status: int) -> None:
    exchange.troubles = [(status, {"Retry-After": "0"}), (status, {})]
    assert door(exchange).candles("BTC-USDT", DAY, DAY).equals(good_day())


def test_the_wait_that_the_exchange_asks_for_is_kept(exchange: Exchange) -> None:
    exchange.troubles = [(429, {"Retry-After": "1"})]
    exchange.bars = exchange.bars[:5]
    begun = utc_now()
    door(exchange).candles("BTC-USDT", DAY, DAY)
    assert utc_now() - begun >= timedelta(seconds=1)


def test_a_long_ban_is_told_at_once(exchange: Exchange) -> None:
    exchange.troubles = [(418, {"Retry-After": "7200"})]
    with pytest.raises(MarketError, match=r"due in 7200 s"):
        door(exchange).candles("BTC-USDT", DAY, DAY)
    assert len(exchange.asked) == 1


def test_trouble_that_stays_is_given_up_after_the_attempts(exchange: Exchange) -> None:
    exchange.troubles = [(429, {"Retry-After": "0"})] * 10
    with pytest.raises(MarketError, match=r"exchange binance did not give candles of BTC/USDT .*attempt 3"):
        door(exchange).candles("BTC-USDT", DAY, DAY)
    assert len(exchange.asked) == 3


def test_an_exchange_that_is_not_there_is_told(exchange: Exchange) -> None:
    with pytest.raises(MarketError, match="list of markets"):
        door(exchange, attempts=1, base_url="http://127.0.0.1:9").candles("BTC-USDT", DAY, DAY)


def revised(page: list[list[Any]], number: int) -> list[list[Any]]:
    """The overlapping bar of the second page with another volume."""
    if number == 2:
        page[0][5] = "123.0"
    return page


def doubled(page: list[list[Any]], number: int) -> list[list[Any]]:
    return [*page[:5], *page[4:]]


def unsorted(page: list[list[Any]], number: int) -> list[list[Any]]:
    return [page[0], page[2], page[1], *page[3:]]


def earlier(page: list[list[Any]], number: int) -> list[list[Any]]:
    """Pages that always begin where history does."""
    return klines()[:10] if number > 1 else page


def infinite(page: list[list[Any]], number: int) -> list[list[Any]]:
    page[3][2] = "inf"
    return page


def words(page: list[list[Any]], number: int) -> list[list[Any]]:
    page[3][2] = "high"
    return page


@pytest.mark.parametrize(
    ("alter", "told"),
    [
        (revised, "changed the bar of BTC-USDT at 2024-02-29 16:39"),
        (doubled, "no two rows may have the same ts"),
        (unsorted, "rows must be sorted"),
        (earlier, "does not heed the start of a page"),
        (infinite, r"2024-02-29 00:03:00, row 3 \(from 0\): high must be a positive, finite price"),
        (words, "unreadable bar"),
    ],
)
def test_a_page_that_lies_is_refused(exchange: Exchange, alter: Any, told: str) -> None:
    exchange.alter = alter
    with pytest.raises(CandleError, match=told):
        door(exchange).candles("BTC-USDT", DAY, DAY)


def test_an_unknown_symbol_is_answered_with_the_nearest(exchange: Exchange) -> None:
    with pytest.raises(MarketError, match="BTC-USDC: did you mean BTC-USDT"):
        door(exchange).candles("BTC-USDC", DAY, DAY)


def test_an_unknown_exchange_is_a_setting_to_correct(exchange: Exchange) -> None:
    with pytest.raises(SettingsError, match="binance"):
        door(exchange, id="binanse").candles("BTC-USDT", DAY, DAY)


def test_the_first_day_is_that_of_the_first_candle(exchange: Exchange) -> None:
    source = door(exchange)
    assert source.first_day("BTC-USDT") == DAY
    assert source.first_day("XRP-USDT") is None
    assert source.funding("BTC-USDT", DAY, DAY) is None


def test_an_exchange_without_raw_klines_gives_unified_candles(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Binance US speaks Binance's language; taken off the list it is read as any other exchange."""
    monkeypatch.setattr("huracan_assets.market.exchange.RAW_KLINES", ())
    read = door(exchange, id="binanceus").candles("BTC-USDT", DAY, DAY)
    optional = ["quote_volume", "trades", "taker_buy_volume"]
    assert read.drop(optional).equals(good_day().drop(optional))
    assert all(read[name].null_count() == read.height for name in optional)


def test_a_proxy_carries_every_request(exchange: Exchange) -> None:
    source = door(exchange, base_url="http://exchange.invalid", proxy=exchange.url)
    assert source.candles("BTC-USDT", DAY, DAY).equals(good_day())


def test_the_recorded_markets_of_binance_load(exchange: Exchange, shared: Path) -> None:
    recorded = shared / "data" / "rest" / "binance_spot_exchangeInfo_2021-10-12.json.gz"
    exchange.info = json.loads(gzip.decompress(recorded.read_bytes()))
    assert door(exchange).candles("BTC-USDT", DAY, DAY).equals(good_day())
