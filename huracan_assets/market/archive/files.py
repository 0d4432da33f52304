"""The files of an archive: what their names say, and their rows, read strictly.

Three layouts: `BTC-USDT.parquet` and `BTC-USDT.csv` (one file a symbol, named columns), and the public Binance
archive's `BTCUSDT-1m-2023-06-01.zip` or `.csv` (a day or, `-2023-06`, a month; twelve columns, mostly without a
header; milliseconds, or microseconds in spot files since 2025). Hourly candles say so in their names:
`BTC-USDT-1h.parquet`, `BTCUSDT-1h-2023-06-01.zip`. Nothing is repaired: a file that is truncated or fails a checksum
(`integrity.py`), a column that is missing and a row that is doubled, unsorted or unreadable are errors that
name it.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from calendar import monthrange
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from huracan_assets.days import DAY
from huracan_assets.errors import CandleError, MarketError
from huracan_assets.market.archive.csv_rows import kline_rows, named_rows, require_columns
from huracan_assets.market.archive.integrity import verify_checksum, verify_pages
from huracan_assets.market.archive.times import Microseconds, day_begin, in_calendar, moment, to_utc
from huracan_assets.market.contract import (
    CANDLE_RULES,
    CANDLE_SCHEMA,
    HOURLY_RULES,
    empty_candles,
    hold,
    to_candles,
    to_hourly,
    within_days,
)

_SYMBOL_NAME = re.compile(r"(?P<symbol>[A-Z0-9]+-[A-Z0-9]+)(-(?P<bar>1h))?")
_KLINE_NAME = re.compile(r"(?P<symbol>[A-Z0-9]+)-(?P<bar>1m|1h)-(?P<year>\d{4})-(?P<month>\d{2})(-(?P<day>\d{2}))?")
_UNREADABLE = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
)

Bar = Literal["1m", "1h"]
Layout = Literal["parquet", "csv", "kline"]
_MINUTES: dict[Bar, int] = {"1m": 1, "1h": 60}


@dataclass(frozen=True, order=True)
class CandleFile:
    """One file. `symbol` is as in its name (`BTC-USDT`, or `BTCUSDT` in the Binance layout)."""

    path: Path
    symbol: str
    bar: Bar
    layout: Layout
    first: date | None = None
    last: date | None = None

    def may_hold(self, first: date, last: date) -> bool:
        """Whether the name allows candles of [first, last]; only the Binance layout's names tell."""
        return self.first is None or self.last is None or (self.first <= last and first <= self.last)


@dataclass(frozen=True)
class Part:
    """Some days' candles of one file, in the contract's columns but not yet held to it; `begin` is the first row's."""

    file: CandleFile
    candles: pl.DataFrame
    begin: int


def candle_file(path: Path) -> CandleFile | None:
    """What the name of `path` says; None where it names no candles."""
    kline = _KLINE_NAME.fullmatch(path.stem)
    if kline and path.suffix in (".zip", ".csv"):
        days = _days(kline["year"], kline["month"], kline["day"])
        return CandleFile(path, kline["symbol"], _bar(kline["bar"]), "kline", *days) if days else None
    named = _SYMBOL_NAME.fullmatch(path.stem)
    if named and path.suffix == ".parquet":
        return CandleFile(path, named["symbol"], _bar(named["bar"]), "parquet")
    if named and path.suffix == ".csv":
        return CandleFile(path, named["symbol"], _bar(named["bar"]), "csv")
    return None


def read_part(file: CandleFile, symbol: str, first: date, last: date) -> Part:
    """The file's candles of the days [first, last]; its times are in order and its columns complete.

    Raises:
        MarketError: the file cannot be read, or fails a checksum.
        CandleError: a column is missing, a cell is no value, or a row is out of order.
    """
    opens = _open_times(file, symbol, *_version(file.path))
    begin = int(np.searchsorted(opens, day_begin(first)))
    end = int(np.searchsorted(opens, day_begin(last + DAY)))
    if begin == end:
        return Part(file, empty_candles(), begin)
    with readable(file.path):
        if file.layout == "parquet":
            raw = pl.scan_parquet(file.path).slice(begin, end - begin).collect()
            _one_symbol(raw, file, symbol, begin)
            return Part(file, _shaped(raw.with_columns(to_utc(raw["ts"], file.path, symbol)), file.bar), begin)
        return Part(file, _text_candles(file, symbol, *_version(file.path)).slice(begin, end - begin), begin)


def hold_bars(
    bar: Bar, frame: pl.DataFrame, *, symbol: str, first: date, last: date, origin: str, begin: int = 0
) -> pl.DataFrame:
    """Candles of the days [first, last], unchanged, once they keep the contract of their length.

    Args:
        begin: the number of the first row in its origin.

    Raises:
        CandleError: a row breaks a rule; names origin, symbol, day and row.
    """
    rules, what = (CANDLE_RULES, "candles") if bar == "1m" else (HOURLY_RULES, "hourly candles")
    rows = range(begin, begin + frame.height)
    return hold(frame, CANDLE_SCHEMA, (*rules, within_days(first, last)), f"{what} of {symbol}", origin, rows)


