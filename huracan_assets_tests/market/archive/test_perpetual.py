"""The perpetuals' files of an archive: read as strictly as its own candles, and never taken for them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from huracan_assets.errors import CandleError, MarketError
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets.market.contract import validate_perpetual
from huracan_assets_tests.market.archive.test_source import COLUMNS, kline_text, two_days, zipped
from huracan_assets_tests.market.violations import DAY, good_candles

NEXT = DAY + timedelta(days=1)
PRICES = ("open", "high", "low", "close", "quote_volume")


def dearer(frame: pl.DataFrame) -> pl.DataFrame:
    """The same days at other prices."""
    return frame.with_columns(pl.col(name) * 1.0005 for name in PRICES)


def archive_with(place: Path, layout: str, frame: pl.DataFrame) -> ArchiveSource:
    """An archive in `place/spot`, and the frame as BTC-USDT's perpetual in or beside it."""
    spot = place / "spot"
    folder = (spot if layout.endswith("inside") else place) / "perpetual"
    folder.mkdir(parents=True)
    spot.mkdir(exist_ok=True)
    two_days().write_parquet(spot / "BTC-USDT.parquet")
    if layout.startswith("parquet"):
        frame.write_parquet(folder / "BTC-USDT.parquet")
    elif layout.startswith("csv"):
        frame.with_columns(pl.col("ts").dt.epoch("ms")).write_csv(folder / "BTC-USDT.csv")
    else:
        for day, part in ((DAY, frame[:1440]), (NEXT, frame[1440:])):
            zipped(folder / f"BTCUSDT-1m-{day}.zip", kline_text(part))
    return ArchiveSource(spot)


@pytest.mark.parametrize(
    "layout", [f"{name} {where}" for name in ("parquet", "csv", "kline") for where in ("inside", "beside")]
)
def test_both_markets_are_read_to_the_bit_and_told_apart(tmp_path: Path, layout: str) -> None:
    whole = pl.concat([good_candles(DAY), good_candles(NEXT)])
    source = archive_with(tmp_path, layout, dearer(whole).select(COLUMNS))
    found = source.perpetual_candles("BTC-USDT", DAY, NEXT)
    assert found is not None
    assert found.equals(dearer(whole))
    second = source.perpetual_candles("BTC-USDT", NEXT, NEXT)
    assert second is not None
    assert second.equals(dearer(whole)[1440:])
    assert source.candles("BTC-USDT", DAY, NEXT).equals(whole)
    later = source.perpetual_candles("BTC-USDT", NEXT + timedelta(days=1), NEXT + timedelta(days=2))
    assert later is not None
    assert later.is_empty()


def test_what_has_no_perpetual_has_none_and_a_perpetual_alone_is_no_symbol_of_the_archive(tmp_path: Path) -> None:
    two_days().write_parquet(tmp_path / "ETH-USDT.parquet")
    assert ArchiveSource(tmp_path).perpetual_candles("ETH-USDT", DAY, NEXT) is None
    (tmp_path / "perpetual").mkdir()
    two_days().write_parquet(tmp_path / "perpetual" / "BTC-USDT.parquet")
    source = ArchiveSource(tmp_path)
    assert source.perpetual_candles("ETH-USDT", DAY, NEXT) is None
    assert source.first_day("BTC-USDT") is None
    with pytest.raises(MarketError, match="does not know the symbol BTC-USDT"):
        source.candles("BTC-USDT", DAY, NEXT)


def test_a_folder_of_perpetuals_may_be_the_archive_itself_and_is_then_no_perpetual_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "perpetual"
    folder.mkdir()
    two_days().write_parquet(folder / "BTC-USDT.parquet")
    source = ArchiveSource(folder)
    assert source.candles("BTC-USDT", DAY, DAY).equals(good_candles(DAY))
    assert source.perpetual_candles("BTC-USDT", DAY, DAY) is None


def test_a_broken_bar_names_its_file_and_row(tmp_path: Path) -> None:
    frame = two_days().with_columns(low=pl.when(pl.int_range(pl.len()) == 1500).then(-1.0).otherwise("low"))
    source = archive_with(tmp_path, "kline inside", frame)
    with pytest.raises(CandleError) as caught:
        source.perpetual_candles("BTC-USDT", DAY, NEXT)
    for part in (f"perpetual/BTCUSDT-1m-{NEXT}.zip", "2024-03-01 01:00", "row 60", "low -1.0"):
        assert part in str(caught.value)
    assert source.candles("BTC-USDT", DAY, NEXT).height == 2880


@pytest.mark.parametrize("symbol", ["BTC-USDT", "XRP-USDT"])
def test_recorded_perpetuals_are_an_archive_or_stand_beside_one(shared: Path, tmp_path: Path, symbol: str) -> None:
    recorded = shared / "data" / "perp_candles_1m_2025"
    (tmp_path / "perpetual").symlink_to(recorded)
    own = ArchiveSource(recorded)
    begins = own.first_day(symbol)
    assert begins is not None
    last = begins + timedelta(days=9)
    candles = own.candles(symbol, begins, last)
    found = ArchiveSource(tmp_path).perpetual_candles(symbol, begins, last)
    assert found is not None
    assert found.equals(candles)
    assert validate_perpetual(found, symbol=symbol, origin="here").height > 9 * 1440
    assert own.perpetual_candles(symbol, begins, last) is None
