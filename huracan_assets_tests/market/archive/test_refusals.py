"""What an archive refuses it tells by file, symbol, the row's instant in UTC, and what to do next."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from huracan_assets.days import DAY as ONE_DAY
from huracan_assets.errors import MarketError
from huracan_assets.market.archive.files import candle_file
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets_tests.market.archive.test_source import kline_text, two_days

DAY, SYMBOL = date(2024, 2, 29), "BTC-USDT"
KLINE = f"BTCUSDT-1m-{DAY}.csv"
LAST = f"{DAY} 23:59:00 UTC"
COLUMNS = "ts,open,high,low,close,volume"


def klines() -> str:
    return kline_text(two_days()[:1440])


def named() -> str:
    rows = two_days()[:1440].select(COLUMNS.split(",")).with_columns(pl.col("ts").dt.epoch("ms"))
    return rows.write_csv().rstrip()


def parquet(change: Callable[[pl.DataFrame], pl.DataFrame]) -> bytes:
    buffer = io.BytesIO()
    change(two_days()[:1440]).write_parquet(buffer)
    return buffer.getvalue()


def second_last(text: str, cells: int) -> str:
    """The text cut within its last row, of which so many cells are left."""
    *rows, last = text.rstrip().split("\n")
    return "\n".join([*rows, ",".join(last.split(",")[:cells])])


CASES: dict[str, tuple[str, Callable[[], str | bytes], tuple[str, ...]]] = {
    "kline cut": (KLINE, lambda: second_last(klines(), 7), (LAST, "row 1439 (from 0)", "fetch it again")),
    "csv cut": (f"{SYMBOL}.csv", lambda: second_last(named(), 3), (LAST, "row 1439 (from 0)", "fetch it again")),
    "csv cut in a time": (
        f"{SYMBOL}.csv",
        lambda: second_last(named(), 1)[:-4],
        (f"after {DAY} 23:58:00 UTC", "row 1439 (from 0)", "fetch it again"),
    ),
    "seven columns": (
        KLINE,
        lambda: "\n".join(",".join(row.split(",")[:7]) for row in klines().splitlines()),
        ("have 7 columns, a kline file has 12", "fetch or correct the file"),
    ),
    "csv without a column": (
        f"{SYMBOL}.csv",
        lambda: named().replace("low", "lowest"),
        ("lacks the column low of BTC-USDT", "fetch or correct the file"),
    ),
    "parquet without a column": (
        f"{SYMBOL}.parquet",
        lambda: parquet(lambda frame: frame.drop("low")),
        ("lacks the column low of BTC-USDT", "fetch or correct the file"),
    ),
    "parquet with text for a price": (
        f"{SYMBOL}.parquet",
        lambda: parquet(lambda frame: frame.with_columns(low=pl.lit("x"))),
        ("column 'low'", "fetch it again"),
    ),
    "parquet with text for a time": (
        f"{SYMBOL}.parquet",
        lambda: parquet(lambda frame: frame.with_columns(pl.col("ts").cast(pl.String))),
        ("type String", "write UTC timestamps"),
    ),
    "negative price": (
        f"{SYMBOL}.parquet",
        lambda: parquet(lambda frame: frame.with_columns(low=-pl.col("low"))),
        (f"{DAY} 00:00:00 UTC", "row 0 (from 0)", "fetch or correct the row"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_names_file_symbol_instant_and_next_step_in_one_line(tmp_path: Path, case: str) -> None:
    name, content, told = CASES[case]
    made = content()
    (tmp_path / name).write_bytes(made if isinstance(made, bytes) else made.encode())
    with pytest.raises(MarketError) as caught:
        ArchiveSource(tmp_path).candles(SYMBOL, DAY, DAY)
    message = str(caught.value)
    for part in (str(tmp_path / name), SYMBOL, *told):
        assert part in message
    assert "\n" not in message


def test_an_archive_without_the_symbol_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "ETH-USDT.csv").write_text(named())
    with pytest.raises(
        MarketError, match=f"archive {tmp_path} does not know the symbol {SYMBOL}: it has ETH-USDT; add"
    ):
        ArchiveSource(tmp_path).candles(SYMBOL, DAY, DAY)
    with pytest.raises(MarketError, match=f"the archive {tmp_path}/gone is no folder: point HURACAN_MARKET__ARCHIVE"):
        ArchiveSource(tmp_path / "gone").candles(SYMBOL, DAY, DAY)


@pytest.mark.parametrize("day", ["2024-13-01", "2023-02-29", "0000-01-01", "2024-00"])
def test_a_name_that_tells_no_day_names_no_candles(tmp_path: Path, day: str) -> None:
    assert candle_file(tmp_path / f"BTCUSDT-1m-{day}.csv") is None
    (tmp_path / f"BTCUSDT-1m-{day}.csv").write_text("")
    (tmp_path / KLINE).write_text(klines())
    assert ArchiveSource(tmp_path).candles(SYMBOL, DAY, DAY + ONE_DAY).height == 1440
