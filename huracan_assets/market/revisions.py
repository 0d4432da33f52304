"""What a source tells differently today from what lies in the lake: its revisions, bar by bar, column by column.

They are reported, never taken over in silence. What a comparison found stands as long as the lake holds the candles
that were compared and no later night has compared that day again. A day of which no comparison stands was not asked of
again: that it has no revision says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

from huracan_assets.days import DAY, days_between, days_until, unbroken_spans
from huracan_assets.market.contract import CANDLE_SCHEMA, TIME
from huracan_assets.market.source import MarketSource, split_days
from huracan_assets.resources.lake import Lake
from huracan_assets.settings import MarketSettings

ASSET = "revision_report"
COMPARED_TAG = "huracan.compared"
REVISION_SCHEMA: dict[str, pl.DataType] = {
    "day": pl.Date(),
    "ts": TIME,
    "column": pl.String(),
    "was": pl.Float64(),
    "is": pl.Float64(),
}

_VALUES = tuple(name for name in CANDLE_SCHEMA if name not in ("ts", "known_at"))


class LaterAnswers(NamedTuple):
    """What a source told of days when it was asked again.

    `asked` are the days of which a comparison stands; `revised` are rows of `REVISION_SCHEMA`, none where all agreed.
    """

    asked: frozenset[date]
    revised: pl.DataFrame


def no_revisions() -> pl.DataFrame:
    """A report without a row."""
    return pl.DataFrame(schema=REVISION_SCHEMA)


def revisions(day: date, was: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """The values of one day that differ between two answers of a source.

    Args:
        was: the candles of the day that lie in the lake.
        now: the candles of the day as the source has them today; empty where it has none any more.

    Returns:
        Rows of `REVISION_SCHEMA` by `ts` and column; a bar that came or went has null on the side that lacks it.
    """
    # Null on both sides is agreement: a source without trade counts has not revised them.
    sides = was.select("ts", *_VALUES).join(
        now.select("ts", *_VALUES), on="ts", how="full", suffix=" is", coalesce=True
    )
    differing = [
        sides.filter(pl.col(name).ne_missing(pl.col(f"{name} is"))).select(
            pl.lit(day).alias("day"),
            "ts",
            pl.lit(name).alias("column"),
            pl.col(name).cast(pl.Float64).alias("was"),
            pl.col(f"{name} is").cast(pl.Float64).alias("is"),
            pl.lit(place).alias("place"),
        )
        for place, name in enumerate(_VALUES)
    ]
    return pl.concat(differing).sort("ts", "place").drop("place").cast(pl.Schema(REVISION_SCHEMA))


def report_revisions(
    lake: Lake, source: MarketSource, symbol: str, nights: Sequence[date], days_back: int
) -> Iterator[tuple[date, pl.DataFrame, dict[date, str]]]:
    """Ask a source again for those of the `days_back` days before each night that lie in the lake.

    A day is asked for once, however many nights compare it.

    Yields:
        The night, the revisions found, and the content hash of the candles of each day that was compared, in order.

    Raises:
        MarketError: the source cannot be read.
    """
    before = {night: days_until(night - DAY, days_back) for night in nights}
    every = sorted({day for days in before.values() for day in days})
    absent = set(lake.missing("candles", symbol, every))
    found: dict[date, tuple[pl.DataFrame, str]] = {}
    for first, last in unbroken_spans(set(every) - absent):
        for day, now in split_days(source.candles(symbol, first, last), days_between(first, last)).items():
            # The hash first: candles replaced in between are not the ones that this report speaks of.
            digest = lake.frame_hash("candles", symbol, day)
            found[day] = revisions(day, lake.read_named_frame("candles", symbol, day, digest), now), digest
    for night, days in before.items():
        compared = [day for day in days if day in found]
        report = pl.concat([no_revisions(), *(found[day][0] for day in compared)])
        yield night, report, {day: found[day][1] for day in compared}


def compared_tag(compared: Mapping[date, str]) -> dict[str, str]:
    """The tag of a report's file that names the days it compared, each with the hash of its candles."""
    return {COMPARED_TAG: ",".join(f"{day}:{digest}" for day, digest in compared.items())}


def compared_days(lake: Lake, symbol: str, night: date) -> dict[date, str]:
    """The days that a night's report compared, with the hashes of their candles; none where there is no report."""
    named = lake.frame_tag(ASSET, symbol, night, COMPARED_TAG) or ""
    parts = (entry.partition(":") for entry in filter(None, named.split(",")))
    return {date.fromisoformat(day): digest for day, _, digest in parts}


def uncompared_nights(lake: Lake, symbol: str, nights: Sequence[date], market: MarketSettings) -> list[date]:
    """Those of `nights` whose report is not there, or lacks a day before that lies in the lake as it is now."""
    absent = set(lake.missing(ASSET, symbol, nights))
    return [
        night
        for night in nights
        if night in absent
        or _held(lake, symbol, days_until(night - DAY, market.revision_days)).items()
        - compared_days(lake, symbol, night).items()
    ]


def last_compared(lake: Lake, symbol: str, days: Sequence[date], nights: Sequence[date]) -> dict[date, date]:
    """Those of `days` that a report of `nights` compared, each with the newest such night."""
    return {day: night for day, (night, _) in _newest(lake, symbol, days, nights).items()}


def later_answers(lake: Lake, symbol: str, days: Sequence[date], until: date) -> LaterAnswers:
    """What the source told of `days` when it was asked again, as known in the night of `until`.

    Of each day the newest report up to `until` counts, and only while the lake holds the candles it compared.

    Args:
        days: in order.
    """
    newest = _newest(lake, symbol, days, days_between(days[0] + DAY, until))
    held = _held(lake, symbol, list(newest))
    asked = {day: night for day, (night, digest) in newest.items() if held.get(day) == digest}
    parts = [no_revisions()]
    for night in sorted(set(asked.values())):
        own = [day for day in asked if asked[day] == night]
        parts.append(lake.read_frame(ASSET, symbol, night).filter(pl.col("day").is_in(own)))
    return LaterAnswers(frozenset(asked), pl.concat(parts).sort("ts", maintain_order=True))


def _newest(lake: Lake, symbol: str, days: Sequence[date], nights: Sequence[date]) -> dict[date, tuple[date, str]]:
    """Of `days`, the newest of `nights` that compared each, and the hash of the candles that it compared."""
    absent = set(lake.missing(ASSET, symbol, nights))
    wanted, found = set(days), dict[date, tuple[date, str]]()
    for night in sorted(set(nights) - absent):
        compared = compared_days(lake, symbol, night)
        found |= {day: (night, digest) for day, digest in compared.items() if day in wanted}
    return found


def _held(lake: Lake, symbol: str, days: Sequence[date]) -> dict[date, str]:
    """The content hashes of those of `days` whose candles lie in the lake."""
    absent = set(lake.missing("candles", symbol, days))
    return {day: lake.frame_hash("candles", symbol, day) for day in days if day not in absent}
