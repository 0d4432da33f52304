"""The archive against files that are good, broken in one place, or at odds with one another."""

from __future__ import annotations

import io
import math
import zipfile
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from huracan_assets.days import midnight
from huracan_assets.errors import CandleError, MarketError
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets_tests.market.violations import DAY, good_candles

NEXT = DAY + timedelta(days=1)
COLUMNS = ["ts", "open", "high", "low", "close", "volume", "quote_volume", "trades", "taker_buy_volume"]
FILE = "BTC-USDT.parquet"


def two_days() -> pl.DataFrame:
    """Two valid days as a recorder writes them."""
    return pl.concat([good_candles(DAY), good_candles(NEXT)]).select(COLUMNS)


def source_of(folder: Path, **files: pl.DataFrame) -> ArchiveSource:
    """An archive with a Parquet file of BTC-USDT in each named sub-folder."""
    for name, frame in files.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        frame.write_parquet(folder / name / FILE)
    return ArchiveSource(folder)


def kline_text(frame: pl.DataFrame, unit: int = 1000, header: bool = False, seconds: int = 60) -> str:
    """Candles of `seconds` each in the public Binance layout; `unit` is the ticks a second of its times."""
    opens = frame["ts"].dt.epoch("us") // (1_000_000 // unit)
    rows = frame.select(
        open_time=opens,
        open="open",
        high="high",
        low="low",
        close="close",
        volume="volume",
        close_time=opens + seconds * unit - 1,
        quote_volume="quote_volume",
        count="trades",
        taker_buy_volume="taker_buy_volume",
        taker_buy_quote_volume=pl.col("taker_buy_volume") * 2,
        ignore=pl.lit(0),
    )
    return rows.write_csv(include_header=header)


