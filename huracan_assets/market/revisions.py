"""What a source tells differently today from what lies in the lake: its revisions, bar by bar, column by column.

They are reported, never taken over in silence. A revision stands as long as the lake holds the candles that it was
found against and no later night has compared that day again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import polars as pl

from huracan_assets.days import DAY, days_between, days_until, unbroken_spans
from huracan_assets.market.contract import CANDLE_SCHEMA, TIME
from huracan_assets.market.source import MarketSource, split_days
from huracan_assets.resources.lake import Lake

ASSET = "revision_report"
COMPARED_TAG = "huracan.compared"
REVISION_SCHEMA: dict[str, pl.DataType] = {
    "day": pl.Date(),
    "ts": TIME,
    "column": pl.String(),
    "was": pl.Float64(),
    "is": pl.Float64(),
    "candles_sha256": pl.String(),
}

_VALUES = tuple(name for name in CANDLE_SCHEMA if name not in ("ts", "known_at"))


def no_revisions() -> pl.DataFrame:
    """A report without a row."""
    return pl.DataFrame(schema=REVISION_SCHEMA)


def revisions(day: date, was: pl.DataFrame, now: pl.DataFrame, candles_sha256: str) -> pl.DataFrame:
    """The values of one day that differ between two answers of a source.

    Args:
        was: the candles of the day that lie in the lake.
        now: the candles of the day as the source has them today; empty where it has none any more.
        candles_sha256: content hash of `was`, by which a row knows whether it still stands.

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
            pl.lit(candles_sha256).alias("candles_sha256"),
            pl.lit(place).alias("place"),
        )
        for place, name in enumerate(_VALUES)
    ]
    return pl.concat(differing).sort("ts", "place").drop("place").cast(pl.Schema(REVISION_SCHEMA))


def report_revisions(
    lake: Lake, source: MarketSource, symbol: str, nights: Sequence[date], days_back: int
) -> Iterator[tuple[date, pl.DataFrame, list[date]]]:
    """Ask a source again for those of the `days_back` days before each night that lie in the lake.

    A day is asked for once, however many nights compare it.

    Yields:
        The night, the revisions found, and the days that were compared, in order.

    Raises:
        MarketError: the source cannot be read.
    """
    before = {night: days_until(night - DAY, days_back) for night in nights}
    every = sorted({day for days in before.values() for day in days})
    absent = set(lake.missing("candles", symbol, every))
    found: dict[date, pl.DataFrame] = {}
    for first, last in unbroken_spans(set(every) - absent):
        for day, now in split_days(source.candles(symbol, first, last), days_between(first, last)).items():
            # The hash first: candles replaced in between are not the ones that this report speaks of.
            digest = lake.frame_hash("candles", symbol, day)
            found[day] = revisions(day, lake.read_named_frame("candles", symbol, day, digest), now, digest)
    for night, days in before.items():
        compared = [day for day in days if day in found]
        yield night, pl.concat([no_revisions(), *(found[day] for day in compared)]), compared


def compared_tag(days: Iterable[date]) -> dict[str, str]:
    """The tag of a report's file that names the days it compared, for `last_compared`."""
    return {COMPARED_TAG: ",".join(day.isoformat() for day in days)}


def last_compared(lake: Lake, symbol: str, days: Sequence[date], nights: Sequence[date]) -> dict[date, date]:
    """Those of `days` that a report of `nights` compared, each with the newest such night."""
    absent = set(lake.missing(ASSET, symbol, nights))
    wanted, found = set(days), dict[date, date]()
    for night in sorted(set(nights) - absent):
        named = lake.frame_tag(ASSET, symbol, night, COMPARED_TAG) or ""
        found |= {day: night for day in map(date.fromisoformat, filter(None, named.split(","))) if day in wanted}
    return found


def standing_revisions(lake: Lake, symbol: str, days: Sequence[date], until: date) -> pl.DataFrame:
    """The revisions of `days` that stand, as known in the night of `until`.

    Of each day the newest report up to `until` counts, and only while the lake holds the candles it compared.

    Args:
        days: in order.

    Returns:
        Rows of `REVISION_SCHEMA`, in order of time.
    """
    compared = last_compared(lake, symbol, days, days_between(days[0] + DAY, until))
    present = set(compared) - set(lake.missing("candles", symbol, list(compared)))
    parts = [no_revisions()]
    for night in sorted(set(compared.values())):
        report = lake.read_frame(ASSET, symbol, night)
        for day in sorted(day for day in present if compared[day] == night and not report.is_empty()):
            held = pl.col("candles_sha256") == lake.frame_hash("candles", symbol, day)
            parts.append(report.filter((pl.col("day") == day) & held))
    return pl.concat(parts).sort("ts", maintain_order=True)
