"""Calibrators: scikit-learn without a prior, honest at the ends with one, and blind to the future."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.learning.calibration import IsotonicMap, fit_calibrators, isotonic_map
from huracan_assets.learning.walk_forward import Fold, walk_forward_folds

Floats = NDArray[np.float64]
ORIGIN = np.datetime64("2025-01-01", "us")
QUARTER = np.timedelta64(15, "m")


def sample(n: int, seed: int, slope: float = 1.5) -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    raw = np.round(rng.uniform(0.3, 0.7, n), 3)
    y = (rng.random(n) < 0.45 + slope * (raw - 0.5)).astype(np.float64)
    return raw, y, rng.uniform(0.1, 1.0, n)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 300))
def test_without_a_prior_it_is_scikit_learns_isotonic_regression(seed: int, n: int) -> None:
    from sklearn.isotonic import IsotonicRegression

    raw, y, weights = sample(n, seed)
    oracle = IsotonicRegression(out_of_bounds="clip").fit(raw, y, sample_weight=weights)
    at = np.linspace(0.2, 0.8, 201)
    np.testing.assert_allclose(isotonic_map(raw, y, weights, prior=0.0)(at), oracle.predict(at), atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 300), prior=st.floats(0.5, 500))
def test_a_prior_keeps_the_order_the_base_rate_and_the_open_interval(seed: int, n: int, prior: float) -> None:
    raw, y, weights = sample(n, seed)
    calibrated = isotonic_map(raw, y, weights, prior)
    at = calibrated(np.linspace(0, 1, 500))
    assert (np.diff(at) >= 0).all()
    base = np.average(y, weights=weights)
    if 0 < base < 1:
        assert at.min() > 0
        assert at.max() < 1
    free = isotonic_map(raw, y, weights, prior=0.0)
    assert at.min() >= free(np.array([0.0]))[0] - 1e-12
    assert at.max() <= free(np.array([1.0]))[0] + 1e-12


def test_a_step_of_few_labels_hardly_leaves_the_base_rate() -> None:
    raw = np.concatenate([np.full(500, 0.4), np.full(500, 0.5), [0.9]])
    y = np.concatenate([np.tile([0.0, 0.0, 1.0, 0.0, 1.0], 100), np.tile([1.0, 0.0], 250), [1.0]])
    calibrated = isotonic_map(raw, y, np.ones(1001), prior=25.0)
    base = y.mean()
    low, middle, top = calibrated(np.array([0.4, 0.5, 0.9])).tolist()
    assert low == pytest.approx((500 * 0.4 + 25 * base) / 525)
    assert middle < 0.5
    assert middle <= top < 0.5


def test_a_map_survives_json_to_the_bit_and_refuses_a_broken_document() -> None:
    calibrated = isotonic_map(*sample(200, 4))
    assert IsotonicMap.from_document(json.loads(json.dumps(calibrated.document()))) == calibrated
    knots: list[tuple[list[float], list[float]]] = [([0.5, 0.4], [0.1, 0.2]), ([0.5], []), ([], [])]
    for x, y in knots:
        with pytest.raises(ContractError, match="knots"):
            IsotonicMap.from_document({"x": x, "y": y})


def test_unknown_scores_stay_unknown() -> None:
    calibrated = isotonic_map(*sample(200, 4))
    assert np.isnan(calibrated(np.array([np.nan])))[0]


def walk(n: int = 900) -> tuple[list[Fold], Floats, Floats, Floats]:
    t0 = ORIGIN + np.arange(1, n + 1) * QUARTER
    folds = walk_forward_folds(t0, t0 + 8 * QUARTER, t0[200], t0[-1], 4, timedelta(minutes=120))
    long, short = sample(n, 1), sample(n, 2)
    raw = np.column_stack([long[0], short[0]])
    raw[: folds[0].test[0]] = np.nan
    return folds, raw, np.column_stack([long[1], short[1]]), long[2]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_no_label_still_open_when_a_fold_begins_reaches_its_calibrator(k: int) -> None:
    folds, raw, y, weights = walk()
    plain = fit_calibrators(raw, y, folds, weights, np.ones(len(weights), np.bool_))
    # Labels last 8 bars, the embargo another 8: rows from 15 bars before the fold on are unknown to it.
    unknown = slice(folds[k].test[0] - 15, None)
    scrambled_raw, scrambled_y = raw.copy(), y.copy()
    scrambled_raw[unknown] = np.random.default_rng(0).random(raw[unknown].shape)
    scrambled_y[unknown] = 1 - y[unknown]
    changed = fit_calibrators(scrambled_raw, scrambled_y, folds, weights, np.ones(len(weights), np.bool_))
    assert changed.per_fold[: k + 1] == plain.per_fold[: k + 1]
    assert changed.final != plain.final


def test_the_first_fold_has_no_calibrator_and_the_final_one_knows_all_folds() -> None:
    folds, raw, y, weights = walk()
    found = fit_calibrators(raw, y, folds, weights, np.ones(len(weights), np.bool_))
    assert found.per_fold[0] is None
    tested = np.concatenate([fold.test for fold in folds])
    assert found.final[1] == isotonic_map(raw[tested, 1], y[tested, 1], weights[tested])
    calibrated = found.calibrated(raw, folds)
    assert np.isnan(calibrated[folds[0].test]).all()
    pair = found.per_fold[2]
    assert pair is not None
    np.testing.assert_array_equal(calibrated[folds[2].test, 0], pair[0](raw[folds[2].test, 0]))


def test_a_fold_without_scored_rows_before_it_is_refused() -> None:
    folds, raw, y, weights = walk()
    with pytest.raises(ContractError, match="fold 1"):
        fit_calibrators(np.full_like(raw, np.nan), y, folds, weights, np.ones(len(weights), np.bool_))
