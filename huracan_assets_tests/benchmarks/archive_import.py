"""How quickly a year of archive files becomes daily files of the lake: read, validated, hashed, written, synchronised.

The path is the one that `candles` takes from the source to the lake, in one process; every run reads files that it
has not seen and writes into an empty lake.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
import zipfile
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import polars as pl

from huracan_assets.days import DAY, MINUTES_PER_DAY, days_between
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets.market.candle_days import Written, write_days
from huracan_assets.market.source import split_days
from huracan_assets.market.synthetic import SyntheticSource
from huracan_assets.resources.lake import Lake
from huracan_assets_tests.benchmarks.harness import benchmark

DECIMALS = 8  # as the public archive writes them
SYMBOL, FIRST, DAYS = "BTC-USDT", date(2024, 1, 1), 365
LAST = FIRST + timedelta(days=DAYS - 1)


@benchmark(unit="candles/s", bound=500_000, better="higher")
def archive_import_parquet() -> float:
    """Candles a second from one Parquet file."""
    return _imported(_parquet())


@benchmark(unit="candles/s", bound=250_000, better="higher")
def archive_import_csv() -> float:
    """Candles a second from one CSV with a header."""
    return _imported(_csv())


@benchmark(unit="candles/s", bound=250_000, better="higher")
def archive_import_zip() -> float:
    """Candles a second from the public layout's daily zips."""
    return _imported(_zips())


def _imported(archive: Path) -> float:
    for path in archive.iterdir():
        path.touch()  # a file that has changed is read anew, whatever this process remembers
    # Deleted at the end alone: ext4 looks long for an inode among those just given back.
    lake = _folder()
    wanted = {SYMBOL: days_between(FIRST, LAST)}
    begin = time.perf_counter()
    for day in write_days(ArchiveSource(archive), Lake.at(lake), wanted):
        if not isinstance(day, Written):
            raise RuntimeError(f"{archive} gave no candles: {day.error}")
    took = time.perf_counter() - begin
    files = len(list(lake.rglob("*.parquet")))
    if files != DAYS:
        raise RuntimeError(f"{files} files came out of {DAYS} days")
    return DAYS * MINUTES_PER_DAY / took


@cache
def _candles() -> pl.DataFrame:
    source = SyntheticSource(symbols=[SYMBOL], benchmark=SYMBOL, first=FIRST, seed=1, edge=0.0)
    return source.candles(SYMBOL, FIRST, LAST).drop("known_at")


@cache
def _parquet() -> Path:
    folder = _folder()
    _candles().write_parquet(folder / f"{SYMBOL}.parquet")
    return folder


@cache
def _csv() -> Path:
    folder = _folder()
    _candles().with_columns(pl.col("ts").dt.epoch("ms")).write_csv(folder / f"{SYMBOL}.csv", float_precision=DECIMALS)
    return folder


@cache
def _zips() -> Path:
    folder = _folder()
    opens = pl.col("ts").dt.epoch("ms")
    for day, candles in split_days(_candles(), days_between(FIRST, LAST)).items():
        rows = candles.select(
            opens.alias("open_time"),
            *("open", "high", "low", "close", "volume"),
            (opens + DAY // timedelta(milliseconds=1) // MINUTES_PER_DAY - 1).alias("close_time"),
            *("quote_volume", "trades", "taker_buy_volume"),
            taker_buy_quote_volume=pl.col("taker_buy_volume") * pl.col("close"),
            ignore=pl.lit(0),
        )
        name = f"{SYMBOL.replace('-', '')}-1m-{day}"
        with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as bundle:
            bundle.writestr(f"{name}.csv", rows.write_csv(include_header=False, float_precision=DECIMALS))
    return folder


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="huracan-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
