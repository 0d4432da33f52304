"""Books of the present, one a minute, and what the asset of their day makes of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import polars as pl
import pytest

from huracan_assets.errors import CandleError
from huracan_assets.market.book_recorder import record_order_book, recorded_books
from huracan_assets.market.expansions import EXPANSIONS, make_days, validate_day
from huracan_assets.market.order_books import ORDER_BOOKS_SCHEMA
from huracan_assets.market.synthetic import SyntheticSource
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.postgres import connection

pytestmark = pytest.mark.usefixtures("engine_home")

SYMBOL, TODAY = "BTC-USDT", date(2024, 8, 8)
NOON = datetime(2024, 8, 8, 12, 0, 5, tzinfo=UTC)


class Live(SyntheticSource):
    """Has the book of the moment `now`, and as an exchange none of any other."""

    now = NOON
    bid = 100.0

    def order_books(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        if not first <= self.now.date() <= last:
            return None
        book = {"bid_prices": [self.bid], "bid_sizes": [1.0], "ask_prices": [101.0], "ask_sizes": [1.0]}
        return pl.DataFrame([{"ts": self.now, "known_at": self.now, **book}], schema=ORDER_BOOKS_SCHEMA)


@pytest.fixture
def live() -> Live:
    return Live(symbols=[SYMBOL], benchmark=SYMBOL, first=TODAY, seed=1, edge=0.0)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.at(tmp_path)


def test_books_are_kept_minute_by_minute_the_last_of_each_and_the_days_asset_gathers_them(
    live: Live, lake: Lake
) -> None:
    counts = []
    for seconds in (0, 20, 60, 900):
        live.now, live.bid = NOON + timedelta(seconds=seconds), 100.0 + seconds / 1000.0
        counts.append(record_order_book(live, lake, SYMBOL, TODAY))
    assert counts == [1, 1, 2, 3]
    live.now = NOON + timedelta(days=1)
    made = make_days(EXPANSIONS["order_books"], live, lake, SYMBOL, [TODAY])
    assert made[TODAY]["available"] is True
    frame = lake.read_frame("order_books", SYMBOL, TODAY)
    assert frame["bid_prices"].list.first().to_list() == [100.02, 100.06, 100.9]
    validate_day(EXPANSIONS["order_books"], lake, SYMBOL, TODAY, frame)
    left_out = make_days(EXPANSIONS["order_books"], live, lake, SYMBOL, [TODAY], left_out="nobody wants them")
    assert left_out[TODAY]["available"] is False


def test_a_source_without_books_leaves_nothing_behind(lake: Lake) -> None:
    plain = SyntheticSource(symbols=[SYMBOL], benchmark=SYMBOL, first=TODAY, seed=1, edge=0.0)
    assert record_order_book(plain, lake, SYMBOL, TODAY) == 0
    assert recorded_books(lake, SYMBOL, TODAY).is_empty()


def test_a_book_that_is_crossed_is_refused_and_the_earlier_ones_stay(live: Live, lake: Lake) -> None:
    record_order_book(live, lake, SYMBOL, TODAY)
    live.now, live.bid = NOON + timedelta(minutes=1), 102.0
    with pytest.raises(CandleError, match="best bid"):
        record_order_book(live, lake, SYMBOL, TODAY)
    assert recorded_books(lake, SYMBOL, TODAY).height == 1


def a_recording_waits() -> bool:
    with connection() as conn:
        return bool(conn.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchall())


def test_of_two_recordings_at_once_neither_loses_the_book_of_the_other(
    live: Live, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second begins when the first has read the day and not yet written it."""
    later = Live(symbols=[SYMBOL], benchmark=SYMBOL, first=TODAY, seed=1, edge=0.0)
    later.now = NOON + timedelta(minutes=15)
    write, second = Lake.write_frame, Thread(target=record_order_book, args=(later, lake, SYMBOL, TODAY))

    def interrupted(self: Lake, *args: Any, **named: Any) -> str:
        monkeypatch.setattr(Lake, "write_frame", write)
        second.start()
        while second.is_alive() and not a_recording_waits():
            pass
        return write(self, *args, **named)

    monkeypatch.setattr(Lake, "write_frame", interrupted)
    record_order_book(live, lake, SYMBOL, TODAY)
    second.join()
    assert recorded_books(lake, SYMBOL, TODAY)["ts"].to_list() == [NOON, NOON + timedelta(minutes=15)]