def zipped(path: Path, text: str) -> None:
    """A zip with one CSV of the same name."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr(path.with_suffix(".csv").name, text)


def refusal(source: ArchiveSource, first: date = DAY, last: date = NEXT) -> str:
    """The message of the CandleError that reading the days raises."""
    with pytest.raises(CandleError) as caught:
        source.candles("BTC-USDT", first, last)
    return str(caught.value)


def test_a_slice_of_days_is_read_to_the_bit(tmp_path: Path) -> None:
    source = source_of(tmp_path, deep=two_days())
    assert source.candles("BTC-USDT", NEXT, NEXT).equals(good_candles(NEXT))
    both = source.candles("BTC-USDT", DAY - timedelta(days=3), NEXT + timedelta(days=3))
    assert both.equals(pl.concat([good_candles(DAY), good_candles(NEXT)]))
    assert source.candles("BTC-USDT", NEXT + timedelta(days=1), NEXT + timedelta(days=9)).is_empty()
    assert source.first_day("BTC-USDT") == DAY
    assert source.first_day("SOL-USDT") is None


def test_naive_times_and_epochs_are_utc(tmp_path: Path) -> None:
    frame = two_days()
    written = {
        "naive": frame.with_columns(pl.col("ts").dt.replace_time_zone(None)),
        "milliseconds": frame.with_columns(pl.col("ts").dt.epoch("ms")),
        "microseconds": frame.with_columns(pl.col("ts").dt.epoch("us")),
        "zoned": frame.with_columns(pl.col("ts").dt.convert_time_zone("Asia/Tokyo")),
    }
    for name, variant in written.items():
        assert source_of(tmp_path / name, a=variant).candles("BTC-USDT", NEXT, NEXT).equals(good_candles(NEXT)), name


def test_files_of_different_spans_make_one_history(tmp_path: Path) -> None:
    frame = two_days()
    source = source_of(tmp_path, late=frame[1000:], early=frame[:1000].drop("trades"))
    read = source.candles("BTC-USDT", DAY, NEXT)
    assert read.height == 2880
    assert read["ts"].is_sorted()
    assert read["trades"].null_count() == 1000


def test_files_that_agree_on_shared_minutes_are_merged_into_the_fuller_rows(tmp_path: Path) -> None:
    frame = two_days()
    source = source_of(tmp_path, a=frame[:2000].drop("trades", "quote_volume"), b=frame[900:])
    read = source.candles("BTC-USDT", DAY, NEXT)
    assert read.drop("trades", "quote_volume").equals(
        pl.concat([good_candles(DAY), good_candles(NEXT)]).drop("trades", "quote_volume")
    )
    assert read["trades"].null_count() == 900


def test_files_that_differ_in_one_bit_are_named_both(tmp_path: Path) -> None:
    frame = two_days()
    other = frame[900:].with_columns(
        pl.when(pl.col("ts") == frame["ts"][950])
        .then(pl.col("volume") * (1 + 1e-15))
        .otherwise(pl.col("volume"))
        .alias("volume")
    )
    message = refusal(source_of(tmp_path, a=frame, b=other))
    assert str(tmp_path / "a" / FILE) in message
    assert str(tmp_path / "b" / FILE) in message
    assert "2024-02-29 15:50" in message


def broken_rows() -> dict[str, tuple[pl.DataFrame, tuple[str, ...]]]:
    """Each defect of a file, with what its message must tell."""
    frame = two_days()
    at = pl.int_range(pl.len()) == 1500

    def with_price(value: float) -> pl.DataFrame:
        return frame.with_columns(pl.when(at).then(value).otherwise("low").alias("low"))

    return {
        "missing column": (frame.drop("close"), ("lacks the column close",)),
        "duplicate row": (
            pl.concat([frame[:1501], frame[1500:]]),
            ("2024-03-01 01:00", "row 1501", "same ts"),
        ),
        "unsorted row": (
            pl.concat([frame[:1500], frame[1501:1502], frame[1500:1501], frame[1502:]]),
            ("2024-03-01 01:00", "row 1501", "before"),
        ),
        "negative price": (with_price(-1.0), ("2024-03-01 01:00", "row 1500", "low -1.0")),
        "infinite price": (with_price(math.inf), ("2024-03-01 01:00", "row 1500", "low inf")),
        "row without a time": (
            frame.with_columns(pl.when(at).then(None).otherwise("ts").alias("ts")),
            ("row 1500", "no ts"),
        ),
        "row of another symbol": (
            frame.with_columns(symbol=pl.when(at).then(pl.lit("ETH-USDT")).otherwise(pl.lit("BTC-USDT"))),
            ("2024-03-01 01:00", "row 1500", "ETH-USDT"),
        ),
        "time as text": (frame.with_columns(pl.col("ts").cast(pl.String)), ("type String",)),
    }


@pytest.mark.parametrize("defect", broken_rows())
def test_a_broken_parquet_is_refused_and_its_row_named(tmp_path: Path, defect: str) -> None:
    frame, told = broken_rows()[defect]
    message = refusal(source_of(tmp_path, a=frame))
    for part in (str(tmp_path / "a" / FILE), "BTC-USDT", *told):
        assert part in message


def test_a_row_astray_is_found_though_its_day_is_not_asked_for(tmp_path: Path) -> None:
    frame = two_days()
    astray = frame[2000:2001].with_columns(pl.col("ts") - pl.duration(days=300))
    assert "row 2000" in refusal(source_of(tmp_path, a=pl.concat([frame[:2000], astray, frame[2001:]])), DAY, DAY)


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.99])
def test_a_truncated_parquet_is_refused_by_name(tmp_path: Path, keep: float) -> None:
    source = source_of(tmp_path, a=two_days())
    path = tmp_path / "a" / FILE
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep if keep > 1 else keep * len(whole))])
    with pytest.raises(MarketError, match=str(path)):
        source.candles("BTC-USDT", DAY, NEXT)


def test_a_replaced_file_is_read_anew(tmp_path: Path) -> None:
    source = source_of(tmp_path, a=two_days()[:100])
    assert source.candles("BTC-USDT", DAY, NEXT).height == 100
    two_days()[:2000].write_parquet(tmp_path / "a" / FILE)
    assert source.candles("BTC-USDT", DAY, NEXT).height == 2000


@pytest.mark.parametrize("stamp", ["iso", "milliseconds", "microseconds", "naive"])
def test_a_csv_with_a_header_reads_as_the_parquet(tmp_path: Path, stamp: str) -> None:
    frame = two_days()
    times = {
        "iso": frame["ts"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "naive": frame["ts"].dt.strftime("%Y-%m-%d %H:%M:%S"),
        "milliseconds": frame["ts"].dt.epoch("ms"),
        "microseconds": frame["ts"].dt.epoch("us"),
    }
    frame.with_columns(times[stamp]).write_csv(tmp_path / "BTC-USDT.csv")
    assert ArchiveSource(tmp_path).candles("BTC-USDT", NEXT, NEXT).equals(good_candles(NEXT))


def csv_defects() -> dict[str, tuple[str, tuple[str, ...]]]:
    """A CSV's text with one defect, and what the message must tell."""
    lines = two_days().with_columns(pl.col("ts").dt.epoch("ms")).write_csv().splitlines()
    cells = lines[1501].split(",")

    def line(number: int, value: str) -> str:
        changed = [*cells[:number], value, *cells[number + 1 :]]
        return "\n".join([*lines[:1501], ",".join(changed), *lines[1502:]])

    return {
        "text in a price": (line(2, "n/a"), ("2024-03-01 01:00", "row 1500", "high is n/a")),
        "empty cell": (line(8, ""), ("row 1500", "taker_buy_volume is empty")),
        "negative price": (line(3, "-3.5"), ("2024-03-01 01:00", "row 1500", "low -3.5")),
        "infinite price": (line(4, "inf"), ("2024-03-01 01:00", "row 1500", "close inf")),
        "broken time": (line(0, "yesterday"), ("row 1500", "ts is yesterday")),
        "cut in a line": ("\n".join([*lines[:1500], ",".join(cells[:4])]), ("row 1499", "empty")),
        "doubled line": ("\n".join([*lines[:1502], *lines[1501:]]), ("row 1501", "same ts")),
    }


