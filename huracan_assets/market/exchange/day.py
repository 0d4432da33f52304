"""A day of minutes that the exchange has told twice: in pages that overlap, and against its own hourly candles.

Where two pages differ, where a bar breaks the contract, where minutes contradict their hour, or where minutes are
absent though the hour has traded more, the hour is asked for again, minutes and hour alike. A lie that passes is
healed that way. A broken bar that stays is an error. A contradiction that stays is left as it came: the quality
report finds it in the lake and quarantines the day.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from huracan_assets.errors import CandleError
from huracan_assets.market.contract import CANDLE_RULES, HOURLY_RULES, Rule, first_breach
from huracan_assets.market.exchange.bars import HOUR, MINUTE, PAGE, fetch_bars
from huracan_assets.market.exchange.session import Market, Session, moment
from huracan_assets.market.reaggregation import doubtful_hours

OVERLAP = 40  # minutes; a day is two pages, and the second begins with a whole hour


async def fetch_day(session: Session, market: Market, begin: int, end: int, hours: pl.DataFrame) -> pl.DataFrame:
    """The candles with `begin` <= open < `end`, both in ms, of one day; they keep `CANDLE_RULES`.

    Args:
        hours: the exchange's hourly candles of that day.

    Raises:
        CandleError: pages stayed unsound, or bars broken, or they changed each time they were asked for.
        MarketError: the exchange gave no answer.
    """
    bars, torn = await _pages(session, market, begin, end)
    for again in range(session.settings.confirmations + 1):
        broken = _broken(bars, CANDLE_RULES)
        doubtful = torn | broken | _contradicted(bars, hours, end)
        if not doubtful or again == session.settings.confirmations:
            break
        hours = await fetch_hours(session, market, begin, end // HOUR.ms * HOUR.ms)
        for first, last in _runs(doubtful):
            asked, torn_again = await fetch_bars(session, market, MINUTE, first, min(last + HOUR.ms, end))
            # A bar that was told in two ways counts once it has come the same way twice.
            torn = {hour for hour in torn if not _came_as_it_was(bars, asked, hour)} | torn_again
            bars = pl.concat([_slice(bars, begin, first), asked, _slice(bars, last + HOUR.ms, end)])
    if broken:
        raise CandleError(f"{session.name}: candles of {market['symbol']} {first_breach(bars, CANDLE_RULES)}")
    if torn:
        raise _changing(session, market, torn)
    return bars


async def fetch_hours(session: Session, market: Market, begin: int, end: int) -> pl.DataFrame:
    """The exchange's own hourly candles with `begin` <= open < `end`, both in ms; they keep `HOURLY_RULES`.

    Raises:
        CandleError, MarketError: as `fetch_day`.
    """
    for _ in range(session.settings.confirmations + 1):
        bars, torn = await fetch_bars(session, market, HOUR, begin, end)
        broken = _broken(bars, HOURLY_RULES)
        if not broken and not torn:
            return bars
    if broken:
        raise CandleError(f"{session.name}: hourly candles of {market['symbol']} {first_breach(bars, HOURLY_RULES)}")
    raise _changing(session, market, torn)


async def _pages(session: Session, market: Market, begin: int, end: int) -> tuple[pl.DataFrame, set[int]]:
    """The bars in overlapping stretches of a page each, and the hours in which two of them differ."""
    stretch, step = PAGE * MINUTE.ms, (PAGE - OVERLAP) * MINUTE.ms
    bars, torn = await fetch_bars(session, market, MINUTE, begin, min(begin + stretch, end))
    for start in range(begin + step, end - OVERLAP * MINUTE.ms, step):
        page, torn_too = await fetch_bars(session, market, MINUTE, start, min(start + stretch, end))
        shared = start, start + OVERLAP * MINUTE.ms
        before, after = _slice(bars, *shared), _slice(page, *shared)
        if not before.equals(after):
            both = pl.concat([before, after])
            torn |= _hours_of(both.filter(both.is_unique())["ts"])
        torn |= torn_too
        bars = pl.concat([_slice(bars, begin, start), page])
    return bars, torn


def _broken(bars: pl.DataFrame, rules: Sequence[Rule]) -> set[int]:
    """The hours of the bars that break a rule."""
    kept = bars.select(pl.all_horizontal(rule.holds.fill_null(False) for rule in rules)).to_series()
    return set() if kept.all() else _hours_of(bars.filter(~kept)["ts"])


def _contradicted(bars: pl.DataFrame, hours: pl.DataFrame, end: int) -> set[int]:
    """The whole hours before `end` that say something else than their minutes."""
    return _hours_of(doubtful_hours(_slice(bars, 0, end // HOUR.ms * HOUR.ms), hours))


def _slice(bars: pl.DataFrame, first: int, end: int) -> pl.DataFrame:
    """The bars with `first` <= open < `end`, both in ms."""
    opens = bars["ts"].dt.epoch("ms")
    begin = opens.search_sorted(first)
    return bars.slice(begin, opens.search_sorted(end) - begin)


def _hours_of(ts: pl.Series) -> set[int]:
    return {opened // HOUR.ms * HOUR.ms for opened in ts.dt.epoch("ms")}


def _came_as_it_was(bars: pl.DataFrame, again: pl.DataFrame, hour: int) -> bool:
    came = _slice(again, hour, hour + HOUR.ms)
    return not came.is_empty() and came.equals(_slice(bars, hour, hour + HOUR.ms))


def _runs(hours: set[int]) -> list[tuple[int, int]]:
    """First and last of each run of consecutive hours, in order."""
    runs: list[tuple[int, int]] = []
    for hour in sorted(hours):
        if runs and hour == runs[-1][1] + HOUR.ms:
            runs[-1] = (runs[-1][0], hour)
        else:
            runs.append((hour, hour))
    return runs


def _changing(session: Session, market: Market, torn: set[int]) -> CandleError:
    return CandleError(
        f"{session.name} tells the bars of {market['symbol']} in the hour of {moment(min(torn))} differently "
        f"each time ({len(torn)} hours in all): ask again later"
    )
