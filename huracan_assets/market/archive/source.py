"""Candles from a folder of files, any depth: the public archive, or a recorder's Parquet.

A symbol may lie in many files, of different spans. Where two files have the same minute they must agree to
the bit (a column that one of them lacks aside), otherwise nobody could say which one is the market.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import polars as pl

from huracan_assets.days import DAY, midnight
from huracan_assets.errors import CandleError, MarketError
from huracan_assets.market.archive.files import (
    Bar,
    CandleFile,
    Part,
    candle_file,
    first_candle,
    hold_bars,
    read_part,
    readable,
)
from huracan_assets.market.archive.recordings import (
    RECORDED_FOLDERS,
    beside,
    recorded_open_interest,
    recorded_order_books,
    recorded_trades,
)
from huracan_assets.market.contract import (
    OPTIONAL,
    REQUIRED,
    TIME,
    empty_candles,
    validate_funding,
)
from huracan_assets.market.source import Piece, Span, one_after_the_other, unknown_symbol

FUNDING_FOLDER, PERPETUAL_FOLDER = "funding", "perpetual"
READERS = 4  # files read at a time
OTHER_FOLDERS = {FUNDING_FOLDER, PERPETUAL_FOLDER, *RECORDED_FOLDERS}  # of what is no candle of the spot market


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
        if not self._files(symbol, "1m"):
            unknown = unknown_symbol(symbol, self._catalogue["1m"].keys(), self.name)
            raise MarketError(f"{unknown}; add its files, or take it off market.symbols")
        return self._bars("1m", symbol, first, last)

    def stream(self, spans: Sequence[Span]) -> Iterator[Piece]:
        """See `MarketSource.stream`."""
        return one_after_the_other(self, spans)

    def hourly(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """See `MarketSource.hourly`: read from files whose names say `-1h`; None where the symbol has none.

        Raises:
            MarketError: a file cannot be read.
            CandleError: a row breaks the contract, or two files tell the same hour differently.
        """
        return self._bars("1h", symbol, first, last) if self._files(symbol, "1h") else None

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

    def open_interest(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """See `MarketSource.open_interest`: read from `open_interest/*.parquet` in the archive or beside it."""
        return recorded_open_interest(self._folder, symbol, first, last)

    def perpetual_candles(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """See `MarketSource.perpetual_candles`: read from `perpetual/` in the archive or beside it.

        The files are laid out and doubted as the archive's own; None where none is of the symbol.

        Raises:
            MarketError: a file cannot be read.
            CandleError: a row breaks the contract, or two files tell the same minute differently.
        """
        if self._perpetuals is None or not self._perpetuals._files(symbol, "1m"):
            return None
        return self._perpetuals._bars("1m", symbol, first, last)

    def order_books(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """See `MarketSource.order_books`: replayed from the recordings in `order_books/`."""
        return recorded_order_books(self._folder, symbol, first, last)

    def trades(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """See `MarketSource.trades`: read from the recordings in `order_books/`."""
        return recorded_trades(self._folder, symbol, first, last)

    def first_day(self, symbol: str) -> date | None:
        """See `MarketSource.first_day`."""
        begins = [first_candle(file, symbol) for file in self._first_files(symbol)]
        return min((day for day in begins if day is not None), default=None)

    def _first_files(self, symbol: str) -> list[CandleFile]:
        """The files that may hold the first candle: of those with a span in their name, the earliest."""
        files = self._files(symbol, "1m")
        named = [file.first for file in files if file.first is not None]
        return [file for file in files if file.first is None or file.first == min(named)]

    def _bars(self, bar: Bar, symbol: str, first: date, last: date) -> pl.DataFrame:
        """The candles of one length of the days, from all files; validated in one call, its price is by the call."""
        files = [file for file in self._files(symbol, bar) if file.may_hold(first, last)]
        with ThreadPoolExecutor(READERS) as pool:  # unpacking and parsing leave the interpreter to others
            read = list(pool.map(lambda file: read_part(file, symbol, first, last), files))
        parts = [part for part in read if not part.candles.is_empty()]
        if not parts:
            return empty_candles()
        merged = parts[0].candles if len(parts) == 1 else _merged(parts, symbol)
        try:
            return hold_bars(bar, merged, symbol=symbol, first=first, last=last, origin=self.name)
        except CandleError:
            for part in parts:  # which names the file and the row in it
                origin, begin = str(part.file.path), part.begin
                hold_bars(bar, part.candles, symbol=symbol, first=first, last=last, origin=origin, begin=begin)
            raise

    def _files(self, symbol: str, bar: Bar) -> list[CandleFile]:
        catalogue = self._catalogue[bar]
        return catalogue.get(symbol, []) + catalogue.get(symbol.replace("-", ""), [])

    @cached_property
    def _catalogue(self) -> dict[Bar, dict[str, list[CandleFile]]]:
        files: dict[Bar, dict[str, list[CandleFile]]] = {"1m": defaultdict(list), "1h": defaultdict(list)}
        if not self._folder.is_dir():
            raise MarketError(f"the archive {self._folder} is no folder: point HURACAN_MARKET__ARCHIVE to its candles")
        with readable(self._folder):
            for path in sorted(self._folder.rglob("*")):
                file = candle_file(path)
                if file is not None and OTHER_FOLDERS.isdisjoint(path.relative_to(self._folder).parts[:-1]):
                    files[file.bar][file.symbol].append(file)
        return files

    @cached_property
    def _perpetuals(self) -> ArchiveSource | None:
        """An archive of the perpetuals' files. One that is this archive would be a second look at its own candles."""
        folder = beside(self._folder, PERPETUAL_FOLDER)
        return ArchiveSource(folder) if folder.is_dir() and folder.resolve() != self._folder.resolve() else None

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
            raise CandleError(f"{path} lacks the column {', '.join(missing)} of funding: fetch or correct the file")
        ts = pl.col("ts").cast(TIME)
        wanted = (pl.col("symbol") == symbol) & (ts >= midnight(first)) & (ts < midnight(last + DAY))
        return scan.filter(wanted).select("venue", ts, rate=pl.col("funding_rate")).collect()


def _merged(parts: Sequence[Part], symbol: str) -> pl.DataFrame:
    """All rows in order; a bar that several files have is checked and taken once."""
    paths = [part.file.path for part in parts]
    parts = sorted(parts, key=lambda part: part.candles["ts"][0])
    ends = [(part.candles["ts"][0], part.candles["ts"][-1]) for part in parts]
    if all(before[1] < after[0] for before, after in pairwise(ends)):
        return pl.concat([part.candles for part in parts])
    rows = pl.concat(part.candles.with_columns(file=pl.lit(paths.index(part.file.path))) for part in parts)
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
            f"{names} tell the candle of {symbol} at {clash['ts'][0]:%Y-%m-%d %H:%M} UTC differently "
            f"({clash.height} minutes in all): keep one of them"
        )
    return (
        rows.group_by("ts", maintain_order=True)
        .agg(pl.col("known_at", *REQUIRED[1:]).first(), pl.col(OPTIONAL).drop_nulls().first())
        .sort("ts")
    )
