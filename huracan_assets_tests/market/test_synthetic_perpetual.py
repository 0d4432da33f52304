"""The synthetic perpetual: off its spot market by what funding tells and a noise that no return follows."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from huracan_assets.days import days_between
from huracan_assets.market.contract import validate_range
from huracan_assets.market.synthetic import FUNDING_MEAN, SyntheticSource
from huracan_assets.market.synthetic_basis import NOISE, NOISE_HALF_LIFE, PER_RATE, basis_path

FIRST = date(2021, 1, 1)
DAYS = 60
LAST = FIRST + timedelta(days=DAYS - 1)
SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT")
EVENT = 480  # minutes between two settlements
Floats = npt.NDArray[np.float64]


def market(edge: float = 0.0) -> SyntheticSource:
    """A market of three symbols."""
    return SyntheticSource(symbols=SYMBOLS, benchmark="BTC-USDT", first=FIRST, seed=7, edge=edge)


def perpetual_of(source: SyntheticSource, symbol: str, first: date = FIRST, last: date = LAST) -> pl.DataFrame:
    found = source.perpetual_candles(symbol, first, last)
    assert found is not None
    return found


@cache
def sixty_days(symbol: str, edge: float = 0.0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Spot and perpetual, made once."""
    source = market(edge)
    return source.candles(symbol, FIRST, LAST), perpetual_of(source, symbol)


def basis(symbol: str, edge: float = 0.0) -> Floats:
    """ln(perpetual / spot) at each minute's close."""
    spot, perpetual = sixty_days(symbol, edge)
    return np.asarray(np.log((perpetual["close"] / spot["close"]).to_numpy()))


@pytest.mark.parametrize("symbol", ["BTC-USDT", "ETH-USDT"])
def test_the_perpetual_moves_no_bit_of_what_there_was_without_it(symbol: str) -> None:
    asked, without = market(0.8), market(0.8)
    for day in days_between(FIRST, FIRST + timedelta(days=9)):
        perpetual_of(asked, symbol, day, day + timedelta(days=1))
        assert asked.candles(symbol, day, day).equals(without.candles(symbol, day, day))
        events, same = (source.funding(symbol, day, day) for source in (asked, without))
        assert events is not None and same is not None
        assert events.equals(same)
        assert np.array_equal(asked.signal(symbol, day, day), without.signal(symbol, day, day))


# Of ten days, drawn before this market had perpetuals: last close, mean high, mean taker-buy volume, last rate, signal.
BEFORE = {
    "BTC-USDT": (27.10225935572427, 27.871446645742505, 25822.679081340593, 2.3585925992477565e-4, -0.009498422931001),
    "ETH-USDT": (3953.348529898277, 3808.9581126398034, 32.097107844383956, 1.0200960840199403e-4, -1.13976554463710),
}


@pytest.mark.parametrize("symbol", BEFORE)
def test_the_spot_market_is_the_one_that_there_was_before_there_were_perpetuals(symbol: str) -> None:
    source, last = market(0.8), FIRST + timedelta(days=9)
    candles, funding = source.candles(symbol, FIRST, last), source.funding(symbol, FIRST, last)
    assert funding is not None
    found = (
        candles["close"][-1],
        candles["high"].mean(),
        candles["taker_buy_volume"].mean(),
        funding["rate"][-1],
        source.signal(symbol, FIRST, last)[-1],
    )
    assert found == pytest.approx(BEFORE[symbol], rel=1e-12)


@settings(max_examples=10)
@given(asks=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 2)), min_size=1, max_size=3))
def test_a_day_has_the_same_bits_in_any_range_and_order(asks: list[tuple[int, int]]) -> None:
    fresh, whole = market(), sixty_days("ETH-USDT")[1]
    for begin, length in asks:
        first, last = FIRST + timedelta(days=begin), FIRST + timedelta(days=begin + length)
        assert perpetual_of(fresh, "ETH-USDT", first, last).equals(whole[1440 * begin : 1440 * (begin + length + 1)])


def test_it_keeps_the_contract_and_walks_on_over_midnight() -> None:
    for symbol in ("BTC-USDT", "ETH-USDT"):
        frame = sixty_days(symbol)[1]
        assert validate_range(frame, symbol=symbol, first=FIRST, last=LAST, origin="here").height == DAYS * 1440
        assert frame["open"][1:].equals(frame["close"][:-1].alias("open"))


def test_days_before_the_first_are_absent() -> None:
    assert market().perpetual_candles("ETH-USDT", FIRST - timedelta(days=9), FIRST - timedelta(days=1)) is None


def test_when_funding_is_settled_the_basis_stands_where_the_rate_before_put_it() -> None:
    events = market().funding("ETH-USDT", FIRST, LAST)
    assert events is not None
    excess = events["rate"].to_numpy() - FUNDING_MEAN
    at_events = basis("ETH-USDT")[EVENT - 1 :: EVENT]  # the close of the minute before the next event
    noise = (at_events - PER_RATE * excess) / NOISE
    assert stats.kstest(noise, "norm").pvalue > 1e-3
    assert np.corrcoef(at_events, excess)[0, 1] > 0.5
    assert np.abs(basis("ETH-USDT")).max() < 20e-4


def test_the_noise_is_as_wide_at_noon_as_at_midnight_and_fades_by_its_half_life() -> None:
    rng = np.random.default_rng(1)
    none = np.zeros(4)
    paths = np.array(
        [
            basis_path(none, (rng.standard_normal(), rng.standard_normal()), rng.standard_normal(1440))
            for _ in range(600)
        ]
    )
    assert paths.shape == (600, 1441)
    for minute in (0, 20, 400, 720, 1100, 1420, 1440):
        assert paths[:, minute].std() == pytest.approx(NOISE, rel=4.0 / np.sqrt(2 * 600)), minute
    lag = int(NOISE_HALF_LIFE)
    for minute in (0, 700, 1440 - lag):
        assert np.corrcoef(paths[:, minute], paths[:, minute + lag])[0, 1] == pytest.approx(0.5, abs=0.15), minute


@pytest.mark.parametrize("edge", [0.0, 0.8])
def test_nothing_of_the_perpetual_tells_the_spot_markets_next_minute_but_what_the_spot_market_tells(
    edge: float,
) -> None:
    spot, perpetual = sixty_days("ETH-USDT", edge)
    found = basis("ETH-USDT", edge)
    signal = market(edge).signal("ETH-USDT", FIRST, LAST)
    gained = (spot["close"] / spot["open"] - 1.0).to_numpy()[1:] - edge * 1e-4 * signal[:-1]
    weights = 0.94 ** np.arange(200)
    scaled = gained[200:] / np.sqrt(np.convolve(gained**2, weights / weights.sum())[199 : gained.size - 1])
    share = (perpetual["taker_buy_volume"] / perpetual["volume"]).to_numpy()
    leads = {"basis": found, "its change": np.diff(found, prepend=found[:1]), "taker share": share}
    for name, lead in leads.items():
        assert abs(np.corrcoef(lead[200:-1], scaled)[0, 1]) < 4.0 / np.sqrt(scaled.size), name
    assert abs(np.corrcoef(share, signal)[0, 1]) < 4.0 / np.sqrt(DAYS * 24)  # the signal's half-life is 90 minutes
