"""The commands that repair days of a symbol, to be pasted into a shell as they stand.

Partition keys are those of `partitions.py`, which is not imported here: it loads Dagster, and this only writes text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from huracan_assets.days import unbroken_spans

MATERIALIZE = "dagster asset materialize -m huracan_assets.definitions"
CANDLE_VIEWS = ("candles", "hourly_candles", "minute_status")


def materialize_command(assets: Sequence[str], symbol: str, first: date, last: date) -> str:
    """The command that makes assets of the days [first, last] of a symbol, in one run."""
    select = f"--select '{','.join(assets)}'"
    if first == last:
        return f"{MATERIALIZE} {select} --partition '{first}|{symbol}'"
    return f"{MATERIALIZE} {select} --partition-range '{first}|{symbol}...{last}|{symbol}'"


def repair_commands(assets: Sequence[str], symbol: str, days: Iterable[date]) -> list[str]:
    """As few commands as make assets of `days`: one for each unbroken run of days."""
    return [materialize_command(assets, symbol, first, last) for first, last in unbroken_spans(days)]
