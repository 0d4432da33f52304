"""Recordings of order books and trades: replayed by the exchange's ids, known no earlier than they could be."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from huracan_assets.errors import CandleError, MarketError
from huracan_assets.market.archive.recordings import ASK, BID, recorded_order_books, recorded_trades
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets.market.contract import TIME

DAY = date(2024, 8, 8)
SYMBOL = "BTC-USDT"
NOON = datetime(2024, 8, 8, 12, 0, tzinfo=UTC)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "order_books").mkdir()
    return tmp_path


def change(
    update_id: int, side: int, price: float, qty: float, *, at_s: float, behind_s: float = 0.0, snapshot: bool = False
) -> dict[str, Any]:
    """A level's new quantity at `at_s` seconds after noon by the exchange, recorded by a clock `behind_s` behind."""
    at = NOON + timedelta(seconds=at_s)
    return {
        "ts_local_ns": int((at - timedelta(seconds=behind_s)).timestamp() * 1e6) * 1000,
        "ts_exch_ms": None if snapshot else int(at.timestamp() * 1e3),
        "update_id": update_id,
        "side": side,
        "price": price,
        "qty": qty,
        "is_snapshot": int(snapshot),
    }


def snapshot(update_id: int, *, at_s: float, middle: float = 100.0, behind_s: float = 0.0) -> list[dict[str, Any]]:
    """Three levels a side, one apart."""
    return [
        change(update_id, side, middle - side * (level + 0.5), 1.0 + level, at_s=at_s, behind_s=behind_s, snapshot=True)
        for side in (BID, ASK)
        for level in range(3)
    ]


def record(archive: Path, changes: list[dict[str, Any]], name: str = "spot_btcusdt_20240808_depth") -> None:
    schema = {
        "ts_local_ns": pl.Int64,
        "ts_exch_ms": pl.Int64,
        "update_id": pl.Int64,
        "side": pl.Int8,
        "price": pl.Float64,
        "qty": pl.Float64,
        "is_snapshot": pl.Int8,
    }
    pl.DataFrame(changes, schema=schema).write_parquet(archive / "order_books" / f"{name}.parquet")


def books(archive: Path, day: date = DAY) -> list[dict[str, Any]]:
    found = recorded_order_books(archive, SYMBOL, day, day)
    return [] if found is None else found.to_dicts()


def test_the_book_is_the_snapshot_with_each_later_change_and_the_last_of_a_minute_counts(archive: Path) -> None:
    changes = [
        *snapshot(10, at_s=1.0),
        change(11, BID, 99.5, 7.0, at_s=2.0),  # the best bid's quantity
        change(12, ASK, 100.5, 0.0, at_s=30.0),  # the best ask goes
        change(13, BID, 100.0, 4.0, at_s=61.0),  # a better bid comes, a minute later
    ]
    record(archive, changes)
    first, second = books(archive)
    assert (first["ts"], first["bid_prices"], first["bid_sizes"]) == (
        NOON + timedelta(seconds=30),
        [99.5, 98.5, 97.5],
        [7.0, 2.0, 3.0],
    )
    assert (first["ask_prices"], first["ask_sizes"]) == ([101.5, 102.5], [2.0, 3.0])
    assert second["bid_prices"] == [100.0, 99.5, 98.5, 97.5]
    assert second["ask_prices"] == first["ask_prices"]


def test_a_change_that_arrived_before_an_older_snapshot_is_applied_and_one_older_than_it_is_void(
    archive: Path,
) -> None:
    """A snapshot is asked for while changes stream in: order is by the exchange's id, not by place in the file."""
    changes = [
        change(9, BID, 99.5, 9.0, at_s=0.5),  # in the snapshot already
        change(12, BID, 99.5, 5.0, at_s=0.9),  # newer than the snapshot
        *snapshot(10, at_s=1.0),
        change(13, ASK, 100.5, 2.5, at_s=2.0),
    ]
    record(archive, changes)
    (book,) = books(archive)
    assert (book["bid_sizes"][0], book["ask_sizes"][0]) == (5.0, 2.5)


