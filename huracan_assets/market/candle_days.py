"""Days of candles on their way from the source into the lake: each is written as it arrives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

from huracan_assets.days import days_between, unbroken_spans
from huracan_assets.errors import MarketError, StorageError
from huracan_assets.market.source import INVENTED, MarketSource, Piece, Span, require_days, split_days
from huracan_assets.resources.lake import Lake

SOURCE_TAG = "huracan.source"


class Written(NamedTuple):
    """A day that lies in the lake now."""

    symbol: str
    day: date
    frame: pl.DataFrame
    digest: str


class Failed(NamedTuple):
    """Days of a symbol that could not be had, and why."""

    symbol: str
    days: list[date]
    error: MarketError


def write_days(source: MarketSource, lake: Lake, wanted: Mapping[str, Sequence[date]]) -> Iterator[Written | Failed]:
    """Fetch days of many symbols and write each on its arrival, so that a stopped run leaves what it had.

    Memory does not grow with the number of days. Days that the source answers without a candle come last, a
    symbol's together, as `MissingDays`.

    Args:
        wanted: days of each symbol; only these are written.
    """
    missing: dict[str, list[date]] = {}
    spans = [Span(symbol, *span) for symbol, days in wanted.items() for span in unbroken_spans(days)]
    for piece in source.stream(spans):
        if isinstance(piece.candles, MarketError):
            yield Failed(piece.symbol, days_between(piece.first, piece.last), piece.candles)
            continue
        found = _days_of(piece)
        absent = [day for day, frame in found.items() if frame.is_empty()]
        if absent:
            missing.setdefault(piece.symbol, []).extend(absent)
        present = {day: frame for day, frame in found.items() if not frame.is_empty()}
        digests = lake.write_frames("candles", piece.symbol, present, {SOURCE_TAG: source.name})
        yield from (Written(piece.symbol, day, present[day], digest) for day, digest in digests.items())
    for symbol, days in sorted(missing.items()):
        try:
            require_days({}, symbol, sorted(days), source)
        except MarketError as error:
            yield Failed(symbol, sorted(days), error)


def left_behind(source: MarketSource, lake: Lake, symbol: str, days: Sequence[date]) -> Iterator[Written]:
    """Those of `days` that a stopped run has fetched from this source: whole in the lake, and so taken as they are."""
    absent = set(lake.missing("candles", symbol, days))
    for day in days:
        if day in absent:
            continue
        try:
            if lake.frame_tag("candles", symbol, day, SOURCE_TAG) != source.name:
                continue
            frame = lake.read_frame("candles", symbol, day)
        except StorageError:  # damaged since: it is fetched again
            continue
        yield Written(symbol, day, frame, lake.frame_hash("candles", symbol, day))


def refuse_other_markets(source: MarketSource, lake: Lake, symbol: str, days: Sequence[date]) -> None:
    """Days of an invented market and of any other are of two worlds: no window holds both.

    Raises:
        MarketError: of `days`, some in the lake are not of this source, and that or they are invented.
    """
    absent = set(lake.missing("candles", symbol, days))
    told = {day: lake.frame_tag("candles", symbol, day, SOURCE_TAG) for day in days if day not in absent}
    others = {day: name for day, name in told.items() if name and name != source.name}
    if not source.name.startswith(INVENTED):  # what was recorded is one market, however it came
        others = {day: name for day, name in others.items() if name.startswith(INVENTED)}
    if others:
        first = min(others)
        raise MarketError(
            f"{len(others)} days of candles of {symbol}, the first {first}, are of the {others[first]}, and the market "
            f"is set to the {source.name}: no window holds both. Set HURACAN_HOME to a folder of its own, or the "
            "settings of the market back, or materialise these days of candles again"
        )


def _days_of(piece: Piece) -> dict[date, pl.DataFrame]:
    assert isinstance(piece.candles, pl.DataFrame)
    return split_days(piece.candles, days_between(piece.first, piece.last))
