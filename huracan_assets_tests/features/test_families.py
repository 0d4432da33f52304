"""Features against direct loops over their formulas, and on markets whose truth is planted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from huracan_assets.features.compute import compute_window
from huracan_assets.features.edge import rolling_edge
from huracan_assets.features.events import Events
from huracan_assets.features.kernels import Array
from huracan_assets.features.trend import closed_bars
from huracan_assets_tests.features.random_market import window

WHOLE = window(missing=0.0)
TABLE = compute_window(WHOLE)
GAPPY = window(missing=0.02)
GAPPY_TABLE = compute_window(GAPPY)
G = WHOLE.grid
RETURNS = np.diff(np.log(G.close), prepend=np.nan)
ROWS = list(range(WHOLE.first_row, len(G), 97))


def last(x: Array, i: int, minutes: int) -> Array:
    """The `minutes` values up to and with i."""
    return x[i - minutes + 1 : i + 1]


def test_spread_finds_a_planted_bid_ask_bounce() -> None:
    rng = np.random.default_rng(0)
    mid = np.cumsum(rng.normal(0, 1e-4, (3000, 40)).ravel()).reshape(3000, 40)
    trades = np.exp(mid + rng.choice([-1, 1], mid.shape) * 10e-4)
    ohlc = np.log([trades[:, 0], trades.max(axis=1), trades.min(axis=1), trades[:, -1]]).T.copy()
    spread = rolling_edge(ohlc, 240, 120)
    assert 1e4 * np.nanmean(spread) == pytest.approx(20.0, rel=0.05)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("skew", lambda i: stats.skew(last(RETURNS, i, 240))),
        ("kurt", lambda i: stats.kurtosis(last(RETURNS, i, 240))),
        ("realised_vol_60", lambda i: np.sqrt(1440 * np.mean(last(RETURNS, i, 60) ** 2))),
        ("realised_vol_1440", lambda i: np.sqrt(1440 * np.mean(last(RETURNS, i, 1440) ** 2))),
        ("ret_15", lambda i: 1e4 * np.log(G.close[i] / G.close[i - 15])),
        ("ret_240", lambda i: 1e4 * np.log(G.close[i] / G.close[i - 240])),
        ("trend_str", lambda i: last(RETURNS, i, 60).sum() / np.abs(last(RETURNS, i, 60)).sum()),
        ("autocorrelation", lambda i: np.corrcoef(last(RETURNS, i, 240), last(RETURNS, i - 1, 240))[0, 1]),
        (
            "parkinson",
            lambda i: np.sqrt(1440 * np.mean(np.log(last(G.high / G.low, i, 60)) ** 2) / (4 * np.log(2))),
        ),
        (
            "garman_klass",
            lambda i: np.sqrt(
                1440
                * np.mean(
                    0.5 * np.log(last(G.high / G.low, i, 60)) ** 2
                    - (2 * np.log(2) - 1) * np.log(last(G.close / G.open, i, 60)) ** 2
                )
            ),
        ),
        ("bb_width", lambda i: 4e4 * np.std(np.log(last(G.close, i, 20)))),
        (
            "bb_position",
            lambda i: (
                0.5
                + (np.log(G.close[i]) - np.mean(np.log(last(G.close, i, 20))))
                / (4 * np.std(np.log(last(G.close, i, 20))))
            ),
        ),
        ("mean_rev", lambda i: np.tanh(stats.zscore(np.log(last(G.close, i, 240)))[-1] / 2)),
        (
            "taker_imbalance_60",
            lambda i: (2 * last(G.taker_buy_volume, i, 60).sum() / last(G.volume, i, 60).sum()) - 1,
        ),
        ("drawdown", lambda i: 1e4 * np.log(last(G.close, i, 240).max() / G.close[i])),
        (
            "price_position",
            lambda i: (
                (G.close[i] - last(G.low, i, 240).min()) / (last(G.high, i, 240).max() - last(G.low, i, 240).min())
            ),
        ),
        ("uptick", lambda i: np.sum(last(RETURNS, i, 30) > 0) / np.sum(last(RETURNS, i, 30) != 0)),
        (
            "nr7_density",
            lambda i: np.mean(
                [G.high[j] - G.low[j] == np.min(last(G.high - G.low, j, 7)) for j in range(i - 59, i + 1)]
            ),
        ),
        ("tail_ratio", lambda i: tails(i)),
        ("realised_vol_5m", lambda i: fives(i)),
        ("corwin_schultz_bps", lambda i: corwin_schultz(i)),
        (
            "ret_z_15",
            lambda i: stats.zscore([np.log(G.close[j] / G.close[j - 15]) for j in range(i - 1439, i + 1)])[-1],
        ),
        ("vol_jump", lambda i: volume_jump(i)),
        ("compress_rank", lambda i: 1 - np.mean(narrower(i))),
        ("line_residual_z", lambda i: line_residual(i)),
        ("taker_imbalance_ew_15", lambda i: recent_imbalance(i)),
        ("momentum_slope", lambda i: slope_in_sigmas(i)),
        ("vwap_distance", lambda i: vwap_distance(i)),
        ("vol_regime", lambda i: np.mean(volatility_ranks(i))),
    ],
)
def test_a_feature_equals_its_formula(name: str, formula: Callable[[int], float]) -> None:
    for i in ROWS:
        assert TABLE[name][i] == pytest.approx(formula(i), rel=1e-8, abs=1e-8), (name, i)


def slope_in_sigmas(i: int) -> float:
    fitted = np.polyfit(np.arange(30), np.log(last(G.close, i, 30)), 1)[0]
    return float(fitted * 30 / np.sqrt(30 * np.mean(last(RETURNS, i, 240) ** 2)))


def tails(i: int) -> float:
    low, high = np.quantile(last(RETURNS, i, 240), [0.05, 0.95])
    return float(abs(high) / abs(low))


def fives(i: int) -> float:
    moves = [np.log(G.close[j] / G.close[j - 5]) for j in range(i - 239, i + 1)]
    return float(np.sqrt(1440 / 5 * np.mean(np.square(moves))))


def corwin_schultz(i: int) -> float:
    """Their equations 14, 18 and the two before them, pair by pair."""
    spreads = []
    for j in range(i - 239, i + 1):
        beta = np.log(G.high[j] / G.low[j]) ** 2 + np.log(G.high[j - 1] / G.low[j - 1]) ** 2
        gamma = np.log(max(G.high[j], G.high[j - 1]) / min(G.low[j], G.low[j - 1])) ** 2
        root = 3 - 2 * np.sqrt(2)
        alpha = (np.sqrt(2 * beta) - np.sqrt(beta)) / root - np.sqrt(gamma / root)
        spreads.append(max(0.0, 2 * (np.exp(alpha) - 1) / (1 + np.exp(alpha))))
    return float(1e4 * np.mean(spreads))


def volume_jump(i: int) -> float:
    return float(stats.zscore([np.log(1 + np.mean(last(G.volume, j, 5))) for j in range(i - 1439, i + 1)])[-1])


def narrower(i: int) -> Array:
    widths = [np.log(last(G.high, j, 60).max() / last(G.low, j, 60).min()) for j in range(i - 1425, i + 1, 15)]
    below: Array = (np.array(widths) < widths[-1]) + 0.5 * (np.array(widths) == widths[-1])
    return below


def line_residual(i: int) -> float:
    price = np.log(last(G.close, i, 240))
    left = price - np.polyval(np.polyfit(np.arange(240), price, 1), np.arange(240))
    return float(left[-1] / np.std(left))


def recent_imbalance(i: int) -> float:
    """By the weights of the last 720 values: there is no recursion in it."""
    weights = (1 - 2 / 16) ** np.arange(720)[::-1]
    return float(weights @ last(2 * G.taker_buy_volume - G.volume, i, 720) / (weights @ last(G.volume, i, 720)))


def vwap_distance(i: int) -> float:
    typical = (G.high + G.low + G.close) / 3
    weights = last(G.volume, i, 240)
    return float(1e4 * np.log(G.close[i] / (last(typical, i, 240) @ weights / weights.sum())))


def volatility_ranks(i: int) -> Array:
    past = TABLE["realised_vol_60"][i - 1425 : i + 1 : 15]
    below: Array = (past < past[-1]) + 0.5 * (past == past[-1])
    return below


def test_entropy_equals_counting_patterns() -> None:
    for i in ROWS[:6]:
        close = G.close[i - 241 : i + 1]
        counts = dict.fromkeys(permutations(range(3)), 0)
        for j in range(240):
            counts[tuple(np.argsort(close[j : j + 3], kind="stable").tolist())] += 1
        shares = np.array([count / 240 for count in counts.values() if count])
        assert TABLE["entropy"][i] == pytest.approx(-np.sum(shares * np.log(shares)) / np.log(6), rel=1e-12)


def test_residual_and_beta_equal_a_regression() -> None:
    assert WHOLE.benchmark is not None
    other = np.diff(np.log(WHOLE.benchmark.close), prepend=np.nan)
    for i in ROWS:
        x, y = last(other, i, 240), last(RETURNS, i, 240)
        beta, constant = np.polyfit(x, y, 1)
        deviation = np.std(y - beta * x - constant)
        z = (y[-60:] - beta * x[-60:]).sum() / (np.sqrt(60) * deviation)
        assert TABLE["beta"][i] == pytest.approx(beta, rel=1e-8)
        assert TABLE["residual_z"][i] == pytest.approx(z, rel=1e-8)


def test_leader_is_positive_for_the_coin_that_moves_first() -> None:
    assert WHOLE.benchmark is not None
    first, late = WHOLE.grid, replace(WHOLE.grid, close=np.concatenate([[100.0], WHOLE.grid.close[:-1]]))
    leads = compute_window(replace(WHOLE, grid=first, benchmark=late))["leader"][ROWS]
    follows = compute_window(replace(WHOLE, grid=late, benchmark=first))["leader"][ROWS]
    assert (leads > 0.35).all() and np.allclose(leads, -follows)


def test_higher_time_frames_use_closed_bars_only() -> None:
    bars = closed_bars(G.close, 60)
    np.testing.assert_array_equal(bars, G.close[59::60])
    changes = np.flatnonzero(np.diff(TABLE["htf"][WHOLE.first_row :]) != 0) + WHOLE.first_row + 1
    assert changes.size > 50 and ((changes + 1) % 15 == 0).all()


def test_windows_tolerate_gaps_and_speak_only_from_half_of_their_minutes() -> None:
    returns = GAPPY.returns
    for i in ROWS:
        known = last(returns, i, 240)
        known = known[~np.isnan(known)]
        assert 120 <= known.size < 240
        assert GAPPY_TABLE["skew"][i] == pytest.approx(stats.skew(known), rel=1e-8)
    blind = np.full(len(G), np.nan)
    blind[::3] = G.close[::3]
    sparse = compute_window(replace(WHOLE, grid=replace(G, close=blind, present=~np.isnan(blind))))
    assert np.isnan(sparse["bb_width"][WHOLE.first_row :]).all()


def test_funding_is_the_newest_rate_known_and_dies_with_age() -> None:
    rates = TABLE["funding_rate"]
    start = WHOLE.first_row
    # The bar that closes at 08:00 knows the event of 08:00; the one before it does not.
    assert rates[start + 479] - rates[start + 478] == pytest.approx(0.1)
    assert TABLE["funding_mean"][start] == pytest.approx(rates[start] - 0.1)
    assert WHOLE.funding is not None
    newest = Events(WHOLE.funding.ts[:9], WHOLE.funding.known_at[:9], {"rate": WHOLE.funding.values["rate"][:9]})
    stale = replace(WHOLE, funding=newest)
    age = compute_window(stale)["funding_rate"]
    assert not np.isnan(age[start + 958]) and np.isnan(age[start + 960 :]).all()


def test_the_clock_is_read_at_the_close() -> None:
    start = WHOLE.first_row
    # 2024-03-10 was a Sunday; its last bar closes on Monday 00:00.
    assert TABLE["minute_of_day_cos"][-1] == pytest.approx(1.0)
    assert TABLE["day_of_week_sin"][-1] == pytest.approx(0.0, abs=1e-12)
    assert TABLE["minute_of_day_sin"][start + 359] == pytest.approx(1.0)
