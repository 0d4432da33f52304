"""A `MarketSource` over an exchange's public endpoints through ccxt; the one place that knows `BTC/USDT`.

Days of many symbols are fetched at once over one client. Only bars that are closed by the exchange's own clock
are taken; this machine's clock does not matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, date, datetime
from typing import TypeVar

import polars as pl

from huracan_assets.errors import MarketError
from huracan_assets.market.contract import validate_hourly
from huracan_assets.market.exchange import perpetual, tape
from huracan_assets.market.exchange.bars import first_bar_ms
from huracan_assets.market.exchange.client import Gate, Kind
from huracan_assets.market.exchange.day import fetch_hours
from huracan_assets.market.exchange.days import closed_end, fetch_spans, joined
from huracan_assets.market.exchange.session import Market, Session, converse, exchange_name, milliseconds
from huracan_assets.market.source import Piece, Span
from huracan_assets.settings import ExchangeSettings

T = TypeVar("T")


class ExchangeSource:
    """A `MarketSource` over one exchange's spot market, and its perpetuals for what is beside it.

    Args:
        settings: `market.exchange`.
        seed: of the jitter between attempts.
    """

    def __init__(self, settings: ExchangeSettings, *, seed: int) -> None:
        self._settings = settings
        self._gate = Gate(settings.longest_wait_s)
        self._seed = seed
        self._first_days: dict[str, date | None] = {}
        self._markets: dict[Kind, list[Market]] = {"spot": [], "linear": []}

    @property
    def name(self) -> str:
        """ccxt's name of the exchange, and its address where that is a setting."""
        return exchange_name(self._settings)

    def candles(self, symbol: str, first: date, last: date) -> pl.DataFrame:
        """See `MarketSource.candles`; of a day that has not ended, the closed bars.

        Raises:
            MarketError: the symbol is unknown, or the exchange did not answer within `max_attempts`.
            CandleError: bars changed each time they were asked for, or break the contract.
        """
        return joined(self._run([Span(symbol, first, last)], unended=True))

    def stream(self, spans: Sequence[Span]) -> Iterator[Piece]:
        """See `MarketSource.stream`: a day a piece.

        A day that breaks the contract is an error of its own; where the exchange gives no answer at all, the
        days of the symbol that are left are given up with it.
        """
        return self._run(spans, unended=False)

    def hourly(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """See `MarketSource.hourly`.

        Raises:
            MarketError: the exchange did not answer, or the last day has not ended by its clock.
            CandleError: the hours break the contract, or changed each time they were asked for.
        """

        async def ask(session: Session) -> pl.DataFrame:
            begin, end = milliseconds(first), closed_end(session, last, unended=False)
            return await fetch_hours(session, session.market(symbol), begin, end)

        return validate_hourly(self._answer(ask), symbol=symbol, origin=self.name)

    def first_day(self, symbol: str) -> date | None:
        """See `MarketSource.first_day`; asked for once a symbol."""
        if symbol in self._first_days:
            return self._first_days[symbol]

        async def ask(session: Session) -> int | None:
            market = session.markets.get(symbol)
            return await first_bar_ms(session, market) if market else None

        opened = self._answer(ask)
        self._first_days[symbol] = None if opened is None else datetime.fromtimestamp(opened / 1000, UTC).date()
        return self._first_days[symbol]

    def funding(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """See `MarketSource.funding`; None where the exchange has no such perpetual."""
        if not self._settings.perpetuals:
            return None
        return self._answer(lambda session: perpetual.funding(session, symbol, first, last), "linear")

    def open_interest(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """See `MarketSource.open_interest`; the exchange keeps its history for a month."""
        if not self._settings.perpetuals:
            return None
        return self._answer(lambda session: perpetual.open_interest(session, symbol, first, last), "linear")

    def perpetual_candles(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """See `MarketSource.perpetual_candles`: doubted page by page as the spot market's are.

        Raises:
            MarketError: the exchange did not answer, or a day has not ended by its clock.
            CandleError: bars changed each time they were asked for, or break the contract.
        """
        if not self._settings.perpetuals:
            return None
        return self._answer(lambda session: perpetual.candles(session, symbol, first, last), "linear")

    def order_books(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """See `MarketSource.order_books`: the book of this moment, where today is asked for; past ones are not kept."""
        return self._answer(lambda session: tape.order_books(session, symbol, first, last))

    def trades(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """See `MarketSource.trades`; None unless `market.exchange.trades` asks for them."""
        if not self._settings.trades:
            return None
        return self._answer(lambda session: tape.trades(session, symbol, first, last))

    def _answer(self, question: Callable[[Session], Awaitable[T]], kind: Kind = "spot") -> T:
        async def run() -> T:
            async with converse(self._settings, self._gate, self._seed, self._markets[kind], kind) as session:
                return await question(session)

        return asyncio.run(run())

    def _run(self, spans: Sequence[Span], *, unended: bool) -> Iterator[Piece]:
        """The pieces of `_pieces`, outside of its event loop. The loop rests while a piece is being written."""
        pieces = self._pieces(spans, unended=unended)

        async def following() -> Piece | None:
            return await anext(pieces, None)

        with asyncio.Runner() as runner:
            try:
                while (piece := runner.run(following())) is not None:
                    yield piece
            finally:
                runner.run(pieces.aclose())

    async def _pieces(self, spans: Sequence[Span], *, unended: bool) -> AsyncGenerator[Piece, None]:
        async with AsyncExitStack() as stack:
            try:
                conversation = converse(self._settings, self._gate, self._seed, self._markets["spot"])
                session = await stack.enter_async_context(conversation)
            except MarketError as error:
                for span in spans:
                    yield Piece(*span, error)
                return
            pieces = await stack.enter_async_context(aclosing(fetch_spans(session, spans, unended=unended)))
            async for piece in pieces:
                yield piece
