"""A large return is believed when a second witness saw it, and only then."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.days import DAY, HOUR
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets.market.capped_returns import ReturnCap, unconfirmed_returns
from huracan_assets.market.contract import PRICES
from huracan_assets.settings import read_settings
from huracan_assets_tests.guards.quiet_days import FIRST, candles_of, closes, without

CAP = read_settings("local").guards.max_minute_return
HIT = 700


def walked(size: float, minutes: int | None = None) -> pl.DataFrame:
    """A close beyond the cap at 11:40, reached within the bar; for so many minutes, or for good."""
    close = closes()
    close[HIT : None if minutes is None else HIT + minutes] *= np.exp(size)
    return candles_of(close)


def bad_tick(size: float) -> pl.DataFrame:
    """One close off, and the next bar where the market was."""
    frame = walked(size, minutes=1)
    back = pl.int_range(pl.len()) == HIT + 1
    opens = pl.when(back).then(pl.col("close")).otherwise(pl.col("open"))
    return frame.with_columns(open=opens).with_columns(
        high=pl.max_horizontal("open", "close"), low=pl.min_horizontal("open", "close")
    )


def splice(size: float) -> pl.DataFrame:
    """Every price from 11:40 on scaled, that bar's open too."""
    late = pl.int_range(pl.len()) >= HIT
    factor = pl.when(late).then(float(np.exp(size))).otherwise(1.0)
    return candles_of(closes()).with_columns(pl.col(name) * factor for name in PRICES)


def hours(candles: pl.DataFrame) -> pl.DataFrame:
    """The hourly candles of honest minutes."""
    return candles.group_by(pl.col("ts").dt.truncate("1h"), maintain_order=True).agg(
        pl.col("low").min(), pl.col("high").max()
    )


def places(candles: pl.DataFrame, cap: ReturnCap) -> list[int]:
    alone = unconfirmed_returns(candles, cap)["ts"]
    return candles.with_row_index().filter(pl.col("ts").is_in(alone.implode()))["index"].to_list()


@pytest.mark.parametrize("size", [-3.0, -0.2, -0.06, 0.06, 0.2, 3.0])
def test_a_move_that_the_neighbours_know_is_believed_and_a_tick_or_a_splice_is_not(size: float) -> None:
    cap = ReturnCap(CAP)
    assert places(walked(size), cap) == []
    assert places(walked(size, minutes=1), cap) == []  # the next bar opens where this one closed: a real wick
    assert places(bad_tick(size), cap) == [HIT, HIT + 1]
    assert places(splice(size), cap) == [HIT]


@given(size=st.floats(-0.049, 0.049))
def test_within_the_cap_nothing_is_asked(size: float) -> None:
    candles = splice(size)
    returns = np.abs(np.diff(np.log(candles["close"].to_numpy())))
    assert places(candles, ReturnCap(CAP)) == (np.flatnonzero(returns > CAP) + 1).tolist()


def test_the_hour_decides_where_there_is_one() -> None:
    true, lie = walked(0.2), bad_tick(0.2)
    assert places(true, ReturnCap(CAP, hours(true))) == []
    assert places(true, ReturnCap(CAP, hours(candles_of(closes())))) == [HIT]
    assert places(lie, ReturnCap(CAP, hours(lie))) == []
    calm = hours(candles_of(closes()))
    assert places(lie, ReturnCap(CAP, calm)) == [HIT]  # the way back ends where the hour has been
    elsewhere = calm.with_columns(pl.col("ts") + DAY)
    assert places(lie, ReturnCap(CAP, elsewhere)) == [HIT, HIT + 1]


@pytest.mark.parametrize(("moved", "believed"), [(0.011, True), (0.009, False), (-0.05, False)])
def test_the_benchmark_confirms_what_it_did_itself(moved: float, believed: bool) -> None:
    close = closes(seed=3, sigma=0.0)
    close[HIT:] *= np.exp(moved)
    assert (places(splice(0.2), ReturnCap(CAP, benchmark=candles_of(close))) == []) == believed


def test_over_a_gap_there_is_no_return_and_no_neighbour() -> None:
    frame = walked(0.2)
    assert places(without(frame, HIT - 1, 1), ReturnCap(CAP)) == []
    assert places(without(frame, HIT + 1, 1), ReturnCap(CAP)) == [HIT]
    assert places(frame[: HIT + 1], ReturnCap(CAP)) == [HIT]


def test_the_first_candle_of_all_and_none_at_all_have_no_return() -> None:
    frame = candles_of(closes())
    assert places(frame[:1], ReturnCap(CAP)) == []
    assert unconfirmed_returns(frame.clear(), ReturnCap(CAP, hours(frame), frame)).is_empty()


@pytest.mark.parametrize("symbol", ["ADA-USDT", "DOGE-USDT", "SOL-USDT", "XRP-USDT"])
def test_every_move_of_the_crash_of_2021_is_confirmed(shared: Path, symbol: str) -> None:
    day = date(2021, 5, 19)
    source = ArchiveSource(shared / "data" / "candles_1m_2021_crash")
    candles = source.candles(symbol, day, day)
    moves = np.abs(np.diff(np.log(candles["close"].to_numpy())))
    assert np.count_nonzero(moves > CAP) >= 5
    assert unconfirmed_returns(candles, ReturnCap(CAP)).is_empty()


def test_an_hour_is_named_by_its_open() -> None:
    """A close in the last minute of an hour is held to that hour, not to the next."""
    close = closes(sigma=0.0)
    close[HIT + 19] *= np.exp(0.2)  # 11:59
    frame = candles_of(close)
    told = hours(candles_of(closes(sigma=0.0)))
    noon = pl.col("ts").dt.hour() == 12
    assert frame["ts"][0].date() == FIRST
    lying = told.with_columns(high=pl.when(noon).then(1000.0).otherwise("high"))
    assert places(frame, ReturnCap(CAP, lying)) == [HIT + 19]
    assert told["ts"][1] - told["ts"][0] == HOUR