@pytest.mark.parametrize("defect", csv_defects())
def test_a_broken_csv_is_refused_and_its_row_named(tmp_path: Path, defect: str) -> None:
    text, told = csv_defects()[defect]
    (tmp_path / "BTC-USDT.csv").write_text(text)
    message = refusal(ArchiveSource(tmp_path))
    for part in (str(tmp_path / "BTC-USDT.csv"), *told):
        assert part in message


def test_a_csv_without_a_header_lacks_columns(tmp_path: Path) -> None:
    (tmp_path / "BTC-USDT.csv").write_text(two_days().write_csv(include_header=False))
    assert "lacks the column ts, open" in refusal(ArchiveSource(tmp_path))


@pytest.mark.parametrize("unit", [1_000, 1_000_000], ids=["ms", "us"])
@pytest.mark.parametrize("header", [False, True], ids=["headerless", "header"])
@pytest.mark.parametrize("suffix", [".csv", ".zip"])
def test_the_public_layout_reads_days_and_months(tmp_path: Path, unit: int, header: bool, suffix: str) -> None:
    frame = two_days()
    month = tmp_path / f"BTCUSDT-1m-2024-02{suffix}"
    day = tmp_path / "spot" / f"BTCUSDT-1m-2024-03-01{suffix}"
    day.parent.mkdir()
    for path, part in ((month, frame[:1440]), (day, frame[1440:])):
        text = kline_text(part, unit, header)
        if suffix == ".zip":
            zipped(path, text)
        else:
            path.write_text(text)
    source = ArchiveSource(tmp_path)
    assert source.candles("BTC-USDT", DAY, NEXT).equals(pl.concat([good_candles(DAY), good_candles(NEXT)]))
    assert source.first_day("BTC-USDT") == DAY


def test_a_kline_file_that_holds_another_day_or_interval_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1m-2024-02-29.csv"
    path.write_text(kline_text(two_days()[:1441]))
    assert "outside the days" in refusal(ArchiveSource(tmp_path))
    path.write_text(kline_text(two_days()[:10]).replace("59999,", "99999,"))
    assert "no 1-minute bar" in refusal(ArchiveSource(tmp_path))
    path.write_text("\n".join(line + ",0" for line in kline_text(two_days()[:10]).splitlines()))
    assert "BTC-USDT have 13 columns" in refusal(ArchiveSource(tmp_path))


