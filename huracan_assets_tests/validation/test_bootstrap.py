"""The block bootstrap against `arch` and against its own laws."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.validation.bootstrap import (
    challenger_p_value,
    drawdown_quantile,
    sharpe_interval,
    stationary_indices,
)
from huracan_assets.validation.sharpe import max_drawdown, sharpe_ratio

Floats = NDArray[np.float64]


def days(n: int, seed: int, mean: float = 0.001) -> Floats:
    """Autocorrelated daily returns."""
    noise = np.random.default_rng(seed).normal(0, 0.01, n + 4)
    return np.asarray(mean + np.convolve(noise, np.full(5, 0.5), "valid"))


def arch_paths(returns: Floats, block: int, paths: int, seed: int) -> Floats:
    from arch.bootstrap import StationaryBootstrap

    resampled = StationaryBootstrap(block, returns, seed=seed).bootstrap(paths)
    return np.array([positional[0] for positional, _ in resampled])


def test_blocks_run_on_circularly_with_geometric_lengths() -> None:
    indices = stationary_indices(50, 5.0, 2000, np.random.default_rng(1))
    assert indices.min() == 0
    assert indices.max() == 49
    goes_on = (indices[:, 1:] - indices[:, :-1]) % 50 == 1
    # A restart lands on the next row by chance once in 50.
    assert goes_on.mean() == pytest.approx(0.8 + 0.2 / 50, abs=0.005)
    counts = np.bincount(indices.ravel(), minlength=50) / indices.size
    np.testing.assert_allclose(counts, 1 / 50, rtol=0.1)
    assert (np.diff(stationary_indices(50, 1e9, 20, np.random.default_rng(1)), axis=1) % 50 == 1).all()


def test_the_variance_of_the_mean_is_archs() -> None:
    returns = days(120, 2)
    ours = returns[stationary_indices(120, 5.0, 20_000, np.random.default_rng(3))].mean(axis=1)
    theirs = arch_paths(returns, 5, 10_000, 4).mean(axis=1)
    assert ours.std() == pytest.approx(theirs.std(), rel=0.03)
    assert ours.std() > 1.3 * returns.std() / np.sqrt(120)


def test_drawdowns_and_sharpe_intervals_are_archs() -> None:
    returns = days(120, 2)
    paths = arch_paths(returns, 5, 8000, 5)
    expected = np.quantile([max_drawdown(path) for path in paths], 0.95)
    assert drawdown_quantile(returns, 5.0, 8000, np.random.default_rng(6)) == pytest.approx(expected, rel=0.05)
    low, high = sharpe_interval(returns, 5.0, 8000, np.random.default_rng(6))
    theirs = np.quantile([sharpe_ratio(path) for path in paths], [0.025, 0.975])
    assert [low, high] == pytest.approx(theirs.tolist(), abs=0.02)
    assert low < sharpe_ratio(returns) < high


def test_the_same_generator_gives_the_same_figures() -> None:
    returns = days(60, 7)
    first, second = (drawdown_quantile(returns, 5.0, 500, np.random.default_rng(8)) for _ in range(2))
    assert first == second


def test_a_loss_from_the_first_day_on_counts_from_the_start() -> None:
    assert drawdown_quantile(np.full(10, -0.01), 2.0, 50, np.random.default_rng(1)) == pytest.approx(0.1)


def test_days_without_a_trade_have_no_drawdown_and_no_sharpe() -> None:
    assert drawdown_quantile(np.zeros(30), 5.0, 100, np.random.default_rng(1)) == 0.0
    assert sharpe_interval(np.zeros(30), 5.0, 100, np.random.default_rng(1)) == (0.0, 0.0)


def test_a_better_challenger_is_preferred_and_an_equal_one_is_not() -> None:
    champion = days(120, 9, mean=0.0)
    rng = np.random.default_rng(10)
    better = champion + 0.004 + rng.normal(0, 0.005, 120)
    assert challenger_p_value(better, champion, 5.0, 2000, np.random.default_rng(1)) < 0.01
    assert challenger_p_value(champion, better, 5.0, 2000, np.random.default_rng(1)) > 0.99
    assert challenger_p_value(champion, champion, 5.0, 500, np.random.default_rng(1)) == 1.0


def test_twins_in_skill_are_seldom_told_apart() -> None:
    rng = np.random.default_rng(11)
    p = []
    for _ in range(500):
        noise = rng.normal(0, 0.01, (2, 121))
        champion, challenger = noise[:, 1:] + noise[:, :-1]
        p.append(challenger_p_value(challenger, champion, 5.0, 300, rng))
    assert np.mean(np.array(p) <= 0.05) < 0.10
    assert np.mean(p) == pytest.approx(0.5, abs=0.05)


def test_unfit_input_is_refused() -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(ContractError, match="same days"):
        challenger_p_value(np.zeros(5), np.zeros(6), 2.0, 10, rng)
    with pytest.raises(ContractError, match="too few"):
        challenger_p_value(np.zeros(10), np.zeros(10), 5.0, 10, rng)
    for n, block in ((1, 2.0), (10, 0.5)):
        with pytest.raises(ContractError, match="bootstrap"):
            stationary_indices(n, block, 10, rng)
