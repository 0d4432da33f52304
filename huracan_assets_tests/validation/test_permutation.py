"""The FFT's shifts against rolled arrays, and an honest p-value under the null."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.validation.permutation import circular_shift_test, shifted_totals

Floats = NDArray[np.float64]


def smooth(rng: np.random.Generator, n: int, width: int) -> Floats:
    """Autocorrelated noise: a circular moving sum."""
    noise = rng.normal(size=n)
    return np.asarray(sum(np.roll(noise, k) for k in range(width)) / np.sqrt(width))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 400))
def test_every_shift_is_the_rolled_sum(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    positions = rng.integers(-1, 2, n) * rng.choice([1.0, 0.5], n)
    net = rng.normal(0, 100, (n, 2))
    expected = [
        sum(abs(p) * net[(t + k) % n, 0 if p > 0 else 1] for t, p in enumerate(positions.tolist()) if p != 0)
        for k in range(0, n, max(1, n // 7))
    ]
    np.testing.assert_allclose(shifted_totals(positions, net)[:: max(1, n // 7)], expected, atol=1e-9)


def test_the_p_value_counts_shifts_and_is_never_zero() -> None:
    rng = np.random.default_rng(4)
    net = rng.normal(0, 10, (500, 2))
    positions = np.where(net[:, 0] > 5, 1.0, np.where(net[:, 1] > 5, -1.0, 0.0))
    found = circular_shift_test(positions, net, 50)
    assert found.shifts == 401
    assert found.p_value == 1 / 402
    long, short = positions > 0, positions < 0
    rolled = [
        np.roll(net, -k, axis=0)[long, 0].sum() + np.roll(net, -k, axis=0)[short, 1].sum() for k in range(50, 451)
    ]
    np.testing.assert_allclose(found.null, rolled, atol=1e-9)
    assert found.observed_bps == pytest.approx(net[long, 0].sum() + net[short, 1].sum())


def test_a_policy_that_never_trades_proves_nothing() -> None:
    net = np.random.default_rng(4).normal(0, 10, (300, 2))
    assert circular_shift_test(np.zeros(300), net, 20).p_value == 1.0


def test_a_constant_position_ties_with_every_shift_and_gets_no_credit_for_drift() -> None:
    net = np.random.default_rng(4).normal(5, 10, (300, 2))
    assert circular_shift_test(np.ones(300), net, 20).p_value == 1.0


def test_without_skill_the_p_value_is_uniform_although_both_series_are_autocorrelated() -> None:
    from scipy.stats import kstest

    rng = np.random.default_rng(6)
    values = []
    for _ in range(400):
        move = 10 * smooth(rng, 1000, 8)
        net = np.column_stack([move, -move]) - 3
        positions = np.sign(smooth(rng, 1000, 30)) * (np.abs(smooth(rng, 1000, 5)) > 1)
        values.append(circular_shift_test(positions, net, 50).p_value)
    assert kstest(values, "uniform").pvalue > 0.01
    assert np.mean(np.array(values) <= 0.05) < 0.08


def test_skill_is_found() -> None:
    rng = np.random.default_rng(7)
    move = 10 * smooth(rng, 3000, 8)
    seen = move + 60 * smooth(rng, 3000, 8)
    net = np.column_stack([move, -move]) - 1
    assert circular_shift_test(np.sign(seen), net, 96).p_value < 0.01


def test_unfit_input_is_refused() -> None:
    net = np.zeros((100, 2))
    for positions, outcome, shift, message in (
        (np.zeros(99), net, 10, "every bar"),
        (np.zeros(100), np.full((100, 2), np.nan), 10, "finite"),
        (np.zeros(100), net, 51, "no circular shift"),
    ):
        with pytest.raises(ContractError, match=message):
            circular_shift_test(positions, outcome, shift)
