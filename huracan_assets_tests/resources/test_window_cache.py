"""Windows are kept by what they hold: asked for again the file is not read, replaced it is, and the room has an end."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from huracan_assets.resources import lake as lake_module
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.window_cache import WindowCache

SYMBOL = "BTC-USDT"
DAYS = [date(2026, 6, 1) + timedelta(days=n) for n in range(3)]
A_WINDOW = 800  # bytes of `window(n)`


def window(value: int, rows: int = 100) -> pl.DataFrame:
    return pl.DataFrame({"x": [value] * rows})


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> WindowCache:
    """The lake's cache, empty and this test's own."""
    own = WindowCache(10_000)
    monkeypatch.setattr(lake_module, "WINDOWS", own)
    return own


def test_a_window_asked_for_again_is_the_same_and_read_once(tmp_path: Path, kept: WindowCache) -> None:
    lake = Lake.at(tmp_path)
    hashes = tuple(lake.write_frame("candles", SYMBOL, day, window(n)) for n, day in enumerate(DAYS))
    first = lake.read_window("candles", SYMBOL, DAYS)
    held = kept.get(hashes)
    assert held is not None and held.equals(first)
    kept.keep(hashes, window(9))  # so that one sees who answers
    assert lake.read_window("candles", SYMBOL, DAYS).equals(window(9))
    assert lake.read_window("candles", SYMBOL, DAYS[::-1]).equals(pl.concat([window(n) for n in (2, 1, 0)]))


def test_a_day_that_was_replaced_is_read_again(tmp_path: Path, kept: WindowCache) -> None:
    lake = Lake.at(tmp_path)
    for n, day in enumerate(DAYS):
        lake.write_frame("candles", SYMBOL, day, window(n))
    lake.read_window("candles", SYMBOL, DAYS)
    lake.write_frame("candles", SYMBOL, DAYS[1], window(7))
    assert lake.read_window("candles", SYMBOL, DAYS).equals(pl.concat([window(n) for n in (0, 7, 2)]))


def test_what_a_reader_does_to_its_window_is_not_kept(tmp_path: Path, kept: WindowCache) -> None:
    lake = Lake.at(tmp_path)
    lake.write_frame("candles", SYMBOL, DAYS[0], window(1))
    for _ in range(3):
        read = lake.read_window("candles", SYMBOL, DAYS[:1])
        assert read.equals(window(1))
        read[0, "x"] = 5
        read.insert_column(0, pl.Series("more", range(100)))


def test_the_windows_asked_for_longest_ago_make_room() -> None:
    cache = WindowCache(2 * A_WINDOW)
    for name in "ab":
        cache.keep((name,), window(ord(name)))
    assert cache.get(("a",)) is not None
    cache.keep(("c",), window(3))
    assert [cache.get((name,)) is not None for name in "abc"] == [True, False, True]


def test_a_window_larger_than_the_room_is_not_kept_and_drives_out_none() -> None:
    cache = WindowCache(A_WINDOW)
    cache.keep(("a",), window(1))
    cache.keep(("large",), window(2, rows=1000))
    assert cache.get(("large",)) is None
    assert cache.get(("a",)) is not None
