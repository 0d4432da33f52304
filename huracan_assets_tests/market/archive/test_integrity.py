"""Flipped bits in an archive: found where anything tells of them, and never an error without a name or a NaN."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.errors import CandleError, MarketError
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets_tests.market.archive.test_source import COLUMNS, kline_text
from huracan_assets_tests.market.violations import DAY, good_candles

CANDLES = good_candles()
NAME = "BTC-USDT.parquet"


def written(folder: Path, **options: object) -> bytes:
    """A Parquet file as pyarrow writes it with these options; its bytes."""
    folder.mkdir(exist_ok=True)
    pq.write_table(CANDLES.select(COLUMNS).to_arrow(), folder / NAME, **options)
    return (folder / NAME).read_bytes()


def flipped(data: bytes, bit: int) -> bytes:
    """The bytes with one bit turned."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def read(folder: Path) -> pl.DataFrame:
    """The day, by a source that has never looked."""
    return ArchiveSource(folder).candles("BTC-USDT", DAY, DAY)


positions = st.floats(0.0, 1.0, exclude_max=True)


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_a_flipped_bit_in_a_page_with_a_checksum_is_found(
    tmp_path_factory: pytest.TempPathFactory, compression: str
) -> None:
    folder = tmp_path_factory.mktemp(compression)
    data = written(folder, compression=compression, write_page_checksum=True)
    pages = len(data) - 8 - int.from_bytes(data[-8:-4], "little")  # before the footer, which has no checksum

    @given(position=positions)
    @settings(max_examples=60, database=None)
    def flip(position: float) -> None:
        (folder / NAME).write_bytes(flipped(data, 32 + int(position * (8 * pages - 32))))
        try:
            found = read(folder)
        except MarketError as error:
            assert NAME in str(error)
        else:
            assert found.equals(CANDLES)  # the bit was one that says nothing about the content

    flip()


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_without_any_checksum_a_flipped_bit_is_an_error_by_name_or_a_candle_that_keeps_the_contract(
    tmp_path_factory: pytest.TempPathFactory, compression: str
) -> None:
    folder = tmp_path_factory.mktemp(compression)
    data = written(folder, compression=compression)

    @given(position=positions)
    @settings(max_examples=100, database=None)
    def flip(position: float) -> None:
        (folder / NAME).write_bytes(flipped(data, int(position * 8 * len(data))))
        try:
            found = read(folder)
        except MarketError as error:
            assert NAME in str(error)
        else:
            required = found.select("open", "high", "low", "close", "volume")
            assert required.select(pl.all().is_finite().all()).row(0) == (True,) * 5
            assert found.height <= CANDLES.height

    flip()


@pytest.mark.parametrize("bit", [0, 8 * 1000, -1])
def test_a_file_is_held_to_the_checksum_beside_it(tmp_path: Path, bit: int) -> None:
    data = written(tmp_path / "archive")
    beside = tmp_path / "archive" / f"{NAME}.CHECKSUM"
    beside.write_text(f"{hashlib.sha256(data).hexdigest()}  {NAME}\n")
    assert read(tmp_path / "archive").equals(CANDLES)
    (tmp_path / "archive" / NAME).write_bytes(flipped(data, bit % (8 * len(data))))
    with pytest.raises(MarketError, match="has not the SHA-256"):
        read(tmp_path / "archive")
    beside.write_text("fetch failed: 404")
    with pytest.raises(MarketError, match="begins with no SHA-256"):
        read(tmp_path / "archive")


def test_a_zip_is_held_to_the_checksum_beside_it(tmp_path: Path) -> None:
    path = tmp_path / f"BTCUSDT-1m-{DAY}.zip"
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("a.csv", kline_text(CANDLES))
    (tmp_path / f"{path.name}.CHECKSUM").write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}")
    assert read(tmp_path).equals(CANDLES)
    with zipfile.ZipFile(path, "w") as bundle:  # whole, but not the one that was published
        bundle.writestr("b.csv", kline_text(CANDLES[:700]))
    with pytest.raises(MarketError, match="has not the SHA-256"):
        read(tmp_path)


def test_times_that_lie_in_no_calendar_are_refused_in_words(tmp_path: Path) -> None:
    rows = CANDLES.select(COLUMNS).with_columns(pl.col("ts").dt.epoch("us"))
    far = rows.with_columns(ts=pl.when(pl.int_range(pl.len()) == 1439).then(2**62).otherwise("ts"))
    far.write_parquet(tmp_path / NAME)
    with pytest.raises(CandleError, match=f"{2**62} us since 1970 lie in no calendar"):
        read(tmp_path)
