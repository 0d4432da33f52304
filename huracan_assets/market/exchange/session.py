"""A conversation with an exchange: questions asked until they are answered, its markets, and its clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from huracan_assets.days import midnight, utc_now
from huracan_assets.errors import CandleError, MarketError
from huracan_assets.market.exchange.client import BINANCE, Gate, Kind, connect
from huracan_assets.market.source import unknown_symbol
from huracan_assets.settings import ExchangeSettings

if TYPE_CHECKING:
    from ccxt.async_support.base.exchange import Exchange

Market = dict[str, Any]
T = TypeVar("T")


class UnsoundAnswer(Exception):  # noqa: N818
    """An answer that cannot be true. It is asked for again before anybody hears of it."""


def _as_it_came(answer: Any) -> Any:
    return answer


@dataclass
class Session:
    """One client for all symbols, behind one gate, with one set of slots.

    Attributes:
        binance: whether the exchange speaks Binance's own language.
        closed_ms: by the exchange's clock when the conversation began, less the grace: what ended before is closed.
    """

    client: Exchange
    settings: ExchangeSettings
    kind: Kind
    gate: Gate
    slots: asyncio.Semaphore
    jitter: np.random.Generator
    markets: dict[str, Market]
    closed_ms: int = 0

    @property
    def binance(self) -> bool:
        """See the attributes."""
        return self.settings.id in BINANCE

    @property
    def name(self) -> str:
        """The exchange, with its address where that is not ccxt's own."""
        return exchange_name(self.settings)

    def market(self, symbol: str) -> Market:
        """ccxt's market of a symbol.

        Raises:
            MarketError: the exchange does not list it; the message names the nearest.
        """
        if symbol not in self.markets:
            raise unknown_symbol(symbol, self.markets.keys(), self.name)
        return self.markets[symbol]

    async def ask(self, call: Callable[[], Awaitable[Any]], what: str, read: Callable[[Any], T] = _as_it_came) -> T:
        """The answer, as `read` reads it.

        Network errors, refusals for lack of room and answers that are cut off or unsound are met with up to
        `max_attempts` attempts. Between them lies what the exchange asks for, else `backoff_s`.

        Raises:
            CandleError: the last answer was unsound; says why.
            MarketError: the exchange refused, or gave no answer; says why.
        """
        import ccxt

        for attempt in range(1, self.settings.max_attempts + 1):
            try:
                async with self.slots:
                    return read(await call())
            except UnsoundAnswer as error:
                failure: MarketError = CandleError(f"{self.name} answered with {what} {attempt} times, but {error}")
                failure.__cause__ = error
                await self._wait(attempt)
            except ccxt.BaseError as error:
                if not _may_pass(error):
                    raise MarketError(f"{self.name} refused {what}: {error}") from error
                failure = MarketError(f"{self.name} did not give {what}: attempt {attempt} failed ({error}); ask later")
                failure.__cause__ = error
                if isinstance(error, ccxt.DDoSProtection | ccxt.RateLimitExceeded) and not self.gate.wait_s:
                    self.gate.shut(self._backoff_s(attempt))
                elif not self.gate.wait_s:
                    await self._wait(attempt)
            except MarketError as error:
                raise MarketError(f"{self.name} did not give {what}: {error}") from error
        raise failure

    async def _wait(self, attempt: int) -> None:
        if attempt < self.settings.max_attempts:
            await asyncio.sleep(self._backoff_s(attempt))

    def _backoff_s(self, attempt: int) -> float:
        draw = float(self.jitter.uniform())
        return backoff_s(attempt, draw, self.settings.backoff_first_s, self.settings.backoff_most_s)

    async def load(self, known: list[Market]) -> None:
        """Read the exchange's markets, unless they are `known`, and its clock; of two looks the earlier one counts.

        Raises:
            MarketError: as `ask`.
        """
        if known:
            self.client.set_markets(known)
        else:
            known += await self.ask(lambda: self.client.load_markets(True), "its list of markets", _listed)
        wanted = [market for market in known if market[self.kind] and (self.kind == "spot" or market["swap"])]
        self.markets = {f"{market['base']}-{market['quote']}": market for market in wanted}
        clock_ms = min(await self.clock_ms(), await self.clock_ms())
        self.closed_ms = int(clock_ms - self.settings.close_grace_s * 1000.0)

    async def clock_ms(self) -> float:
        """The exchange's clock in ms; this machine's where the exchange shows none.

        Raises:
            MarketError: as `ask`.
        """
        if not self.client.has["fetchTime"]:
            return utc_now().timestamp() * 1000.0
        return await self.ask(self.client.fetch_time, "its clock", _time)


def exchange_name(settings: ExchangeSettings) -> str:
    """The exchange, with its address where that is not ccxt's own."""
    return f"exchange {settings.id}" + (f" at {settings.base_url}" if settings.base_url else "")


@asynccontextmanager
async def converse(
    settings: ExchangeSettings, gate: Gate, seed: int, known: list[Market], kind: Kind = "spot"
) -> AsyncIterator[Session]:
    """A loaded session, closed at the end.

    Args:
        gate: shared by all sessions with the exchange, so that a ban outlives the session that met it.
        seed: of the jitter between attempts.
        known: ccxt's markets from an earlier session; filled where it is empty.

    Raises:
        SettingsError: ccxt knows no such exchange.
        MarketError: it did not give its markets or its clock.
    """
    client = connect(settings, gate, kind)
    slots, jitter = asyncio.Semaphore(settings.concurrency), np.random.default_rng(seed)
    session = Session(client, settings, kind, gate, slots, jitter, {})
    try:
        await session.load(known)
        yield session
    finally:
        await client.close()


def backoff_s(attempt: int, draw: float, first_s: float, most_s: float) -> float:
    """Seconds before the next attempt: a draw from [0, min(most, first * 2^(attempt - 1))].

    "Full jitter" (Brooker 2015): many askers that failed together do not come back together.

    Args:
        attempt: that failed, from 1.
        draw: uniform in [0, 1).
    """
    return draw * min(most_s, first_s * 2.0 ** (attempt - 1))


def milliseconds(day: date) -> int:
    """00:00 UTC of a day, as exchanges count."""
    return int(midnight(day).timestamp()) * 1000


def moment(ms: float) -> str:
    """A time in words."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"


def _may_pass(error: Exception) -> bool:
    """Whether the trouble is of the way, not of the question; ccxt files a body that was cut off under errors."""
    import aiohttp
    import ccxt

    return isinstance(error, ccxt.OperationFailed) or isinstance(error.__cause__, aiohttp.ClientError)


def _listed(markets: Any) -> list[Market]:
    if not isinstance(markets, dict) or not markets:
        raise UnsoundAnswer("it lists no market")
    return list(markets.values())


def _time(clock: Any) -> float:
    if not isinstance(clock, int | float):
        raise UnsoundAnswer(f"it tells no time: {str(clock)[:100]!r}")
    return float(clock)
