"""Hourly files of an archive: read as strictly as minutes, and never taken for them."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from huracan_assets.errors import CandleError, MarketError
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets_tests.market.archive.test_source import COLUMNS, kline_text, two_days, zipped
from huracan_assets_tests.market.violations import DAY, good_candles, good_hours

NEXT = DAY + timedelta(days=1)
HOUR_S = 3600


def hours() -> pl.DataFrame:
    """Two valid days of hours as a recorder writes them."""
    return pl.concat([good_hours(DAY), good_hours(NEXT)]).select(COLUMNS)


def written(folder: Path, layout: str, frame: pl.DataFrame) -> ArchiveSource:
    """An archive with the hours in one of the layouts, and the minutes beside them."""
    two_days().write_parquet(folder / "BTC-USDT.parquet")
    if layout == "parquet":
        frame.write_parquet(folder / "BTC-USDT-1h.parquet")
    elif layout == "csv":
        frame.with_columns(pl.col("ts").dt.epoch("ms")).write_csv(folder / "BTC-USDT-1h.csv")
    elif layout == "kline days":
        for day, part in ((DAY, frame[:24]), (NEXT, frame[24:])):
            zipped(folder / f"BTCUSDT-1h-{day}.zip", kline_text(part, seconds=HOUR_S))
    else:
        for month, part in (("2024-02", frame[:24]), ("2024-03", frame[24:])):
            (folder / f"BTCUSDT-1h-{month}.csv").write_text(kline_text(part, seconds=HOUR_S))
    return ArchiveSource(folder)


@pytest.mark.parametrize("layout", ["parquet", "csv", "kline days", "kline months"])
def test_hours_and_minutes_lie_beside_one_another_and_are_told_apart(tmp_path: Path, layout: str) -> None:
    source = written(tmp_path, layout, hours())
    both = source.hourly("BTC-USDT", DAY, NEXT)
    assert both is not None
    assert both.equals(pl.concat([good_hours(DAY), good_hours(NEXT)]))
    second = source.hourly("BTC-USDT", NEXT, NEXT)
    assert second is not None
    assert second.equals(good_hours(NEXT))
    assert source.candles("BTC-USDT", DAY, NEXT).equals(pl.concat([good_candles(DAY), good_candles(NEXT)]))
    later = source.hourly("BTC-USDT", NEXT + timedelta(days=1), NEXT + timedelta(days=2))
    assert later is not None
    assert later.is_empty()


def test_an_archive_without_hours_says_so_and_one_without_minutes_has_no_candles(tmp_path: Path) -> None:
    two_days().write_parquet(tmp_path / "ETH-USDT.parquet")
    hours().write_parquet(tmp_path / "BTC-USDT-1h.parquet")
    source = ArchiveSource(tmp_path)
    assert source.hourly("ETH-USDT", DAY, NEXT) is None
    assert source.first_day("BTC-USDT") is None
    with pytest.raises(MarketError, match="does not know the symbol BTC-USDT"):
        source.candles("BTC-USDT", DAY, NEXT)


@pytest.mark.parametrize("layout", ["parquet", "csv", "kline days"])
def test_minutes_in_an_hourly_file_and_hours_in_a_minute_file_are_refused(tmp_path: Path, layout: str) -> None:
    minutes = two_days()
    if layout == "kline days":
        zipped(tmp_path / f"BTCUSDT-1h-{DAY}.zip", kline_text(minutes[:1440]))
        zipped(tmp_path / f"ETHUSDT-1m-{DAY}.zip", kline_text(hours()[:24], seconds=HOUR_S))
    elif layout == "csv":
        minutes.write_csv(tmp_path / "BTC-USDT-1h.csv")
    else:
        minutes.write_parquet(tmp_path / "BTC-USDT-1h.parquet")
    source = ArchiveSource(tmp_path)
    with pytest.raises(CandleError, match=r"no 60-minute bar|ts must lie on a whole hour"):
        source.hourly("BTC-USDT", DAY, DAY)
    if layout == "kline days":
        with pytest.raises(CandleError, match="no 1-minute bar"):
            source.candles("ETH-USDT", DAY, DAY)


def test_a_broken_hour_names_its_file_and_row(tmp_path: Path) -> None:
    frame = hours().with_columns(low=pl.when(pl.int_range(pl.len()) == 30).then(-1.0).otherwise("low"))
    source = written(tmp_path, "kline days", frame)
    with pytest.raises(CandleError) as caught:
        source.hourly("BTC-USDT", DAY, NEXT)
    for part in (f"BTCUSDT-1h-{NEXT}.zip", "hourly candles of BTC-USDT", "2024-03-01 06:00", "row 6", "low -1.0"):
        assert part in str(caught.value)


def test_two_hourly_files_that_differ_are_named_both(tmp_path: Path) -> None:
    frame = hours()
    frame.write_parquet(tmp_path / "BTC-USDT-1h.parquet")
    (tmp_path / "other").mkdir()
    frame.with_columns(volume=pl.col("volume") * (1 + 1e-12)).write_parquet(tmp_path / "other" / "BTC-USDT-1h.parquet")
    with pytest.raises(CandleError, match=r"other/BTC-USDT-1h\.parquet tell the candle of BTC-USDT at 2024-02-29"):
        ArchiveSource(tmp_path).hourly("BTC-USDT", DAY, date(2024, 3, 1))
