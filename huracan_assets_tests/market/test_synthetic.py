"""The synthetic market: the same bits however asked, no edge unless planted, and then the planted one."""

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

from huracan_assets.market.synthetic import (
    ANNUAL_VOLATILITY,
    FLOW_HALF_LIFE,
    MARKET_CORRELATION,
    REGIME_NEXT,
    SyntheticSource,
    _bars,
    _Day,
    _regime_shares,
    _State,
    _tail_scale,
)

FIRST = date(2021, 1, 1)
DAYS = 60
LAST = FIRST + timedelta(days=DAYS - 1)
Floats = npt.NDArray[np.float64]


def market(edge: float = 0.0, seed: int = 7) -> SyntheticSource:
    """A market of three symbols."""
    symbols = ("BTC-USDT", "ETH-USDT", "SOL-USDT")
    return SyntheticSource(symbols=symbols, benchmark="BTC-USDT", first=FIRST, seed=seed, edge=edge)


@cache
def sixty_days(symbol: str, edge: float = 0.0) -> pl.DataFrame:
    """The first sixty days, made once."""
    return market(edge).candles(symbol, FIRST, LAST)


def simple_returns(frame: pl.DataFrame) -> Floats:
    """close/open - 1 of each minute."""
    return (frame["close"] / frame["open"] - 1.0).to_numpy()


def standardised(frame: pl.DataFrame) -> Floats:
    """Returns over a volatility known before, so that a sample correlation has its textbook error."""
    returns = simple_returns(frame)
    weights = 0.94 ** np.arange(200)
    past = np.convolve(returns**2, weights / weights.sum())[: returns.size]
    return returns[200:] / np.sqrt(past[199:-1])


@settings(max_examples=20)
@given(
    asks=st.lists(
        st.tuples(st.sampled_from(["BTC-USDT", "ETH-USDT"]), st.integers(0, 20), st.integers(0, 2)),
        min_size=1,
        max_size=4,
    )
)
def test_a_day_has_the_same_bits_in_any_range_and_order(asks: list[tuple[str, int, int]]) -> None:
    fresh = market()
    for symbol, begin, length in asks:
        first, last = FIRST + timedelta(days=begin), FIRST + timedelta(days=begin + length)
        expected = sixty_days(symbol)[1440 * begin : 1440 * (begin + length + 1)]
        assert fresh.candles(symbol, first, last).equals(expected)


def test_another_seed_is_another_market() -> None:
    assert not market(seed=8).candles("ETH-USDT", FIRST, FIRST).equals(market(seed=7).candles("ETH-USDT", FIRST, FIRST))


def test_the_price_walks_on_over_midnight() -> None:
    frame = sixty_days("ETH-USDT")
    assert frame["open"][1:].equals(frame["close"][:-1].alias("open"))
    assert frame["ts"].diff()[1:].unique().to_list() == [timedelta(minutes=1)]


def test_days_before_the_first_are_absent() -> None:
    source = market()
    assert source.candles("ETH-USDT", FIRST - timedelta(days=9), FIRST - timedelta(days=1)).is_empty()
    assert source.funding("ETH-USDT", FIRST - timedelta(days=9), FIRST - timedelta(days=1)) is None
    assert source.candles("ETH-USDT", FIRST - timedelta(days=9), FIRST).height == 1440
    assert source.first_day("ETH-USDT") == FIRST
    assert source.first_day("XRP-USDT") is None


@pytest.mark.parametrize("symbol", ["BTC-USDT", "ETH-USDT"])
def test_without_an_edge_nothing_tells_the_direction_of_the_next_minute(symbol: str) -> None:
    frame = sixty_days(symbol)
    scaled = standardised(frame)
    error = 1.0 / np.sqrt(scaled.size)
    share = (frame["taker_buy_volume"] / frame["volume"]).to_numpy()[200:]
    leads: dict[str, Floats] = {f"lag {lag}": scaled[:-lag] for lag in range(1, 6)}
    leads |= {
        "share": share[:-1],
        "place of the close in the bar": ((frame["close"] - frame["low"]) / (frame["high"] - frame["low"])).to_numpy()[
            200:-1
        ],
        "volume": np.log(frame["volume"].to_numpy()[200:-1]),
        "hour": (np.arange(scaled.size - 1) % 1440).astype(np.float64),
    }
    for name, lead in leads.items():
        following = scaled[scaled.size - lead.size :]
        assert abs(np.corrcoef(lead, following)[0, 1]) < 4.0 * error, name


def test_without_an_edge_the_benchmark_does_not_lead_the_others() -> None:
    lead, follow = standardised(sixty_days("BTC-USDT")), standardised(sixty_days("ETH-USDT"))
    for lag in (1, 2, 5):
        assert abs(np.corrcoef(lead[:-lag], follow[lag:])[0, 1]) < 4.0 / np.sqrt(follow.size)