def test_a_second_snapshot_begins_the_book_anew(archive: Path) -> None:
    changes = [*snapshot(10, at_s=1.0), change(11, BID, 90.0, 1.0, at_s=1.5), *snapshot(20, at_s=90.0, middle=200.0)]
    record(archive, [*changes, change(21, BID, 190.0, 1.0, at_s=90.5)])
    assert [book["bid_prices"][0] for book in books(archive)] == [99.5, 199.5]


def test_a_snapshot_that_no_change_dates_is_no_book(archive: Path) -> None:
    record(archive, snapshot(10, at_s=1.0))
    assert recorded_order_books(archive, SYMBOL, DAY, DAY) is None


def test_changes_without_a_snapshot_make_no_book(archive: Path) -> None:
    record(archive, [change(11, BID, 99.5, 7.0, at_s=2.0), change(12, ASK, 100.5, 7.0, at_s=3.0)])
    assert recorded_order_books(archive, SYMBOL, DAY, DAY) is None


@pytest.mark.parametrize(("behind_s", "known_s"), [(1.27, 2.0), (-0.2, 2.2)])
def test_a_book_is_known_at_the_later_of_both_clocks(archive: Path, behind_s: float, known_s: float) -> None:
    record(
        archive, [*snapshot(10, at_s=1.0, behind_s=behind_s), change(11, BID, 99.5, 7.0, at_s=2.0, behind_s=behind_s)]
    )
    (book,) = books(archive)
    assert book["ts"] == NOON + timedelta(seconds=2)
    assert book["known_at"] == NOON + timedelta(seconds=known_s)


def test_a_recording_across_midnight_gives_each_day_its_own_books(archive: Path) -> None:
    to_midnight = 12 * 3600.0
    changes = [change(10 + place, BID, 99.5, 5.0 + place, at_s=to_midnight + at) for place, at in ((1, -20), (2, 1))]
    record(archive, [*snapshot(10, at_s=to_midnight - 30), *changes])
    assert [book["bid_sizes"][0] for book in books(archive)] == [6.0]
    assert [book["bid_sizes"][0] for book in books(archive, date(2024, 8, 9))] == [7.0]
    assert books(archive, date(2024, 8, 10)) == []


@pytest.mark.parametrize(
    "cells", [{"qty": -1.0}, {"qty": float("nan")}, {"price": 0.0}, {"side": 3}, {"update_id": None}]
)
def test_a_change_that_is_none_is_refused_by_its_row(archive: Path, cells: dict[str, Any]) -> None:
    record(archive, [*snapshot(10, at_s=1.0), change(11, BID, 99.5, 7.0, at_s=2.0) | cells])
    with pytest.raises(CandleError, match="row 6"):
        books(archive)


def test_a_book_that_lost_a_change_and_is_crossed_is_refused(archive: Path) -> None:
    record(archive, [*snapshot(10, at_s=1.0), change(11, BID, 100.75, 7.0, at_s=2.0)])
    with pytest.raises(CandleError, match="best bid must lie below"):
        books(archive)


def test_two_markets_of_one_symbol_a_missing_column_and_a_torn_file_are_refused(archive: Path) -> None:
    record(archive, snapshot(10, at_s=1.0))
    record(archive, snapshot(10, at_s=1.0), "perp_btcusdt_20240808_depth")
    with pytest.raises(MarketError, match="perp, spot"):
        books(archive)
    other = archive / "order_books" / "perp_btcusdt_20240808_depth.parquet"
    other.unlink()
    spot = archive / "order_books" / "spot_btcusdt_20240808_depth.parquet"
    whole = spot.read_bytes()
    pl.read_parquet(spot).drop("qty").write_parquet(spot)
    with pytest.raises(CandleError, match="lacks the column qty"):
        books(archive)
    spot.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MarketError, match="truncated"):
        books(archive)


