"""The files of an archive: what their names say, and their rows, read strictly.

Three layouts: `BTC-USDT.parquet` and `BTC-USDT.csv` (one file a symbol, named columns), and the public
Binance archive's `BTCUSDT-1m-2023-06-01.zip` or `.csv` (a day or, `-2023-06`, a month; twelve columns, mostly
without a header; milliseconds, or microseconds in spot files since 2025). Nothing is repaired: a file that is
truncated, a column that is missing and a row that is doubled, unsorted or unreadable are errors that name it.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from calendar import monthrange
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from huracan_assets.days import DAY, midnight
from huracan_assets.errors import CandleError, MarketError
from huracan_assets.market.contract import (
    CANDLE_SCHEMA,
    MINUTE_US,
    OPTIONAL,
    REQUIRED,
    TIME,
    empty_candles,
    to_candles,
    validate_range,
)

KLINE_COLUMNS = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "trades",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)
_SYMBOL_NAME = re.compile(r"[A-Z0-9]+-[A-Z0-9]+")
_KLINE_NAME = re.compile(r"(?P<symbol>[A-Z0-9]+)-1m-(?P<year>\d{4})-(?P<month>\d{2})(-(?P<day>\d{2}))?")
_MICROSECONDS_FROM = 10**14  # an epoch this large is in microseconds: in milliseconds it is the year 5138
_UNREADABLE = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
)

Layout = Literal["parquet", "csv", "kline"]
Microseconds = npt.NDArray[np.int64]


@dataclass(frozen=True, order=True)
class CandleFile:
    """One file. `symbol` is as in its name (`BTC-USDT`, or `BTCUSDT` in the Binance layout)."""

    path: Path
    symbol: str
    layout: Layout
    first: date | None = None
    last: date | None = None

    def may_hold(self, first: date, last: date) -> bool:
        """Whether the name allows candles of [first, last]; only the Binance layout's names tell."""
        return self.first is None or self.last is None or (self.first <= last and first <= self.last)


def candle_file(path: Path) -> CandleFile | None:
    """What the name of `path` says; None where it names no candles."""
    kline = _KLINE_NAME.fullmatch(path.stem)
    if kline and path.suffix in (".zip", ".csv"):
        year, month = int(kline["year"]), int(kline["month"])
        if kline["day"]:
            first = last = date(year, month, int(kline["day"]))
        else:
            first, last = date(year, month, 1), date(year, month, monthrange(year, month)[1])
        return CandleFile(path, kline["symbol"], "kline", first, last)
    if _SYMBOL_NAME.fullmatch(path.stem) and path.suffix == ".parquet":
        return CandleFile(path, path.stem, "parquet")
    if _SYMBOL_NAME.fullmatch(path.stem) and path.suffix == ".csv":
        return CandleFile(path, path.stem, "csv")
    return None


def read_candles(file: CandleFile, symbol: str, first: date, last: date) -> pl.DataFrame:
    """The file's candles of the days [first, last], validated.

    Raises:
        MarketError: the file cannot be read.
        CandleError: a column is missing, or a row breaks the contract; names file, symbol, day and row.
    """
    opens = _open_times(file, symbol, *_version(file.path))
    begin = int(np.searchsorted(opens, _epoch(first)))
    end = int(np.searchsorted(opens, _epoch(last + DAY)))
    if begin == end:
        return empty_candles()
    with readable(file.path):
        if file.layout == "parquet":
            raw = pl.scan_parquet(file.path).slice(begin, end - begin).collect()
            _one_symbol(raw, file, symbol, begin)
            candles = to_candles(raw.with_columns(_to_utc(raw["ts"], file.path)))
        else:
            candles = _text_candles(file, symbol, *_version(file.path)).slice(begin, end - begin)
    return validate_range(candles, symbol=symbol, first=first, last=last, origin=str(file.path), rows=range(begin, end))


def first_candle(file: CandleFile, symbol: str) -> date | None:
    """The day of the file's first candle; None where it is empty."""
    opens = _open_times(file, symbol, *_version(file.path))
    return _moment(int(opens[0])).date() if opens.size else None


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns a reader's error into a MarketError that names the file."""
    try:
        yield
    except _UNREADABLE as error:
        raise MarketError(f"{path} cannot be read, it may be truncated: fetch it again ({error})") from error


def _version(path: Path) -> tuple[int, int]:
    """What tells a replaced file from the one that was read before."""
    with readable(path):
        status = path.stat()
    return status.st_mtime_ns, status.st_size


def _epoch(day: date) -> int:
    return int(midnight(day).timestamp()) * 1_000_000


def _moment(epoch_us: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=epoch_us)


@lru_cache(maxsize=256)
def _open_times(file: CandleFile, symbol: str, modified_ns: int, size: int) -> Microseconds:
    """Every `ts` of the file in microseconds, proven strictly increasing: a day is then a slice of rows.

    The order of the whole file is looked at, since a row astray would make two days wrong, not one.
    """
    if file.layout == "parquet":
        opens = _parquet_times(file)
    else:
        opens = _text_candles(file, symbol, modified_ns, size)["ts"].dt.epoch("us").to_numpy()
    steps = np.diff(opens)
    astray = np.flatnonzero(steps <= 0)
    if astray.size:
        row = int(astray[0]) + 1
        fault = "has the same ts as the row before" if steps[row - 1] == 0 else "lies before the row above it"
        raise CandleError(
            f"{file.path}: candles of {symbol} break the contract at "
            f"{_moment(int(opens[row])):%Y-%m-%d %H:%M:%S}, row {row} (from 0): "
            f"it {fault}; fetch or correct the file"
        )
    if file.first and file.last and opens.size:
        _within_name(file, symbol, opens, file.first, file.last)
    return opens


