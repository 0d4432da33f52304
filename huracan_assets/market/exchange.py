"""Candles from an exchange's public endpoints through ccxt; the one place that knows `BTC/USDT`.

Binance's own klines are read raw, since ccxt's unified candles drop quote volume, trades and taker-buy
volume; other exchanges give the unified ones, and these columns are null. Pages overlap by one bar, which
must come back the same: a bar that changed was not closed, or the page is of something else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import numpy as np
import polars as pl

from huracan_assets.days import DAY, midnight, utc_now
from huracan_assets.errors import CandleError, MarketError, SettingsError
from huracan_assets.market.contract import OPTIONAL, REQUIRED, TIME, empty_candles, to_candles, validate_range
from huracan_assets.market.source import unknown_symbol
from huracan_assets.settings import ExchangeSettings

if TYPE_CHECKING:
    from ccxt.async_support.base.exchange import Exchange

PAGE = 1000
MINUTE_MS = 60_000
CLOSE_GRACE = timedelta(seconds=2)  # an exchange may still write a bar just after its end
BACKOFF_FIRST_S, BACKOFF_MOST_S = 0.5, 30.0
LONGEST_WAIT_S = 300.0  # a ban that lasts longer is told, not sat out
RAW_KLINES = ("binance", "binanceus")
# Places in a raw kline: open time, OHLCV, (close time), quote volume, trades, taker-buy base volume.
KLINE_PLACES = dict(zip((*REQUIRED, *OPTIONAL), (0, 1, 2, 3, 4, 5, 7, 8, 9), strict=True))
UNIFIED_PLACES = dict(zip(REQUIRED, range(6), strict=True))

Row = list[Any]
Market = dict[str, Any]
T = TypeVar("T")


class ExchangeSource:
    """A `MarketSource` over one exchange's spot market.

    Args:
        settings: `market.exchange`.
        seed: of the jitter between attempts.
        now: the clock.
    """

    def __init__(self, settings: ExchangeSettings, *, seed: int, now: Callable[[], datetime] = utc_now) -> None:
        self._settings = settings
        self._jitter = np.random.default_rng(seed)
        self._now = now
        self._markets: list[Market] | None = None

    @property
    def name(self) -> str:
        """ccxt's name of the exchange."""
        return f"exchange {self._settings.id}"

    def candles(self, symbol: str, first: date, last: date) -> pl.DataFrame:
        """See `MarketSource.candles`; of a day that has not ended, the closed bars.

        Raises:
            MarketError: the symbol is unknown, or the exchange did not answer within `max_attempts`.
            CandleError: a bar changed between two pages, or breaks the contract.
        """
        begin = _milliseconds(midnight(first))
        closed = _milliseconds(self._now() - CLOSE_GRACE) // MINUTE_MS * MINUTE_MS
        end = min(_milliseconds(midnight(last + DAY)), closed)
        if begin >= end:
            return empty_candles()
        rows = self._with_client(lambda client: self._all_rows(client, symbol, begin, end))
        origin = f"{self.name} at {self._settings.base_url}" if self._settings.base_url else self.name
        return validate_range(self._frame(rows, symbol), symbol=symbol, first=first, last=last, origin=origin)

    def funding(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """None: a spot market has no funding."""
        return None

    def first_day(self, symbol: str) -> date | None:
        """See `MarketSource.first_day`."""

        async def ask(client: Exchange) -> list[Row]:
            market = (await self._spot_markets(client)).get(symbol)
            return await self._page(client, market, 0, None, 1) if market else []

        rows = self._with_client(ask)
        return datetime.fromtimestamp(int(rows[0][0]) / 1000, UTC).date() if rows else None

    def _with_client(self, work: Callable[[Exchange], Coroutine[Any, Any, T]]) -> T:
        async def run() -> T:
            client = _client(self._settings)
            try:
                return await work(client)
            finally:
                await client.close()

        return asyncio.run(run())

    async def _spot_markets(self, client: Exchange) -> dict[str, Market]:
        """ccxt's spot markets by our names; loaded once, then handed to each new client."""
        if self._markets is None:
            loaded = await self._patiently(client, client.load_markets, "its list of markets")
            self._markets = list(loaded.values())
        else:
            client.set_markets(self._markets)
        return {market["symbol"].replace("/", "-"): market for market in self._markets if market["spot"]}

    async def _all_rows(self, client: Exchange, symbol: str, begin: int, end: int) -> list[Row]:
        """Every bar with `begin` <= open time < `end`, both in ms, page after page."""
        markets = await self._spot_markets(client)
        if symbol not in markets:
            raise unknown_symbol(symbol, markets.keys(), self.name)
        rows: list[Row] = []
        since = begin
        while since < end:
            page = await self._page(client, markets[symbol], since, end, PAGE)
            fresh = [row for row in self._fresh(rows, page, since, symbol) if int(row[0]) < end]
            rows += fresh
            if fresh:
                # The last bar comes again with the next page, unless it is the very last.
                since = int(rows[-1][0]) if int(rows[-1][0]) + MINUTE_MS < end else end
            elif client.id in RAW_KLINES:
                break  # these answer with the bars after a hole: none means that there are no more
            else:
                since += PAGE * MINUTE_MS
        return rows

    def _fresh(self, rows: list[Row], page: list[Row], since: int, symbol: str) -> list[Row]:
        """The page without the overlapping bar, which must not have changed."""
        if page and int(page[0][0]) < since:
            raise CandleError(
                f"{self.name} answered for {symbol} with bars from {_moment(page[0][0])} where "
                f"{_moment(since)} was asked for: it does not heed the start of a page"
            )
        if not rows or int(rows[-1][0]) != since:
            return page
        if not page or page[0] != rows[-1]:
            raise CandleError(
                f"{self.name} changed the bar of {symbol} at {_moment(since)} between two pages, "
                f"from {rows[-1]} to {page[0] if page else 'none'}: ask again"
            )
        return page[1:]

    async def _page(self, client: Exchange, market: Market, since: int, end: int | None, limit: int) -> list[Row]:
        """At most `limit` bars from `since` on (ms), as the exchange gives them."""
        what = f"candles of {market['symbol']} from {_moment(since)}"
        if client.id in RAW_KLINES:
            query = {"symbol": market["id"], "interval": "1m", "startTime": since, "limit": limit}
            if end is not None:
                query["endTime"] = end - 1
            page = await self._patiently(client, lambda: client.publicGetKlines(query), what)
        else:
            page = await self._patiently(
                client, lambda: client.fetch_ohlcv(market["symbol"], "1m", since=since, limit=limit), what
            )
        if not isinstance(page, list):
            raise MarketError(f"{self.name} answered with {str(page)[:200]!r} instead of {what}: ask later")
        return page

    async def _patiently(self, client: Exchange, ask: Callable[[], Awaitable[Any]], what: str) -> Any:
        """The answer; errors of the network and of rate limits are met with up to `max_attempts` attempts."""
        import ccxt

        attempt = 0
        while True:
            attempt += 1
            try:
                return await ask()
            except ccxt.NetworkError as error:
                wait = self._wait_s(client, error, attempt)
                if attempt == self._settings.max_attempts or wait > LONGEST_WAIT_S:
                    why = f"attempt {attempt} failed and the next is due in {wait:.0f} s ({error})"
                    raise MarketError(f"{self.name} did not give {what}: {why}; ask later") from error
                await asyncio.sleep(wait)
            except ccxt.BaseError as error:
                raise MarketError(f"{self.name} refused {what}: {error}") from error

    def _wait_s(self, client: Exchange, error: Exception, attempt: int) -> float:
        """Seconds until the next attempt: what the exchange asks for, else exponential, capped, jittered."""
        import ccxt

        headers = {name.lower(): value for name, value in (client.last_response_headers or {}).items()}
        asked = str(headers.get("retry-after", ""))
        if isinstance(error, ccxt.DDoSProtection | ccxt.RateLimitExceeded) and asked.isdigit():
            return float(asked)
        longest = min(BACKOFF_MOST_S, BACKOFF_FIRST_S * 2.0 ** (attempt - 1))
        return longest * float(self._jitter.uniform(0.5, 1.0))

    def _frame(self, rows: list[Row], symbol: str) -> pl.DataFrame:
        """Rows as candles; a cell that is no number is an error that names the bar."""
        places = KLINE_PLACES if self._settings.id in RAW_KLINES else UNIFIED_PLACES
        columns: dict[str, list[Any]] = {name: [] for name in places}
        for row in rows:
            try:
                for name, place in places.items():
                    columns[name].append(int(row[place]) if name in ("ts", "trades") else float(row[place]))
            except (TypeError, ValueError, IndexError) as error:
                raise CandleError(f"{self.name}: {symbol} has an unreadable bar, {row}: {error}") from error
        if not rows:
            return empty_candles()
        return to_candles(pl.DataFrame(columns).with_columns((pl.col("ts") * 1000).cast(TIME)))


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _moment(milliseconds: int | str) -> str:
    return f"{datetime.fromtimestamp(int(milliseconds) / 1000, UTC):%Y-%m-%d %H:%M}"


def _client(settings: ExchangeSettings) -> Exchange:
    """A client without credentials, of spot markets only.

    Raises:
        SettingsError: ccxt knows no exchange of this name.
    """
    import ccxt.async_support as ccxt

    if settings.id not in ccxt.exchanges:
        near = get_close_matches(settings.id, ccxt.exchanges, n=3)
        raise SettingsError(f"market.exchange.id {settings.id} is no exchange of ccxt; nearest: {near}")
    options: dict[str, Any] = {"defaultType": "spot"}
    if settings.id in RAW_KLINES:
        options["fetchMarkets"] = {"types": ["spot"]}
    client: Exchange = getattr(ccxt, settings.id)({"timeout": int(settings.timeout_s * 1000), "options": options})
    if settings.base_url:
        client.urls["api"] = _moved(client.urls["api"], settings.base_url.rstrip("/"))
    if settings.proxy:
        kind = urlsplit(settings.proxy).scheme
        if kind.startswith("socks"):
            client.socksProxy = settings.proxy
        elif (settings.base_url or "https").startswith("https"):
            client.httpsProxy = settings.proxy
        else:
            client.httpProxy = settings.proxy
    return client


def _moved(urls: Any, base_url: str) -> Any:
    """ccxt's addresses with another scheme and host, their paths kept; also those nested in dictionaries."""
    if isinstance(urls, dict):
        return {name: _moved(url, base_url) for name, url in urls.items()}
    return base_url + urlsplit(urls).path if isinstance(urls, str) else urls