def first_candle(file: CandleFile, symbol: str) -> date | None:
    """The day of the file's first candle; None where it is empty."""
    opens = _open_times(file, symbol, *_version(file.path))
    return date(1970, 1, 1) + timedelta(microseconds=int(opens[0])) if opens.size else None


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns a reader's error into a MarketError that names the file."""
    try:
        yield
    except _UNREADABLE as error:
        why = str(error).partition("\n")[0]
        raise MarketError(f"{path} cannot be read, it may be truncated: fetch it again ({why})") from error


def _days(year: str, month: str, day: str | None) -> tuple[date, date] | None:
    """The days [first, last] that a name tells; None where it tells none of the calendar."""
    try:
        first = date(int(year), int(month), int(day or 1))
    except ValueError:
        return None
    return first, first if day else first.replace(day=monthrange(first.year, first.month)[1])


def _bar(name: str | None) -> Bar:
    return "1h" if name == "1h" else "1m"


def _shaped(raw: pl.DataFrame, bar: Bar) -> pl.DataFrame:
    return to_candles(raw) if bar == "1m" else to_hourly(raw)


def _version(path: Path) -> tuple[int, int]:
    """What tells a replaced file from the one that was read before."""
    with readable(path):
        status = path.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=256)
def _open_times(file: CandleFile, symbol: str, modified_ns: int, size: int) -> Microseconds:
    """Every `ts` of the file in microseconds, proven strictly increasing: a day is then a slice of rows.

    The order of the whole file is looked at, since a row astray would make two days wrong, not one.
    """
    if file.layout == "parquet":
        opens = _parquet_times(file, symbol)
    else:
        opens = _text_candles(file, symbol, modified_ns, size)["ts"].to_physical().to_numpy()
    steps = np.diff(opens)
    astray = np.flatnonzero(steps <= 0)
    if astray.size:
        row = int(astray[0]) + 1
        fault = "has the same ts as the row before" if steps[row - 1] == 0 else "lies before the row above it"
        raise CandleError(
            f"{file.path}: candles of {symbol} break the contract at {moment(int(opens[row]))}, row {row} (from 0): "
            f"it {fault}; fetch or correct the file"
        )
    if opens.size and not (in_calendar(int(opens[0])) and in_calendar(int(opens[-1]))):
        raise CandleError(
            f"{file.path}: candles of {symbol} from {moment(int(opens[0]))} to {moment(int(opens[-1]))} lie in no "
            "calendar; fetch or correct the file"
        )
    if file.first and file.last and opens.size:
        _within_name(file, symbol, opens, file.first, file.last)
    return opens


def _within_name(file: CandleFile, symbol: str, opens: Microseconds, first: date, last: date) -> None:
    outside = np.flatnonzero((opens < day_begin(first)) | (opens >= day_begin(last + DAY)))
    if outside.size:
        row = int(outside[0])
        raise CandleError(
            f"{file.path}: candles of {symbol}, row {row} (from 0), lies at {moment(int(opens[row]))}, "
            "outside the days that the file's name tells; fetch or correct the file"
        )


def _parquet_times(file: CandleFile, symbol: str) -> Microseconds:
    with readable(file.path):
        verify_checksum(file.path)
        scan = pl.scan_parquet(file.path)
        require_columns(file.path, scan.collect_schema().names(), symbol)
        verify_pages(file.path, [*CANDLE_SCHEMA, "symbol"])
        stamps = scan.select("ts").collect()["ts"]
    if stamps.null_count():
        row = int(stamps.is_null().arg_max() or 0)
        raise CandleError(f"{file.path}: candles of {symbol}: row {row} (from 0) has no ts; fetch or correct the file")
    return to_utc(stamps, file.path, symbol).to_physical().to_numpy()


def _one_symbol(raw: pl.DataFrame, file: CandleFile, symbol: str, begin: int) -> None:
    if "symbol" not in raw.columns:
        return
    other = (raw["symbol"] != symbol).fill_null(True)
    if other.any():
        row = int(other.arg_max() or 0)
        raise CandleError(
            f"{file.path}: row {begin + row} (from 0), {raw['ts'][row]}, is of {raw['symbol'][row]}, "
            f"not of {symbol}; fetch or correct the file"
        )


@lru_cache(maxsize=4)
def _text_candles(file: CandleFile, symbol: str, modified_ns: int, size: int) -> pl.DataFrame:
    """All rows of a CSV, typed but not yet validated; `modified_ns` and `size` only tell versions apart."""
    del modified_ns, size
    with readable(file.path):
        verify_checksum(file.path)
        text = _unzipped(file.path) if file.path.suffix == ".zip" else file.path.read_bytes()
        if file.layout == "csv":
            return _shaped(named_rows(text, file.path, symbol), file.bar)
        return _shaped(kline_rows(text, file.path, symbol, _MINUTES[file.bar]), file.bar)


def _unzipped(path: Path) -> bytes:
    with zipfile.ZipFile(path) as bundle:
        members = [name for name in bundle.namelist() if name.endswith(".csv")]
        if len(members) != 1:
            raise MarketError(f"{path} holds {len(members)} CSV files where one is due: fetch it again")
        return bundle.read(members[0])