@pytest.mark.parametrize("suffix", [".csv", ".zip"])
def test_an_empty_kline_file_is_no_quiet_day(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"BTCUSDT-1m-2024-02-29{suffix}"
    zipped(path, "\n") if suffix == ".zip" else path.write_text("")
    message = refusal(ArchiveSource(tmp_path))
    assert f"{path}: not one row of BTC-USDT" in message
    assert "fetch it again" in message


def test_an_archive_that_is_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MarketError, match=f"{tmp_path / 'moved'} is no folder: point HURACAN_MARKET__ARCHIVE"):
        ArchiveSource(tmp_path / "moved").candles("BTC-USDT", DAY, DAY)


def test_a_truncated_or_crowded_zip_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1m-2024-02-29.zip"
    zipped(path, kline_text(two_days()[:1440]))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MarketError, match=f"{path} cannot be read"):
        ArchiveSource(tmp_path).candles("BTC-USDT", DAY, DAY)
    crowded = io.BytesIO()
    with zipfile.ZipFile(crowded, "w") as bundle:
        bundle.writestr("a.csv", "1")
        bundle.writestr("b.csv", "1")
    path.write_bytes(crowded.getvalue())
    with pytest.raises(MarketError, match="2 CSV files"):
        ArchiveSource(tmp_path).candles("BTC-USDT", DAY, DAY)


def test_a_flipped_bit_in_a_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1m-2024-02-29.zip"
    zipped(path, kline_text(two_days()[:1440]))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(MarketError, match="cannot be read"):
        ArchiveSource(tmp_path).candles("BTC-USDT", DAY, DAY)


def test_an_unknown_symbol_is_answered_with_the_nearest(tmp_path: Path) -> None:
    source = source_of(tmp_path, a=two_days())
    with pytest.raises(MarketError, match="BTC-USDC: did you mean BTC-USDT"):
        source.candles("BTC-USDC", DAY, DAY)


def events(venue: str, rates: list[float]) -> pl.DataFrame:
    """Funding events of BTC-USDT, eight hours apart from 2024-02-29 00:00."""
    ts = [midnight(DAY) + timedelta(hours=8 * number) for number in range(len(rates))]
    return pl.DataFrame({"venue": venue, "symbol": "BTC-USDT", "ts": ts, "funding_rate": rates}).with_columns(
        pl.col("ts").dt.cast_time_unit("ms")
    )


@pytest.mark.parametrize("folder", ["archive/funding", "funding"], ids=["inside", "beside"])
def test_funding_is_found_in_the_archive_or_beside_it(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    source = source_of(tmp_path / "archive", a=two_days())
    events("binance", [1e-4, 2e-4, 3e-4, 4e-4]).write_parquet(tmp_path / folder / "binance.parquet")
    found = source.funding("BTC-USDT", NEXT, NEXT)
    assert found is not None
    assert found["rate"].to_list() == [4e-4]
    assert source.funding("ETH-USDT", DAY, NEXT) is None
    assert source.funding("BTC-USDT", NEXT + timedelta(days=1), NEXT + timedelta(days=9)) is None


def test_funding_of_two_venues_is_not_mixed(tmp_path: Path) -> None:
    (tmp_path / "funding").mkdir()
    events("binance", [1e-4]).write_parquet(tmp_path / "funding" / "a.parquet")
    events("bybit", [1e-4]).write_parquet(tmp_path / "funding" / "b.parquet")
    with pytest.raises(MarketError, match="binance, bybit"):
        ArchiveSource(tmp_path).funding("BTC-USDT", DAY, DAY)


def test_recorded_candles_and_the_public_archive_tell_the_same_week(shared: Path) -> None:
    first, last = date(2023, 6, 1), date(2023, 6, 7)
    for symbol in ("BTC-USDT", "ETH-USDT", "SOL-USDT"):
        recorded = ArchiveSource(shared / "data" / "candles_1m_2023").candles(symbol, first, last)
        public = ArchiveSource(shared / "data" / "public_archive").candles(symbol, first, last)
        assert recorded.height == 7 * 1440
        assert recorded.equals(public)
        assert ArchiveSource(shared / "data").candles(symbol, first, last).equals(recorded)


def test_recorded_funding_comes_three_times_a_day(shared: Path) -> None:
    source = ArchiveSource(shared / "data" / "candles_1m_2023")
    found = source.funding("BTC-USDT", date(2023, 3, 1), date(2023, 3, 10))
    assert found is not None
    assert found.height == 30
    assert source.first_day("ARB-USDT") == date(2023, 3, 23)
