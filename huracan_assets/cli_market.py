"""`huracan market`: what the lake holds of a market, and how to repair it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from huracan_assets.cli_arguments import SymbolArgument, read_ended_day, read_symbol
from huracan_assets.errors import MarketError, SettingsError
from huracan_assets.observability.console import console, say

if TYPE_CHECKING:
    import polars as pl

    from huracan_assets.health.market_doctor import Account, Ask, Finding, Gap
    from huracan_assets.resources.lake import Lake

app = typer.Typer(no_args_is_help=True, help="The market data in the lake.")

STATUS_COLUMNS = ("status", "minutes", "share")
FINDING_COLUMNS = ("days", "finding", "repair")
GAP_COLUMNS = ("from", "to", "minutes", "status", "repair")

DayOption = Annotated[str | None, typer.Option(metavar="DAY", help="UTC day; the lake's own first or last where none")]


@app.command()
def doctor(symbol: SymbolArgument, first: DayOption = None, last: DayOption = None) -> None:
    """Account for every minute of a symbol in the lake, and name the command that repairs each gap.

    Exit code 1 where something can be repaired.
    """
    from huracan_assets.health.market_doctor import examine
    from huracan_assets.resources.lake import Lake
    from huracan_assets.settings import settings

    market, lake = settings().market, Lake.open()
    account = examine(lake, symbol, *_span(lake, symbol, first, last), market, _ask(symbol))
    _show(account)
    if account.commands:
        raise typer.Exit(1)


def _span(lake: Lake, symbol: str, first: str | None, last: str | None) -> tuple[date, date]:
    from huracan_assets.health.market_doctor import held_days

    held = held_days(lake, "candles", read_symbol(symbol))
    if not held and (first is None or last is None):
        raise MarketError(
            f"the lake {lake.base} has no candles of {symbol}: name --first and --last, or `huracan run DAY {symbol}`"
        )
    begin = held[0] if first is None else read_ended_day(first)
    end = held[-1] if last is None else read_ended_day(last)
    if end < begin:
        raise SettingsError(f"--first {begin} lies after --last {end}: swap them")
    return begin, end


def _ask(symbol: str) -> Ask | None:
    """The source's answer to what it has, where the source lies on this machine."""
    from huracan_assets.days import unbroken_spans
    from huracan_assets.market.source import open_source, split_days
    from huracan_assets.settings import settings

    if settings().market.source == "ccxt":
        return None
    source = open_source(settings())

    def ask(days: Sequence[date]) -> Mapping[date, pl.DataFrame]:
        found: dict[date, pl.DataFrame] = {}
        for first, last in unbroken_spans(days):
            span = [day for day in days if first <= day <= last]
            found |= split_days(source.candles(symbol, first, last), span)
        return found

    return ask


def _show(account: Account) -> None:
    from huracan_assets.days import MINUTES_PER_DAY
    from huracan_assets.observability.terminal import table

    days = (account.last - account.first).days + 1
    say(f"{account.symbol}, {account.first} to {account.last}: {account.days_held} of {days} days lie in the lake")
    unasked = account.days_held - account.days_asked
    if unasked:
        say(f"{unasked} of these were not asked of again: whether the source tells them differently now is not known")
    total = days * MINUTES_PER_DAY
    counted = {**account.minutes, "without an account": total - sum(account.minutes.values())}
    rows = [{"status": name, "minutes": count, "share": f"{count / total:.4%}"} for name, count in counted.items()]
    console().print(table(rows, STATUS_COLUMNS))
    if account.findings:
        console().print(table([_finding(finding) for finding in account.findings], FINDING_COLUMNS))
    if account.gaps:
        console().print(table([_gap(gap) for gap in account.gaps], GAP_COLUMNS))
    if not account.commands:
        say("nothing to repair")
        return
    say('To repair, in the folder of the checkout, after eval "$(huracan env)":')
    for number, command in enumerate(account.commands, 1):
        say(f"{number}  {command}")


def _finding(found: Finding) -> dict[str, object]:
    days = f"{found.first}" if found.first == found.last else f"{found.first} to {found.last}"
    return {"days": days, "finding": found.finding, "repair": found.repair}


def _gap(gap: Gap) -> dict[str, object]:
    end = gap.begin + timedelta(minutes=gap.minutes)
    return {"from": gap.begin, "to": end, "minutes": gap.minutes, "status": gap.status, "repair": gap.repair}