def test_open_interest_is_read_by_symbol_and_known_when_counted_unless_the_file_tells_later(tmp_path: Path) -> None:
    (tmp_path / "open_interest").mkdir()
    frame = pl.DataFrame({"ts": [NOON, NOON + timedelta(minutes=5)], "open_interest": [1000.0, 1001.0]}).with_columns(
        pl.lit("binance").alias("venue"), pl.lit(SYMBOL).alias("symbol"), pl.col("ts").cast(TIME)
    )
    file = tmp_path / "open_interest" / f"{SYMBOL}.parquet"  # a name that a candle file could have
    frame.write_parquet(file)
    source = ArchiveSource(tmp_path)
    found = source.open_interest(SYMBOL, DAY, DAY)
    assert found is not None
    assert found["known_at"].to_list() == found["ts"].to_list() == frame["ts"].to_list()
    assert found["open_interest_value"].null_count() == 2
    assert source.open_interest("ETH-USDT", DAY, DAY) is None
    assert source.first_day(SYMBOL) is None
    frame.with_columns(known_at=pl.col("ts") + pl.duration(minutes=5)).write_parquet(file)
    later = ArchiveSource(tmp_path).open_interest(SYMBOL, DAY, DAY)
    assert later is not None
    assert later["known_at"].to_list() == [ts + timedelta(minutes=5) for ts in frame["ts"]]


@pytest.fixture
def recorded(shared: Path) -> Path:
    """The folder beside which real recordings lie, as beside an archive of candles."""
    if not (shared / "data" / "order_books").is_dir():
        pytest.skip(f"no recorded order books at {shared / 'data'}: set HURACAN_SHARED")
    return shared / "data" / "candles_1m_2023"


@pytest.mark.parametrize("symbol", ["BTC-USDT", "ETH-USDT"])
def test_replayed_real_books_agree_with_the_recorded_best_quotes_to_the_last_digit(recorded: Path, symbol: str) -> None:
    """The exchange streams depth and best quotes apart from each other; both carry its update ids."""
    found = recorded_order_books(recorded, symbol, DAY, date(2024, 8, 9))
    assert found is not None
    assert found.height == 7  # 23:54 to 00:00
    stem = str(recorded.parent / "order_books" / f"spot_{symbol.replace('-', '').lower()}_20240808")
    depth, quotes = pl.read_parquet(f"{stem}_depth.parquet"), pl.read_parquet(f"{stem}_quotes.parquet")
    for book in found.iter_rows(named=True):
        until = depth.filter((pl.col("ts_exch_ms") * 1000).cast(TIME) <= book["ts"])["update_id"].max()
        best = quotes.filter(pl.col("u") <= until).row(-1, named=True)
        assert (book["bid_prices"][0], book["bid_sizes"][0]) == (best["bid"], best["bid_qty"])
        assert (book["ask_prices"][0], book["ask_sizes"][0]) == (best["ask"], best["ask_qty"])
        assert len(book["bid_prices"]) == len(book["ask_prices"]) == 10
        # The recorder's clock ran 1.27 s behind: by its own time it would have known the book before it was.
        assert book["known_at"] == book["ts"]


def test_a_real_recording_without_a_snapshot_gives_trades_and_no_books(recorded: Path) -> None:
    day = date(2023, 4, 5)
    assert recorded_order_books(recorded, SYMBOL, day, day) is None
    found = recorded_trades(recorded, SYMBOL, day - timedelta(days=1), day)
    assert found is not None
    assert found.height == 3144  # the first of them a millisecond before midnight
    assert (found["known_at"] - found["ts"]).dt.total_microseconds().min() == 1053
    raw = pl.read_parquet(recorded.parent / "order_books" / "spot_btcusdt_20230405_trades.parquet")
    assert (found["side"] == "sell").to_list() == raw["buyer_is_maker"].to_list()
    assert (found["price"] * found["size"]).sum() == pytest.approx((raw["price"] * raw["qty"]).sum(), rel=1e-12)
