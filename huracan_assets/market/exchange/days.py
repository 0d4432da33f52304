"""Days of many symbols at once: which are closed, what is under way together, and what one failure costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from datetime import date
from itertools import chain, zip_longest

import polars as pl

from huracan_assets.days import DAY, days_between, steps
from huracan_assets.errors import CandleError, MarketError
from huracan_assets.market.contract import empty_candles, validate_range
from huracan_assets.market.exchange.bars import HOUR, MINUTE
from huracan_assets.market.exchange.day import fetch_day, fetch_hours
from huracan_assets.market.exchange.session import Session, milliseconds, moment
from huracan_assets.market.source import Piece, Span

STRETCH_DAYS = 4  # of one symbol, fetched in turn behind one page of hourly candles


async def fetch_spans(session: Session, spans: Sequence[Span], *, unended: bool) -> AsyncGenerator[Piece, None]:
    """A piece for each day of the spans, as they come.

    At most `concurrency` stretches are under way, taken from all symbols in turn. Where the exchange gives no
    answer, the days of that span which have not begun are given up with the same error; a day that breaks the
    contract is an error of its own.

    Args:
        unended: take the closed bars of a day that has not ended, which otherwise is an error.
    """
    given_up: dict[Span, MarketError] = {}
    waiting = iter(_in_turn(spans))
    running: set[asyncio.Task[list[Piece]]] = set()
    try:
        while True:
            for span, first, last in waiting:
                stretch = Span(span.symbol, first, last)
                work = _fetch_stretch(session, span, stretch, given_up, unended=unended)
                running.add(asyncio.create_task(work))
                if len(running) >= session.settings.concurrency:
                    break
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for piece in sorted(chain.from_iterable(task.result() for task in done), key=lambda piece: piece[:3]):
                yield piece
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def joined(pieces: Iterable[Piece]) -> pl.DataFrame:
    """The candles of a symbol's pieces, in the order of their days.

    Raises:
        MarketError: of the first piece that could not be had.
    """
    frames = [empty_candles()]
    for piece in sorted(pieces, key=lambda piece: piece.first):
        if isinstance(piece.candles, MarketError):
            raise piece.candles
        frames.append(piece.candles)
    return pl.concat(frames)


def _in_turn(spans: Sequence[Span]) -> Iterator[tuple[Span, date, date]]:
    """Stretches of all spans, the first of each, then the second of each, and so on."""
    for together in zip_longest(*(_stretches(span) for span in spans)):
        yield from (stretch for stretch in together if stretch is not None)


def _stretches(span: Span) -> Iterator[tuple[Span, date, date]]:
    for begin, end in steps(span.first, span.last, STRETCH_DAYS):
        yield span, begin, end


async def _fetch_stretch(
    session: Session, span: Span, stretch: Span, given_up: dict[Span, MarketError], *, unended: bool
) -> list[Piece]:
    """The days of a stretch, one after the other, each its piece."""
    pieces: list[Piece] = []
    hours: pl.DataFrame | None = None
    for day in days_between(stretch.first, stretch.last):
        found: pl.DataFrame | MarketError
        try:
            if span in given_up:
                raise given_up[span]
            end = closed_end(session, day, unended=unended)
            if hours is None:
                hours = await _hours(session, stretch)
            found = await _fetch_day(session, stretch.symbol, day, end, hours)
        except CandleError as error:
            found = error
        except MarketError as error:
            found = given_up.setdefault(span, error)
        pieces.append(Piece(stretch.symbol, day, day, found))
    sound = [piece.candles for piece in pieces if isinstance(piece.candles, pl.DataFrame)]
    if sound:
        validate_range(pl.concat(sound), **stretch._asdict(), origin=session.name)
    return pieces


def closed_end(session: Session, day: date, *, unended: bool) -> int:
    """The end of the bars of a day that are closed, in ms.

    Raises:
        MarketError: the day has not ended by the exchange's clock.
    """
    end, closed = milliseconds(day + DAY), session.closed_ms // MINUTE.ms * MINUTE.ms
    if closed < end and not unended:
        raise MarketError(
            f"{session.name}: the candles of {day} are not closed by its own clock ({moment(session.closed_ms)} UTC): "
            f"ask again after {day + DAY} 00:00 UTC, or for an earlier day"
        )
    return min(end, closed)


async def _hours(session: Session, stretch: Span) -> pl.DataFrame:
    end = min(milliseconds(stretch.last + DAY), session.closed_ms // HOUR.ms * HOUR.ms)
    return await fetch_hours(session, session.market(stretch.symbol), milliseconds(stretch.first), end)


async def _fetch_day(session: Session, symbol: str, day: date, end: int, hours: pl.DataFrame) -> pl.DataFrame:
    begin = milliseconds(day)
    if begin >= end:
        return empty_candles()
    own = hours.filter(pl.col("ts").dt.date() == day)
    return await fetch_day(session, session.market(symbol), begin, end, own)
