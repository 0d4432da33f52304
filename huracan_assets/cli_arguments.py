"""The days and symbols that a reader types, checked before anything is opened."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from huracan_assets.errors import MarketError, SettingsError

EXAMPLE_DAY = date(2025, 6, 30)

DayArgument = Annotated[str, typer.Argument(metavar="DAY", help=f"UTC day, e.g. {EXAMPLE_DAY}")]
SymbolArgument = Annotated[str, typer.Argument(metavar="SYMBOL", help="e.g. BTC-USDT")]


def read_day(text: str) -> date:
    """The day that a text names.

    Raises:
        SettingsError: it names none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{text!r} is not a day: write it as YYYY-MM-DD, for one {EXAMPLE_DAY}") from None


def read_ended_day(text: str) -> date:
    """A day that the market of the settings has, and that is over.

    Raises:
        SettingsError: the text names no day.
        MarketError: the day lies before `market.first_day`, or has not ended.
    """
    from huracan_assets.days import utc_now
    from huracan_assets.market.source import refuse_future
    from huracan_assets.settings import settings

    day, begins = read_day(text), settings().market.first_day
    if day < begins:
        raise MarketError(
            f"{day} is before market.first_day, {begins}: choose a later day, or set HURACAN_MARKET__FIRST_DAY"
        )
    refuse_future([day], utc_now())
    return day


def read_symbol(symbol: str) -> str:
    """The symbol itself, if the settings list it.

    Raises:
        MarketError: they do not; the message names the nearest, and where all are listed.
    """
    from huracan_assets.market.source import unknown_symbol
    from huracan_assets.settings import settings

    known = settings().market.symbol_names()
    if symbol not in known:
        raise MarketError(f"{unknown_symbol(symbol, known, 'market.symbols')}; `huracan config` lists all {len(known)}")
    return symbol


def read_symbol_day(day: str, symbol: str) -> tuple[date, str]:
    """A day that is over, and a symbol that was listed on it.

    Raises:
        SettingsError: the two stand in the wrong order, or the day is none.
        MarketError: the symbol is unknown or was delisted, or the day is outside the market's history.
    """
    from huracan_assets.settings import settings

    market = settings().market
    if symbol not in market.symbol_names() and day in market.symbol_names():
        raise SettingsError(f"the day comes first: {symbol} {day}")
    known, wanted = read_symbol(symbol), read_ended_day(day)
    if known not in market.listed(wanted):
        raise MarketError(f"{known} was delisted before {wanted}: choose an earlier day")
    return wanted, known
