"""Calibration errors against scikit-learn, a slow loop, and forecasters whose error is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.validation.calibration_error import (
    brier_score,
    debiased_calibration_error,
    expected_calibration_error,
)

Floats = NDArray[np.float64]


def forecaster(n: int, seed: int, tilt: float = 0.0) -> tuple[Floats, Floats]:
    """Beta(5, 5) forecasts; the event comes with p + tilt."""
    rng = np.random.default_rng(seed)
    p = rng.beta(5, 5, n)
    return p, (rng.random(n) < np.clip(p + tilt, 0, 1)).astype(np.float64)


@given(seed=st.integers(0, 1000), n=st.integers(1, 200))
@settings(max_examples=30, deadline=None)
def test_brier_is_scikit_learns(seed: int, n: int) -> None:
    from sklearn.metrics import brier_score_loss

    p, y = forecaster(n, seed)
    assert brier_score(p, y) == pytest.approx(brier_score_loss(y, p, labels=[0, 1]), abs=1e-12)


@given(seed=st.integers(0, 1000), groups=st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_ece_is_the_slow_loop_over_bins_of_equal_mass(seed: int, groups: int) -> None:
    p, y = forecaster(groups * 10, seed)
    order = np.argsort(p)
    expected = np.mean([abs(y[rows].mean() - p[rows].mean()) for rows in np.split(order, 10)])
    assert expected_calibration_error(p, y) == pytest.approx(expected, abs=1e-12)


def test_equal_forecasts_share_a_bin() -> None:
    p = np.full(100, 0.55)
    y = np.tile([1.0, 0.0], 50)
    assert expected_calibration_error(p, y) == pytest.approx(0.05)


@pytest.mark.parametrize("n", [200, 1000, 5000])
def test_a_perfect_forecaster_has_a_plain_ece_of_pure_noise_and_a_debiased_error_near_zero(n: int) -> None:
    samples = [forecaster(n, s) for s in range(200)]
    plain = [expected_calibration_error(p, y) for p, y in samples]
    # E|N(0, s)| = s sqrt(2/pi), s the standard error of a bin's rate.
    p = np.sort(np.concatenate([p for p, _ in samples])).reshape(10, -1).mean(axis=1)
    noise = np.sqrt(2 / np.pi) * np.mean(np.sqrt(p * (1 - p) / (n / 10)))
    assert np.mean(plain) == pytest.approx(noise, rel=0.05)
    debiased = np.array([debiased_calibration_error(p, y) for p, y in samples])
    assert np.median(debiased) < 0.5 * noise
    assert 0.4 < np.mean(debiased == 0) < 0.7


def test_a_known_miscalibration_is_measured() -> None:
    for n in (500, 5000):
        found = [debiased_calibration_error(*forecaster(n, s, tilt=0.08)) ** 2 for s in range(150)]
        assert np.sqrt(np.mean(found)) == pytest.approx(0.08, abs=0.005)


def test_overlapping_labels_take_off_more_noise() -> None:
    # 4 copies of every label, uniqueness 1/4: no more evidence than the labels once.
    p, y = forecaster(400, 5)
    once = debiased_calibration_error(p, y)
    copied = debiased_calibration_error(np.repeat(p, 4), np.repeat(y, 4), np.full(1600, 0.25))
    blind = debiased_calibration_error(np.repeat(p, 4), np.repeat(y, 4))
    assert copied == pytest.approx(once, abs=1e-9)
    assert blind > once


def test_few_labels_get_fewer_bins_and_none_get_an_error() -> None:
    p, y = forecaster(25, 1)
    value = debiased_calibration_error(p, y)
    assert 0 <= value <= 1
    with pytest.raises(ContractError, match="effective labels"):
        debiased_calibration_error(p, y, np.full(25, 0.05))


def test_what_is_no_forecast_is_refused() -> None:
    for p, y in (([0.5, 1.2], [0, 1]), ([0.5], [0.5]), ([], []), ([0.5, 0.5], [1]), ([np.nan], [1])):
        with pytest.raises(ContractError, match="probabilities"):
            brier_score(np.array(p), np.array(y))
