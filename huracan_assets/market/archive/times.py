"""Instants as archives write them: epochs in milliseconds or microseconds, zoned times, or times without a zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from huracan_assets.days import midnight
from huracan_assets.errors import CandleError
from huracan_assets.market.contract import TIME

Microseconds = npt.NDArray[np.int64]

_MICROSECONDS_FROM = 10**14  # an epoch this large is in microseconds: in milliseconds it is the year 5138
_YEAR_1, _YEAR_9999 = -62_135_596_800_000_000, 253_402_300_800_000_000


def from_epochs(stamps: Microseconds) -> Microseconds:
    """Microseconds of epochs in milliseconds or microseconds."""
    return np.where(stamps >= _MICROSECONDS_FROM, stamps, stamps * 1000)


def from_epoch(stamps: pl.Series) -> pl.Series:
    """As `from_epochs`, as instants; nulls stay."""
    whole = stamps.cast(pl.Int64)
    scaled = pl.select(pl.when(whole >= _MICROSECONDS_FROM).then(whole).otherwise(whole * 1000)).to_series()
    return scaled.cast(TIME).alias(stamps.name)


def to_utc(stamps: pl.Series, path: Path, symbol: str) -> pl.Series:
    """Instants in UTC: a zone is converted, none is UTC, whole numbers are epochs in ms or us.

    Raises:
        CandleError: of any other type.
    """
    if isinstance(stamps.dtype, pl.Datetime):
        zoned = stamps if stamps.dtype.time_zone else stamps.dt.replace_time_zone("UTC")
        return zoned.dt.convert_time_zone("UTC").cast(TIME)
    if stamps.dtype.is_integer():
        return from_epoch(stamps)
    raise CandleError(
        f"{path}: candles of {symbol} have ts of type {stamps.dtype}: write UTC timestamps, or epochs in ms or us"
    )


def day_begin(day: date) -> int:
    """Microseconds from 1970 to its 00:00 UTC."""
    return int(midnight(day).timestamp()) * 1_000_000


def in_calendar(epoch_us: int) -> bool:
    """Whether an instant lies in a year that can be written."""
    return _YEAR_1 <= epoch_us < _YEAR_9999


def moment(epoch_us: int) -> str:
    """An instant in words; as the number where it lies in no year of the calendar."""
    if not in_calendar(epoch_us):
        return f"{epoch_us} us since 1970"
    return f"{datetime.fromtimestamp(0, UTC) + timedelta(microseconds=epoch_us):%Y-%m-%d %H:%M:%S} UTC"