def test_without_an_edge_the_mean_simple_return_is_zero() -> None:
    for symbol in ("BTC-USDT", "ETH-USDT", "SOL-USDT"):
        returns = simple_returns(sixty_days(symbol))
        assert abs(returns.mean()) < 4.0 * returns.std() / np.sqrt(returns.size)


def test_the_edge_is_the_planted_slope_on_the_signal_and_shows_in_the_share() -> None:
    edge = 0.8
    frame = sixty_days("ETH-USDT", edge)
    signal = market(edge).signal("ETH-USDT", FIRST, LAST)
    gained = simple_returns(frame)[1:] * 1e4
    fit = stats.linregress(signal[:-1], gained)
    assert abs(fit.slope - edge) < 4.0 * fit.stderr
    assert fit.slope > 8.0 * fit.stderr
    share = (frame["taker_buy_volume"] / frame["volume"]).to_numpy()
    seen = stats.pearsonr(share[:-1], gained)
    assert seen.statistic > 0 and seen.pvalue < 1e-9


def test_null_and_edge_markets_show_the_same_order_flow() -> None:
    null, planted = sixty_days("ETH-USDT"), sixty_days("ETH-USDT", 0.8)
    for frame in (null, planted):
        share = (frame["taker_buy_volume"] / frame["volume"]).to_numpy()
        signal = market().signal("ETH-USDT", FIRST, LAST)
        assert np.corrcoef(share, signal)[0, 1] > 0.85


def test_the_signal_is_stationary_with_unit_variance_and_its_half_life() -> None:
    signal = market().signal("ETH-USDT", FIRST, FIRST + timedelta(days=399))
    assert signal.size == 400 * 1440
    assert signal.std() == pytest.approx(1.0, abs=0.05)
    lag = int(FLOW_HALF_LIFE)
    assert np.corrcoef(signal[:-lag], signal[lag:])[0, 1] == pytest.approx(0.5, abs=0.05)


def test_volatility_and_correlation_are_as_declared() -> None:
    last = FIRST + timedelta(days=364)
    source = market()
    a, b = (np.log(source.candles(name, FIRST, last)["close"].to_numpy()) for name in ("BTC-USDT", "ETH-USDT"))
    for path in (a, b):
        assert np.diff(path).std() * np.sqrt(365 * 1440) == pytest.approx(ANNUAL_VOLATILITY, rel=0.1)
        assert stats.kurtosis(np.diff(path)) > 5.0
    assert np.corrcoef(np.diff(a), np.diff(b))[0, 1] == pytest.approx(MARKET_CORRELATION, abs=0.03)


def test_volatility_clusters() -> None:
    size = np.abs(simple_returns(sixty_days("ETH-USDT")))
    assert np.corrcoef(size[:-30], size[30:])[0, 1] > 30.0 / np.sqrt(size.size)


def test_the_extremes_follow_the_law_of_the_brownian_bridge() -> None:
    minutes = 40_000
    rng = np.random.default_rng(3)
    sigma = np.full(minutes, 1e-3)
    innovation = rng.standard_normal(minutes)
    day = _Day(sigma * innovation, sigma, innovation, np.zeros(minutes), _State(0, 1, 0, 0), rng, np.zeros(3))
    bars = _bars(np.zeros(minutes), day, False)
    # Of an unconditioned Brownian path: P(max > m) = 2 P(W > m), so the maximum is distributed as |W|.
    assert stats.kstest(np.log(bars["high"]) / 1e-3, "halfnorm").pvalue > 1e-3
    assert stats.kstest(-np.log(bars["low"]) / 1e-3, "halfnorm").pvalue > 1e-3


def test_the_tail_scale_is_the_bounded_deviation() -> None:
    drawn = np.random.default_rng(1).standard_t(5.0, 2_000_000)
    bound = 8.0 * np.sqrt(5.0 / 3.0)
    assert _tail_scale() == pytest.approx(np.clip(drawn, -bound, bound).std(), rel=5e-3)


def test_the_regime_shares_are_stationary() -> None:
    shares = _regime_shares()
    hours = np.array([6.0, 12.0, 2.0])
    flow = shares / hours
    np.testing.assert_allclose(flow @ REGIME_NEXT, flow, rtol=1e-9)
    assert shares.sum() == pytest.approx(1.0)


def test_funding_comes_every_eight_hours_around_one_basis_point() -> None:
    source = market()
    events = source.funding("ETH-USDT", FIRST, FIRST + timedelta(days=299))
    assert events is not None
    assert events.height == 900
    assert events["ts"].dt.hour().unique().sort().to_list() == [0, 8, 16]
    assert events["rate"].mean() == pytest.approx(1e-4, abs=4e-5)
    assert market().funding("ETH-USDT", LAST, LAST).equals(events.filter(pl.col("ts").dt.date() == LAST))  # type: ignore[union-attr]
