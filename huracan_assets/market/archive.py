"""Candles from a folder of files, any depth: the public archive, or a recorder's Parquet.

A symbol may lie in many files, of different spans. Where two files have the same minute they must agree to
the bit (a column that one of them lacks aside), otherwise nobody could say which one is the market.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from functools import cached_property
from pathlib import Path

import polars as pl

from huracan_assets.days import DAY, midnight
from huracan_assets.errors import CandleError, MarketError
from huracan_assets.market.archive_files import (
    CandleFile,
    candle_file,
    first_candle,
    read_candles,
    readable,
)
from huracan_assets.market.contract import (
    OPTIONAL,
    REQUIRED,
    TIME,
    empty_candles,
    validate_funding,
    validate_range,
)
from huracan_assets.market.source import unknown_symbol

FUNDING_FOLDER = "funding"


class ArchiveSource:
    """A `MarketSource` over the files of `folder`; the list of files is read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def name(self) -> str:
        """`archive` and its folder."""
        return f"archive {self._folder}"

    def candles(self, symbol: str, first: date, last: date) -> pl.DataFrame:
        """See `MarketSource.candles`.

        Raises:
            MarketError: no file has the symbol, or a file cannot be read.
            CandleError: a row breaks the contract, or two files tell the same minute differently.
        """
        files = self._files(symbol)
        if not files:
            raise unknown_symbol(symbol, self._catalogue.keys(), self.name)
        parts: dict[Path, pl.DataFrame] = {}
        for file in files:
            if file.may_hold(first, last):
                part = read_candles(file, symbol, first, last)
                if not part.is_empty():
                    parts[file.path] = part
        if not parts:
            return empty_candles()
        if len(parts) == 1:
            return next(iter(parts.values()))
        merged = _merged(parts, symbol)
        return validate_range(merged, symbol=symbol, first=first, last=last, origin=self.name)

    def funding(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """See `MarketSource.funding`: read from `funding/*.parquet` in the archive or beside it.

        Raises:
            MarketError: a file cannot be read, or several venues have the symbol.
            CandleError: an event is doubled, or a rate is not finite.
        """
        parts = [_funding_of(path, symbol, first, last) for path in self._funding_files]
        found = [part for part in parts if not part.is_empty()]
        if not found:
            return None
        events = pl.concat(found)
        venues = sorted(events["venue"].unique())
        if len(venues) > 1:
            named = ", ".join(venues)
            raise MarketError(f"{self.name} has funding of {symbol} from {named}: keep one venue's files")
        return validate_funding(events.drop("venue").sort("ts"), symbol=symbol, origin=self.name)

    def first_day(self, symbol: str) -> date | None:
        """See `MarketSource.first_day`."""
        begins = [first_candle(file, symbol) for file in self._first_files(symbol)]
        return min((day for day in begins if day is not None), default=None)

    def _first_files(self, symbol: str) -> list[CandleFile]:
        """The files that may hold the first candle: of those with a span in their name, the earliest."""
        files = self._files(symbol)
        named = [file.first for file in files if file.first is not None]
        return [file for file in files if file.first is None or file.first == min(named)]

    def _files(self, symbol: str) -> list[CandleFile]:
        return self._catalogue.get(symbol, []) + self._catalogue.get(symbol.replace("-", ""), [])

    @cached_property
    def _catalogue(self) -> dict[str, list[CandleFile]]:
        files: dict[str, list[CandleFile]] = defaultdict(list)
        with readable(self._folder):
            for path in sorted(self._folder.rglob("*")):
                file = candle_file(path)
                if file is not None and FUNDING_FOLDER not in path.relative_to(self._folder).parts[:-1]:
                    files[file.symbol].append(file)
        return dict(files)

    @cached_property
    def _funding_files(self) -> list[Path]:
        inside = sorted(self._folder.rglob(f"{FUNDING_FOLDER}/*.parquet"))
        return inside or sorted((self._folder.parent / FUNDING_FOLDER).glob("*.parquet"))


def _funding_of(path: Path, symbol: str, first: date, last: date) -> pl.DataFrame:
    needed = ("venue", "symbol", "ts", "funding_rate")
    with readable(path):
        scan = pl.scan_parquet(path)
        missing = [name for name in needed if name not in scan.collect_schema().names()]
        if missing:
            raise CandleError(f"{path} lacks the column {', '.join(missing)}")
        ts = pl.col("ts").cast(TIME)
        wanted = (pl.col("symbol") == symbol) & (ts >= midnight(first)) & (ts < midnight(last + DAY))
        return scan.filter(wanted).select("venue", ts, rate=pl.col("funding_rate")).collect()


def _merged(parts: dict[Path, pl.DataFrame], symbol: str) -> pl.DataFrame:
    """All rows in order; a minute that several files have is checked and taken once."""
    paths = list(parts)
    rows = pl.concat(part.with_columns(file=pl.lit(number)) for number, part in enumerate(parts.values()))
    rows = rows.sort("ts", "file")
    shared = rows.filter(pl.col("ts").is_duplicated())
    if shared.is_empty():
        return rows.drop("file")
    told = shared.group_by("ts", maintain_order=True).agg(
        pl.col("file"), *(pl.col(name).drop_nulls().n_unique() for name in (*REQUIRED[1:], *OPTIONAL))
    )
    clash = told.filter(pl.any_horizontal(pl.col(name) > 1 for name in (*REQUIRED[1:], *OPTIONAL)))
    if not clash.is_empty():
        names = " and ".join(str(paths[number]) for number in clash["file"][0])
        raise CandleError(
            f"{names} tell the candle of {symbol} at {clash['ts'][0]:%Y-%m-%d %H:%M} differently "
            f"({clash.height} minutes in all): keep one of them"
        )
    return (
        rows.group_by("ts", maintain_order=True)
        .agg(pl.col("known_at", *REQUIRED[1:]).first(), pl.col(OPTIONAL).drop_nulls().first())
        .sort("ts")
    )
