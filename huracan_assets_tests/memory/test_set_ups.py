from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.memory.set_ups import SET_UP_SCHEMA, Held, Memory, compare_nights, held, known_set_ups
from huracan_assets.resources.postgres import connection
from huracan_assets_tests.memory.ledgers import MAP, NIGHT, bars, ledger, points, remember, teach

pytestmark = pytest.mark.usefixtures("engine_home")

Spans = dict[date, list[tuple[datetime, datetime]]]
AFTER = NIGHT + timedelta(30)


def sequential(symbol: str, seed: int, trades: int = 40) -> pl.DataFrame:
    """A ledger of one position at a time, as a night writes it."""
    frame = ledger(symbol, trades, seed, span=600)
    return frame.filter(pl.col("as_of") >= pl.col("exit_at").cum_max().shift(1, fill_value=pl.col("as_of").first()))


def write(symbol: str, night: date, frame: pl.DataFrame, map_name: str = MAP) -> None:
    with connection() as conn:
        teach(conn, symbol, night, frame, points(frame.height, frame.height), map_name)


def known(symbol: str, before: date = AFTER, map_name: str = MAP) -> pl.DataFrame:
    with connection() as conn:
        compare_nights(conn, before)
        return known_set_ups(conn, Memory(symbol, map_name, before))


def by_hand(nights: Spans, before: date) -> list[datetime]:
    """Night after night, each trade that overlaps none taken from an earlier night."""
    taken: list[tuple[datetime, datetime]] = []
    for night in sorted(night for night in nights if night < before):
        new = [(a, b) for a, b in nights[night] if not any(a < end and start < b for start, end in taken)]
        taken += new
    return sorted(start for start, _ in taken)


@settings(max_examples=8)
@given(order=st.permutations([0, 1, 2, 3]), again=st.integers(0, 3), seed=st.integers(0, 50))
def test_each_trade_counts_once_in_whatever_order_the_nights_are_written(
    order: list[int], again: int, seed: int
) -> None:
    """Also when nights are compared as they come, and when one is run again with another ledger."""
    symbol, nights = "ONCE-USDT", {}
    for place in order:
        night = NIGHT + timedelta(place)
        nights[night] = sequential(symbol, 100 * seed + place)
        write(symbol, night, nights[night])
        known(symbol)
    rerun = NIGHT + timedelta(again)
    nights[rerun] = sequential(symbol, 100 * seed + 77)
    write(symbol, rerun, nights[rerun])
    spans = {night: list(frame.select("as_of", "exit_at").iter_rows()) for night, frame in nights.items()}
    for before in (NIGHT, NIGHT + timedelta(1), NIGHT + timedelta(3), AFTER):
        assert known(symbol, before)["as_of"].to_list() == by_hand(spans, before)
    found = known(symbol)
    assert (found["as_of"] >= found["known_at"].cum_max().shift(1, fill_value=found["as_of"][0])).all()


def test_a_later_night_changes_nothing_that_an_earlier_one_was_told() -> None:
    write("STILL-USDT", NIGHT, sequential("STILL-USDT", 1))
    first = known("STILL-USDT", NIGHT + timedelta(1))
    for later in (2, 3):
        write("STILL-USDT", NIGHT + timedelta(later), sequential("STILL-USDT", later))
    assert known("STILL-USDT", NIGHT + timedelta(1)).equals(first)
    assert known("STILL-USDT").height > first.height


def test_what_is_known_is_what_was_written() -> None:
    frame, setups = remember("SAME-USDT", 25)
    found = known("SAME-USDT")
    assert found.schema == pl.Schema(SET_UP_SCHEMA)
    kept = [name for name in SET_UP_SCHEMA if name != "embedding"]
    assert found.select(kept).equals(frame.rename({"exit_at": "known_at"}).select(kept))
    np.testing.assert_array_equal(found["embedding"].to_numpy(), setups)
    assert known("NEVER-USDT").schema == pl.Schema(SET_UP_SCHEMA)


def test_nights_under_another_map_are_left_alone_and_counted() -> None:
    """Neither searched nor in the way of the same trades under this map."""
    symbol = "RECIPE-USDT"
    frame = sequential(symbol, 5)
    write(symbol, NIGHT, frame, "older")
    write(symbol, NIGHT + timedelta(1), frame, MAP)
    assert known(symbol)["as_of"].to_list() == known(symbol, map_name="older")["as_of"].to_list()
    with connection() as conn:
        assert held(conn, Memory(symbol, MAP, AFTER)) == Held(1, 1, NIGHT + timedelta(1), 0)
        assert held(conn, Memory(symbol, MAP, NIGHT + timedelta(1))) == Held(0, 1, None, 0)
        assert held(conn, Memory("NEVER-USDT", MAP, AFTER)) == Held(0, 0, None, 0)


def test_a_ledger_without_trades_and_trades_without_points() -> None:
    symbol = "EMPTY-USDT"
    frame = sequential(symbol, 5)
    write(symbol, NIGHT, frame.clear())
    assert known(symbol).is_empty()
    setups = points(frame.height)
    setups[0, 3] = np.nan
    with connection() as conn:
        teach(conn, symbol, NIGHT + timedelta(1), frame, setups, MAP)
    assert known(symbol)["as_of"].to_list() == frame["as_of"].to_list()[1:]
    with connection() as conn:
        assert held(conn, Memory(symbol, MAP, AFTER)).nights == 2


def test_trades_that_only_touch_do_not_overlap() -> None:
    frame = ledger("TOUCH-USDT", 2).with_columns(as_of=pl.Series(bars(2)).dt.replace_time_zone("UTC"))
    frame = frame.with_columns(exit_at=pl.col("as_of") + timedelta(minutes=15))
    write("TOUCH-USDT", NIGHT, frame.head(1))
    write("TOUCH-USDT", NIGHT + timedelta(1), frame)
    assert known("TOUCH-USDT")["as_of"].to_list() == frame["as_of"].to_list()
