"""Maps against scikit-learn, honest at the ends, and the same from JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from huracan_assets.errors import ContractError
from huracan_assets.learning.probability_maps import (
    AnyMap,
    BaseRateMap,
    IsotonicMap,
    PlattMap,
    TemperatureMap,
    base_rate_map,
    isotonic_map,
    least_logistic_loss,
    log_odds,
    platt_map,
    smoothed_targets,
    temperature_map,
)

Floats = NDArray[np.float64]
ANY: TypeAdapter[Any] = TypeAdapter(AnyMap)
PRIOR = 10.0


def sample(n: int, seed: int, slope: float = 1.5) -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    raw = np.round(rng.uniform(0.3, 0.7, n), 3)
    won = (rng.random(n) < 0.45 + slope * (raw - 0.5)).astype(np.float64)
    return raw, won, rng.uniform(0.1, 1.0, n)


def every_map(raw: Floats, won: Floats, weights: Floats) -> list[Any]:
    fitted = [fit(raw, won, weights) for fit in (temperature_map, platt_map)]
    return [base_rate_map(won, weights), *fitted, isotonic_map(raw, won, weights, PRIOR)]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 300))
def test_isotonic_without_a_prior_is_scikit_learns(seed: int, n: int) -> None:
    from sklearn.isotonic import IsotonicRegression

    raw, won, weights = sample(n, seed)
    oracle = IsotonicRegression(out_of_bounds="clip").fit(raw, won, sample_weight=weights)
    at = np.linspace(0.2, 0.8, 201)
    np.testing.assert_allclose(isotonic_map(raw, won, weights, prior=0.0)(at), oracle.predict(at), atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(20, 400), slope=st.floats(0.5, 2.0))
def test_platt_is_scikit_learns_sigmoid_and_its_logistic_regression(seed: int, n: int, slope: float) -> None:
    from sklearn.calibration import _SigmoidCalibration
    from sklearn.linear_model import LogisticRegression

    raw, won, weights = sample(n, seed, slope)
    found, at = platt_map(raw, won, weights), np.linspace(0.3, 0.7, 41)
    # A row that is 1 with weight t and 0 with weight 1 - t has the target t.
    target = smoothed_targets(won, weights)
    twice = np.concatenate([log_odds(raw)] * 2)[:, None]
    labels, shares = np.repeat([1.0, 0.0], n), np.concatenate([weights * target, weights * (1.0 - target)])
    plain = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12).fit(twice, labels, sample_weight=shares)
    if plain.coef_[0, 0] > 0.0:
        expected = plain.predict_proba(log_odds(at)[:, None])[:, 1]
        np.testing.assert_allclose(found(at), expected, atol=1e-6)
        sigmoid = _SigmoidCalibration().fit(log_odds(raw), won, sample_weight=weights)
        np.testing.assert_allclose(found(at), sigmoid.predict(log_odds(at)), atol=1e-4)  # its own tolerance
    else:
        np.testing.assert_allclose(found(at), np.average(target, weights=weights), atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(20, 400))
def test_temperature_is_scikit_learns_but_for_the_smoothed_targets(seed: int, n: int) -> None:
    from sklearn.calibration import _TemperatureScaling

    raw, won, weights = sample(n, seed)
    target = smoothed_targets(won, weights)
    # A row that is 1 with weight t and 0 with weight 1 - t has the target t.
    shares = np.concatenate([weights * target, weights * (1.0 - target)])
    oracle = _TemperatureScaling().fit(np.tile(log_odds(raw), 2), np.repeat([1.0, 0.0], n), sample_weight=shares)
    found, at = temperature_map(raw, won, weights), np.linspace(0.3, 0.7, 41)
    np.testing.assert_allclose(found(at), oracle.predict(log_odds(at))[:, 1], atol=1e-4)
    loss = [float(weights @ _cross_entropy(target, 1 / (1 + np.exp(-b * log_odds(raw))))) for b in (
        found.inverse_temperature, float(oracle.beta_))]  # fmt: skip
    assert loss[0] <= loss[1] + 1e-9  # its search stops at a tolerance, Newton's steps do not


def _cross_entropy(target: Floats, p: Floats) -> Floats:
    return np.asarray(-(target * np.log(p) + (1 - target) * np.log(1 - p)))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_temperature_is_found_again(temperature: float) -> None:
    rng = np.random.default_rng(3)
    raw = rng.uniform(0.05, 0.95, 40_000)
    won = (rng.random(40_000) < 1 / (1 + np.exp(-log_odds(raw) / temperature))).astype(np.float64)
    ones = np.ones(40_000)
    assert 1 / temperature_map(raw, won, ones).inverse_temperature == pytest.approx(temperature, rel=0.03)
    line = platt_map(raw, won, ones)
    assert 1 / line.slope == pytest.approx(temperature, rel=0.03)
    assert line.intercept == pytest.approx(0.0, abs=0.04)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 300), slope=st.floats(-2.0, 2.0))
def test_every_map_rises_and_is_never_certain(seed: int, n: int, slope: float) -> None:
    fine = np.concatenate([[0.0, 1e-300], np.linspace(0, 1, 500), [1.0]])
    for fitted in every_map(*sample(n, seed, slope)):
        at = fitted(np.sort(fine))
        assert (np.diff(at) >= 0).all()
        assert at.min() > 0.0
        assert at.max() < 1.0
        assert np.isnan(fitted(np.array([np.nan, 0.5]))).tolist() == [True, False]


@pytest.mark.parametrize("outcome", [0.0, 1.0])
@pytest.mark.parametrize("n", [1, 40, 4000])
def test_of_one_class_alone_the_answer_is_the_rule_of_succession(outcome: float, n: int) -> None:
    raw = np.random.default_rng(n).uniform(0.3, 0.7, n)
    won, weights = np.full(n, outcome), np.full(n, 0.25)
    expected = (0.25 * n * outcome + 1.0) / (0.25 * n + 2.0)
    constant, temperature, line, steps = every_map(raw, won, weights)
    assert constant.rate == pytest.approx(expected)
    np.testing.assert_allclose(line(raw), expected, rtol=1e-6)
    assert ((steps(raw) > 0) & (steps(raw) < 1) & (abs(steps(raw) - outcome) <= abs(expected - outcome) + 1e-12)).all()
    assert ((temperature(raw) > 0) & (temperature(raw) < 1)).all()


def test_scores_that_part_wins_from_losses_give_no_infinite_slope() -> None:
    raw = np.linspace(0.1, 0.9, 100)
    won = (raw > 0.55).astype(np.float64)
    for fitted in every_map(raw, won, np.ones(100))[1:]:
        assert 0.0 < fitted(np.array([0.0]))[0] < 0.5 < fitted(np.array([1.0]))[0] < 1.0
    same = np.full(100, 0.5)
    for fitted in every_map(same, won, np.ones(100)):
        assert 0.4 < fitted(np.array([0.5]))[0] <= 0.5


def test_a_step_of_few_labels_hardly_leaves_the_base_rate() -> None:
    raw = np.concatenate([np.full(500, 0.4), np.full(500, 0.5), [0.9]])
    won = np.concatenate([np.tile([0.0, 0.0, 1.0, 0.0, 1.0], 100), np.tile([1.0, 0.0], 250), [1.0]])
    calibrated = isotonic_map(raw, won, np.ones(1001), prior=25.0)
    base = (won.sum() + 1) / 1003
    low, middle, top = calibrated(np.array([0.4, 0.5, 0.9])).tolist()
    assert low == pytest.approx((500 * 0.4 + 25 * base) / 525)
    assert middle < 0.5
    assert middle <= top < 0.5


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 200))
def test_a_map_survives_json_to_the_bit(seed: int, n: int) -> None:
    for fitted in every_map(*sample(n, seed)):
        assert ANY.validate_python(json.loads(json.dumps(fitted.model_dump()))) == fitted


BROKEN: list[dict[str, Any]] = [
    {"method": "isotonic", "x": [0.5, 0.4], "y": [0.1, 0.2]},
    {"method": "isotonic", "x": [0.4, 0.5], "y": [0.2, 0.1]},
    {"method": "isotonic", "x": [0.5], "y": []},
    {"method": "isotonic", "x": [], "y": []},
    {"method": "isotonic", "x": [0.5], "y": [1.5]},
    {"method": "isotonic", "x": [math.nan], "y": [0.5]},
    {"method": "isotonic", "x": [0.5], "y": [math.nan]},
    {"method": "platt", "slope": math.inf, "intercept": 0.0},
    {"method": "platt", "slope": 1.0, "intercept": math.nan},
    {"method": "platt", "slope": -1.0, "intercept": 0.0},
    {"method": "temperature", "inverse_temperature": math.nan},
    {"method": "temperature", "inverse_temperature": None},
    {"method": "base_rate", "rate": 0.0},
    {"method": "base_rate", "rate": 1.0},
    {"method": "another", "rate": 0.5},
]


@pytest.mark.parametrize("document", BROKEN, ids=str)
def test_a_broken_map_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ANY.validate_python(document)


def test_a_number_that_is_none_is_refused_where_it_is_given() -> None:
    for broken in (math.nan, math.inf):
        with pytest.raises(ContractError, match="not finite"):
            least_logistic_loss(np.full((1, 3), broken), np.full(3, 0.5), np.ones(3))
    made = (BaseRateMap(rate=0.5), TemperatureMap(inverse_temperature=1.0), PlattMap(slope=1.0, intercept=0.0),
            IsotonicMap(x=(0.5,), y=(0.5,)))  # fmt: skip
    for one in made:
        with pytest.raises(ValidationError, match="frozen"):
            one.method = "isotonic"
