"""Calibration errors against scikit-learn, a slow loop, and forecasters whose error is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.learning.calibration_error import (
    brier_score,
    calibration_figures,
    debiased_calibration_error,
    figures_by_regime,
    pooled_regimes,
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


def plain_error(p: Floats, y: Floats) -> float:
    """ECE over ten bins of equal mass, as most libraries have it."""
    order = np.argsort(p)
    return float(np.mean([abs(y[rows].mean() - p[rows].mean()) for rows in np.array_split(order, 10)]))


@pytest.mark.parametrize("n", [200, 1000, 5000])
def test_a_perfect_forecaster_has_a_plain_ece_of_pure_noise_and_a_debiased_error_near_zero(n: int) -> None:
    samples = [forecaster(n, s) for s in range(200)]
    plain = [plain_error(p, y) for p, y in samples]
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


def test_brier_counts_a_label_by_its_uniqueness() -> None:
    p, y = forecaster(50, 3)
    weights = np.random.default_rng(3).integers(1, 5, 50)
    repeated = brier_score(np.repeat(p, weights), np.repeat(y, weights))
    assert brier_score(p, y, weights / 4.0) == pytest.approx(repeated, abs=1e-12)


def test_the_figures_are_those_of_the_pieces() -> None:
    p, y = forecaster(400, 6, tilt=0.1)
    weights, regime = np.full(400, 0.5), np.repeat(["RANGE", "TREND"], 200)
    found = calibration_figures(p, y, weights, regime)
    assert (found.regimes, found.n_eff) == (("RANGE", "TREND"), 200.0)
    assert found.brier == brier_score(p, y, weights)
    assert found.base_rate_brier == pytest.approx(y.mean() * (1 - y.mean()))
    assert found.ece == debiased_calibration_error(p, y, weights)
    parts = figures_by_regime(p, y, weights, regime, 100.0)
    rows = np.arange(400).reshape(2, 200)
    assert parts == tuple(calibration_figures(p[own], y[own], weights[own], regime[own]) for own in rows)
    assert figures_by_regime(p, y, weights, regime, 101.0) == (found,)
    assert figures_by_regime(p[:2], y[:2], weights[:2], regime[:2], 100.0) == ()


@given(data=st.data(), least=st.floats(1.0, 200.0))
@settings(max_examples=60, deadline=None)
def test_rare_regimes_are_pooled_and_none_is_lost(data: st.DataObject, least: float) -> None:
    counts = data.draw(st.dictionaries(st.sampled_from("ABCDE"), st.integers(1, 200), min_size=1))
    regime = np.concatenate([np.full(count, name) for name, count in counts.items()])
    groups = pooled_regimes(regime, np.full(len(regime), 0.5), least)
    assert sorted(name for group in groups for name in group) == sorted(counts)
    held = [sum(counts[name] for name in group) / 2 for group in groups]
    assert len(groups) == 1 or min(held) >= least
    for name, count in counts.items():
        alone = [group for group in groups if group == (name,)]
        if count / 2 >= least and all(other / 2 >= least for other in counts.values()):
            assert alone


def test_a_regime_that_says_too_much_is_not_hidden_by_the_others() -> None:
    (calm, y_calm), (loud, y_loud) = forecaster(2000, 1), forecaster(600, 2, tilt=-0.2)
    p, y = np.concatenate([calm, loud]), np.concatenate([y_calm, y_loud])
    regime, ones = np.repeat(["RANGE", "PANIC"], (2000, 600)), np.ones(2600)
    whole = debiased_calibration_error(p, y)
    panic, quiet = figures_by_regime(p, y, ones, regime, 300.0)
    assert (panic.regimes, quiet.regimes) == (("PANIC",), ("RANGE",))
    assert quiet.ece < 0.03 < whole < 0.1 < panic.ece
    assert panic.ece == pytest.approx(0.2, abs=0.05)


def test_a_perfect_forecaster_of_300_labels_is_seldom_over_the_bound_of_the_gate() -> None:
    # 1 % of them; with 100 labels 19 % would be, and so such a regime is pooled.
    errors = {n: [debiased_calibration_error(*forecaster(n, seed)) for seed in range(300)] for n in (100, 300)}
    assert np.mean(np.array(errors[300]) > 0.10) <= 0.03
    assert np.mean(np.array(errors[100]) > 0.10) > 0.10
