"""Candles in text: a CSV with named columns, or the twelve columns of the public Binance layout.

A cell is a number or the file is refused; the fast reader only tells that some cell is none, and the file is then
read once more, cell by cell, to name it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from huracan_assets.errors import CandleError
from huracan_assets.market.archive.times import from_epoch, from_epochs, moment
from huracan_assets.market.contract import CANDLE_SCHEMA, MINUTE_US, OPTIONAL, REQUIRED, TIME

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
_WHOLE = {"open_time", "close_time", "trades"}


def named_rows(text: bytes, path: Path, symbol: str) -> pl.DataFrame:
    """`ts` and those of the contract's columns that a CSV with a header names; further columns are left out.

    Raises:
        CandleError: a column is missing, or a cell is no value.
    """
    columns = pl.read_csv(io.BytesIO(text), infer_schema=False, n_rows=0).columns
    require_columns(path, columns, symbol)
    names = [name for name in CANDLE_SCHEMA if name in columns and name != "known_at"]
    kinds = {name: pl.String() if name == "ts" else _kind(name) for name in names}
    try:
        typed = pl.read_csv(io.BytesIO(text), columns=names, schema_overrides=kinds).select(names)
        typed = typed.with_columns(_time(typed["ts"]))
    except pl.exceptions.PolarsError:
        typed = None
    if typed is None or _has_null(typed):
        typed = _typed(pl.read_csv(io.BytesIO(text), infer_schema=False).select(names), path, symbol)
    return typed


def kline_rows(text: bytes, path: Path, symbol: str, minutes: int) -> pl.DataFrame:
    """`ts` and the contract's columns of a kline file, whose first line may be titles.

    Args:
        minutes: length of its bars.

    Raises:
        CandleError: it is empty or has not twelve columns, a cell is no value, or a bar is not `minutes` long.
    """
    if not text.strip():
        raise CandleError(f"{path}: not one row of {symbol}; the file is empty: fetch it again")
    titled = int(text[:9].lower() == b"open_time")
    kinds = {name: _kind(name) for name in KLINE_COLUMNS}
    try:
        typed = pl.read_csv(io.BytesIO(text), has_header=False, skip_rows=titled, schema=kinds)
    except pl.exceptions.PolarsError:
        typed = None
    # Lines that are too short become nulls, so a file of another width cannot pass for one of twelve columns.
    if typed is None or _has_null(typed):
        typed = _kline_cells(text, titled, path, symbol)
    opens, closes = (from_epochs(typed[name].to_numpy()) for name in ("open_time", "close_time"))
    # The close is the last unit before the next open; a unit is a millisecond or a microsecond.
    length = closes - opens
    odd = (length != minutes * MINUTE_US - 1) & (length != minutes * MINUTE_US - 1000)
    if odd.any():
        row = int(odd.argmax())
        raise CandleError(
            f"{path}: candles of {symbol} at {moment(int(opens[row]))}, row {row} (from 0), closes at "
            f"{moment(int(closes[row]))}, so it is no {minutes}-minute bar; fetch {minutes}-minute klines"
        )
    return pl.DataFrame([pl.Series("ts", opens).cast(TIME), *(typed[name] for name in (*REQUIRED[1:], *OPTIONAL))])


def require_columns(path: Path, names: Sequence[str], symbol: str) -> None:
    """Refuse a file that lacks a column of the contract.

    Raises:
        CandleError: names the file, the symbol and the columns.
    """
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise CandleError(
            f"{path} lacks the column {', '.join(missing)} of {symbol}'s candles: it has {', '.join(names)}; "
            "fetch or correct the file"
        )


def _kind(name: str) -> pl.DataType:
    return pl.Int64() if name in _WHOLE else pl.Float64()


def _has_null(frame: pl.DataFrame) -> bool:
    return any(column.null_count() for column in frame.iter_columns())


def _kline_cells(text: bytes, titled: int, path: Path, symbol: str) -> pl.DataFrame:
    cells = pl.read_csv(io.BytesIO(text), has_header=False, skip_rows=titled, infer_schema=False)
    if cells.width != len(KLINE_COLUMNS):
        raise CandleError(
            f"{path}: candles of {symbol} have {cells.width} columns, a kline file has {len(KLINE_COLUMNS)}; "
            "fetch or correct the file"
        )
    cells.columns = ["ts", *KLINE_COLUMNS[1:]]
    typed = _typed(cells, path, symbol)
    return typed.with_columns(open_time=pl.col("ts").dt.epoch("us"))


def _typed(cells: pl.DataFrame, path: Path, symbol: str) -> pl.DataFrame:
    """Text cells as numbers and times; a cell that is empty or no number names its row."""
    typed = cells.select(
        _time(cells["ts"]),
        *(pl.col(name).str.strip_chars().cast(_kind(name), strict=False) for name in cells.columns if name != "ts"),
    )
    for name in typed.columns:
        if typed[name].null_count():
            row = int(typed[name].is_null().arg_max() or 0)
            raise CandleError(
                f"{path}: candles of {symbol} at {_told(typed['ts'], cells['ts'], row)}, row {row} (from 0): {name} is "
                f"{cells[name][row] or 'empty'}, not a value; the file may be truncated: fetch it again"
            )
    return typed


def _told(times: pl.Series, cells: pl.Series, row: int) -> str:
    """A row's instant in words; where its cell is none, or was cut short, the cell and the instant of the row above."""
    instant, above = times.to_physical()[row], times.to_physical()[row - 1] if row else None
    if instant is not None and (above is None or instant > above):
        return moment(instant)
    return str(cells[row]) if above is None else f"{cells[row]}, after {moment(above)}"


def _time(cells: pl.Series) -> pl.Series:
    epochs = cells.str.strip_chars().cast(pl.Int64, strict=False)
    if epochs.null_count() < epochs.len() or not epochs.len():
        return from_epoch(epochs)
    return cells.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
