"""Sharpe statistics against published figures, scipy, and exhaustive counting."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.errors import ContractError
from huracan_assets.validation.sharpe import (
    Moments,
    annual_sharpe,
    annual_volatility,
    deflated_sharpe,
    expected_max_sharpe,
    longest_losing_run,
    losing_run_bound,
    max_drawdown,
    min_track_record_length,
    moments,
    no_run_probability,
    probabilistic_sharpe,
    profit_factor,
    sharpe_ratio,
)


def normal(periods: int, annual: float) -> Moments:
    return Moments(periods, annual / math.sqrt(365), 0.0, 3.0)


def test_moments_are_scipys_with_raw_kurtosis() -> None:
    from scipy import stats

    returns = np.random.default_rng(1).standard_t(4, 500) * 0.01 + 0.001
    found = moments(returns)
    assert found.skew == pytest.approx(stats.skew(returns), abs=1e-12)
    assert found.kurtosis == pytest.approx(stats.kurtosis(returns, fisher=False), rel=1e-12)
    assert found.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1), rel=1e-12)
    assert annual_sharpe(returns) == pytest.approx(found.sharpe * 365**0.5, rel=1e-12)
    assert annual_volatility(returns) == pytest.approx(returns.std(ddof=1) * 365**0.5, rel=1e-12)


def test_a_series_without_variance_proves_nothing() -> None:
    for constant in (0.0, 0.001, -3.3):
        assert sharpe_ratio(np.full(50, constant)) == 0.0
    assert probabilistic_sharpe(moments(np.zeros(50))) == 0.5
    with pytest.raises(ContractError, match="finite"):
        moments(np.array([0.1, np.nan]))
    with pytest.raises(ContractError, match="two or more"):
        moments(np.array([0.1]))


def test_the_probabilistic_sharpe_of_the_paper_is_reproduced() -> None:
    # Bailey & Lopez de Prado (2012), two years of monthly returns: mean 0.036, deviation 0.079, skew -2.448,
    # kurtosis 10.164. PSR(0) is 0.982 under normality and 0.913 with the true moments.
    sharpe = 0.036 / 0.079
    assert probabilistic_sharpe(Moments(24, sharpe, 0.0, 3.0)) == pytest.approx(0.982, abs=1e-3)
    assert probabilistic_sharpe(Moments(24, sharpe, -2.448, 10.164)) == pytest.approx(0.913, abs=1e-3)


def test_excess_kurtosis_in_place_of_raw_would_flatter() -> None:
    right = probabilistic_sharpe(Moments(60, 0.25, -0.5, 6.0))
    wrong = probabilistic_sharpe(Moments(60, 0.25, -0.5, 3.0))
    assert right < wrong
    z = 0.25 * math.sqrt(59) / math.sqrt(1 + 0.5 * 0.25 + 5 / 4 * 0.25**2)
    assert right == pytest.approx(0.5 * (1 + math.erf(z / math.sqrt(2))), abs=1e-12)


@pytest.mark.parametrize(("annual", "days"), [(1.0, 990), (1.5, 441), (2.0, 249), (3.0, 112)])
def test_the_track_record_a_normal_sharpe_needs(annual: float, days: int) -> None:
    length = min_track_record_length(normal(90, annual))
    assert round(length) == days
    at_length = Moments(round(length), annual / math.sqrt(365), 0.0, 3.0)
    assert probabilistic_sharpe(at_length) == pytest.approx(0.95, abs=1e-3)
    assert min_track_record_length(normal(90, annual), benchmark=1.0) == math.inf


@pytest.mark.parametrize(("trials", "days", "annual"), [(8, 90, 2.94), (100, 365, 2.53), (5000, 365, 3.69)])
def test_the_best_of_many_without_skill(trials: int, days: int, annual: float) -> None:
    best = expected_max_sharpe(trials, 1.0 / days) * math.sqrt(365)
    assert best == pytest.approx(annual, abs=0.03)


def test_the_expected_maximum_is_that_of_simulated_luck() -> None:
    draws = np.random.default_rng(2).normal(0, 0.1, (20_000, 50)).max(axis=1)
    assert expected_max_sharpe(50, 0.01) == pytest.approx(draws.mean(), rel=0.02)


def test_the_deflated_sharpe_of_the_paper_is_reproduced() -> None:
    # Bailey & Lopez de Prado (2014): 5 years of daily data, N = 100, annual SR 2.5, V = 1/2 a year, skew -3,
    # kurtosis 10: SR0 = 0.1132 a day, DSR = 0.9004.
    of = Moments(1250, 2.5 / math.sqrt(250), -3.0, 10.0)
    best = expected_max_sharpe(100, 0.5 / 250)
    assert best == pytest.approx(0.1132, abs=1e-4)
    assert probabilistic_sharpe(of, best) == pytest.approx(0.9004, abs=1e-4)
    rng = np.random.default_rng(0)
    trials = rng.normal(size=100)
    trials = (trials - trials.mean()) / trials.std(ddof=1) * math.sqrt(0.5 / 250)
    assert deflated_sharpe(of, 100, trials.tolist()) == pytest.approx(0.9004, abs=1e-4)


def test_trials_without_a_recorded_sharpe_still_deflate() -> None:
    of = normal(120, 2.0)
    one, ten, many = (deflated_sharpe(of, trials) for trials in (1, 10, 1000))
    assert one == probabilistic_sharpe(of)
    assert one > ten > many
    assert ten == probabilistic_sharpe(of, expected_max_sharpe(10, 1 / 119))
    assert deflated_sharpe(of, 10, [0.05]) == ten
    assert deflated_sharpe(of, 10, [0.05, 0.0501]) == ten  # nights that resemble each other flatter nobody
    assert deflated_sharpe(of, 10, [-0.2, 0.3]) < ten
    for trials, known in ((0, []), (1, [0.1, 0.2])):
        with pytest.raises(ContractError, match="count them all"):
            deflated_sharpe(of, trials, known)


def test_drawdown_and_profit_factor_of_a_readable_series() -> None:
    assert max_drawdown(np.array([0.02, -0.01, -0.03, 0.05, -0.02])) == pytest.approx(0.04)
    assert max_drawdown(np.array([-0.01, -0.02, 0.5])) == pytest.approx(0.03)
    assert max_drawdown(np.array([0.1, 0.2])) == 0.0
    assert profit_factor(np.array([3.0, -1.0, 0.0, -1.0])) == 1.5
    assert profit_factor(np.array([3.0])) == math.inf
    assert profit_factor(np.array([])) == 0.0
    assert longest_losing_run(np.array([1, -1, 0, -2, 3, -1, -1])) == 3
    assert longest_losing_run(np.array([])) == 0


@pytest.mark.parametrize("loss_rate", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_the_run_probability_is_the_sum_over_all_sequences(loss_rate: float) -> None:
    for trades in range(11):
        for length in range(1, 5):
            total = 0.0
            for losses in itertools.product((0, 1), repeat=trades):
                if "1" * length not in "".join(map(str, losses)):
                    count = sum(losses)
                    total += loss_rate**count * (1 - loss_rate) ** (trades - count)
            assert no_run_probability(loss_rate, trades, length) == pytest.approx(total, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(win_rate=st.floats(0, 1), trades=st.integers(0, 300))
def test_the_losing_run_bound_is_the_shortest_that_holds(win_rate: float, trades: int) -> None:
    bound = losing_run_bound(win_rate, trades)
    assert no_run_probability(1 - win_rate, trades, bound + 1) >= 0.95
    if bound > 0:
        assert no_run_probability(1 - win_rate, trades, bound) < 0.95
    assert bound <= trades


def test_the_losing_run_bound_covers_simulated_luck() -> None:
    rng = np.random.default_rng(3)
    runs = [longest_losing_run(np.where(rng.random(200) < 0.5, 1.0, -1.0)) for _ in range(2000)]
    bound = losing_run_bound(0.5, 200)
    assert 0.95 <= np.mean(np.array(runs) <= bound) < 0.985
    assert np.mean(np.array(runs) <= bound - 1) < 0.95