def _within_name(file: CandleFile, symbol: str, opens: Microseconds, first: date, last: date) -> None:
    outside = np.flatnonzero((opens < _epoch(first)) | (opens >= _epoch(last + DAY)))
    if outside.size:
        row = int(outside[0])
        raise CandleError(
            f"{file.path}: candles of {symbol}, row {row} (from 0), lies at {_moment(int(opens[row]))}, "
            "outside the days that the file's name tells; fetch or correct the file"
        )


def _parquet_times(file: CandleFile) -> Microseconds:
    with readable(file.path):
        scan = pl.scan_parquet(file.path)
        _has_columns(file.path, scan.collect_schema().names())
        stamps = scan.select("ts").collect()["ts"]
    if stamps.null_count():
        row = int(stamps.is_null().arg_max() or 0)
        raise CandleError(f"{file.path}: row {row} (from 0) has no ts; fetch or correct the file")
    return _to_utc(stamps, file.path).dt.epoch("us").to_numpy()


def _has_columns(path: Path, names: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise CandleError(f"{path} lacks the column {', '.join(missing)}: it has {', '.join(names)}")


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


def _to_utc(stamps: pl.Series, path: Path) -> pl.Series:
    """Instants in UTC: a zone is converted, none is UTC, whole numbers are epochs in ms or us."""
    if isinstance(stamps.dtype, pl.Datetime):
        zoned = stamps if stamps.dtype.time_zone else stamps.dt.replace_time_zone("UTC")
        return zoned.dt.convert_time_zone("UTC").cast(TIME)
    if stamps.dtype.is_integer():
        return _from_epoch(stamps)
    raise CandleError(f"{path} has ts of type {stamps.dtype}: write UTC timestamps, or epochs in ms or us")


def _from_epoch(stamps: pl.Series) -> pl.Series:
    whole = stamps.cast(pl.Int64)
    scaled = pl.select(pl.when(whole >= _MICROSECONDS_FROM).then(whole).otherwise(whole * 1000)).to_series()
    return scaled.cast(TIME).alias(stamps.name)


@lru_cache(maxsize=4)
def _text_candles(file: CandleFile, symbol: str, modified_ns: int, size: int) -> pl.DataFrame:
    """All rows of a CSV, typed but not yet validated; `modified_ns` and `size` only tell versions apart."""
    del modified_ns, size
    with readable(file.path):
        text = _unzipped(file.path) if file.path.suffix == ".zip" else file.path.read_bytes()
        if file.layout == "csv":
            cells = pl.read_csv(io.BytesIO(text), infer_schema=False)
            _has_columns(file.path, cells.columns)
            names = [name for name in CANDLE_SCHEMA if name in cells.columns and name != "known_at"]
            typed = _typed(cells.select(names), file, symbol)
        else:
            typed = _kline_rows(text, file, symbol)
    return to_candles(typed)


def _unzipped(path: Path) -> bytes:
    with zipfile.ZipFile(path) as bundle:
        members = [name for name in bundle.namelist() if name.endswith(".csv")]
        if len(members) != 1:
            raise MarketError(f"{path} holds {len(members)} CSV files where one is due: fetch it again")
        return bundle.read(members[0])


def _kline_rows(text: bytes, file: CandleFile, symbol: str) -> pl.DataFrame:
    titled = text[:9].lower() == b"open_time"
    cells = pl.read_csv(io.BytesIO(text), has_header=False, skip_rows=int(titled), infer_schema=False)
    if cells.width != len(KLINE_COLUMNS):
        raise CandleError(f"{file.path} has {cells.width} columns, a kline file has {len(KLINE_COLUMNS)}")
    cells.columns = list(KLINE_COLUMNS)
    typed = _typed(cells.rename({"open_time": "ts"}), file, symbol)
    closes = _from_epoch(typed["close_time"])
    # The close is the last unit before the next open; a unit is a millisecond or a microsecond.
    length = (closes - typed["ts"]).dt.total_microseconds()
    odd = ~length.is_in([MINUTE_US - 1, MINUTE_US - 1000])
    if odd.any():
        row = int(odd.arg_max() or 0)
        raise CandleError(
            f"{file.path}: candles of {symbol} at {typed['ts'][row]:%Y-%m-%d %H:%M:%S}, row {row} (from 0), "
            f"closes at {closes[row]}, not one minute later; fetch 1-minute klines"
        )
    return typed.select("ts", *REQUIRED[1:], *OPTIONAL)


def _typed(cells: pl.DataFrame, file: CandleFile, symbol: str) -> pl.DataFrame:
    """Text cells as numbers and times; a cell that is empty or no number names its row."""
    whole = {"trades", "close_time"}
    typed = cells.select(
        _time(cells["ts"]),
        *(
            pl.col(name).str.strip_chars().cast(pl.Int64 if name in whole else pl.Float64, strict=False)
            for name in cells.columns
            if name != "ts"
        ),
    )
    for name in typed.columns:
        if typed[name].null_count():
            row = int(typed[name].is_null().arg_max() or 0)
            raise CandleError(
                f"{file.path}: candles of {symbol} at {cells['ts'][row]}, row {row} (from 0): {name} is "
                f"{cells[name][row] or 'empty'}, not a value; the file may be truncated: fetch it again"
            )
    return typed


def _time(cells: pl.Series) -> pl.Series:
    epochs = cells.str.strip_chars().cast(pl.Int64, strict=False)
    if epochs.null_count() < epochs.len() or not epochs.len():
        return _from_epoch(epochs)
    return cells.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
