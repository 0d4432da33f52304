"""The line beside the trees: its formula, its penalty, and what it does with holes and outliers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from huracan_assets.learning.linear_model import CLIP, LinearModel, fit_linear

Floats = NDArray[np.float64]


def drawn(seed: int, rows: int = 800, columns: int = 5) -> tuple[NDArray[np.float32], Floats, Floats]:
    """Features with a slope on the first two, labels, and weights."""
    rng = np.random.default_rng(seed)
    features = rng.normal(3.0, 2.0, (rows, columns)).astype(np.float32)
    score = 0.8 * (features[:, 0] - 3.0) / 2.0 - 0.4 * (features[:, 1] - 3.0) / 2.0
    label = (rng.random(rows) < 1.0 / (1.0 + np.exp(-score))).astype(np.float64)
    return features, label, rng.uniform(0.1, 1.0, rows)


def test_it_minimises_the_penalised_loss() -> None:
    """Against a general minimiser on the written formula."""
    features, label, weights = drawn(1)
    evidence, penalty = np.array([0.9, 0.5, 0.3, 0.8, 0.6]), 7.0
    model = fit_linear(features, label, weights, evidence, penalty)
    standard = np.clip((features - np.array(model.centre)) / np.array(model.scale), -CLIP, CLIP) * evidence

    def loss(theta: Floats) -> float:
        z = theta[0] + standard @ theta[1:]
        return float(weights @ (np.logaddexp(0.0, z) - label * z) + penalty / 2.0 * theta[1:] @ theta[1:])

    best = minimize(loss, np.zeros(6), method="BFGS", options={"gtol": 1e-7}).x
    assert model.intercept == pytest.approx(best[0], abs=1e-4)
    np.testing.assert_allclose(model.coefficient, best[1:] * evidence, atol=1e-4)


def test_a_row_is_answered_alike_alone_and_among_others() -> None:
    features, label, weights = drawn(2)
    model = fit_linear(features, label, weights, np.full(5, 0.5), 1.0)
    whole = model.predict(features)
    for row in (0, 5, 799):
        assert model.predict(features[row : row + 1])[0] == whole[row]


def test_an_undefined_feature_adds_nothing_and_an_outlier_no_more_than_its_bound() -> None:
    features, label, weights = drawn(3)
    model = fit_linear(features, label, weights, np.full(5, 0.5), 1.0)
    centre = np.array([model.centre], np.float32)
    hole, far, farther = centre.copy(), centre.copy(), centre.copy()
    hole[0, 0] = np.nan
    far[0, 0] = np.float32(model.centre[0] + 5 * model.scale[0])
    farther[0, 0] = 1e30
    assert model.predict(hole)[0] == pytest.approx(model.predict(centre)[0], abs=1e-6)
    assert model.predict(far)[0] == model.predict(farther)[0] != model.predict(centre)[0]


def test_what_has_no_evidence_or_no_value_has_no_coefficient() -> None:
    features, label, weights = drawn(4)
    features[:, 3] = np.nan
    features[:, 4] = 2.5
    model = fit_linear(features, label, weights, np.array([0.9, 0.0, 0.9, 0.9, 0.9]), 1.0)
    assert np.flatnonzero(model.coefficient).tolist() == [0, 2]
    assert sum(model.share) == pytest.approx(1.0)
    assert np.argmax(model.share) == 0
    assert np.isfinite(model.predict(features)).all()


@pytest.mark.parametrize("won", [0.0, 1.0])
def test_a_label_that_never_varies_is_answered_with_itself(won: float) -> None:
    features, _, weights = drawn(5)
    model = fit_linear(features, np.full(800, won), weights, np.full(5, 0.5), 1.0)
    np.testing.assert_allclose(model.predict(features), won, atol=1e-5)


def test_a_line_of_no_number_or_of_several_widths_cannot_be_made() -> None:
    good = fit_linear(*drawn(7), np.full(5, 0.5), 3.0).model_dump()
    for name in ("centre", "scale", "coefficient", "share"):
        for wrong in ((*good[name][:-1], np.nan), (*good[name][:-1], np.inf), good[name][:-1]):
            with pytest.raises(ValueError, match=name):
                LinearModel(**good | {name: wrong})
    for name, wrong in (("intercept", np.nan), ("scale", (*good["scale"][:-1], 0.0))):
        with pytest.raises(ValueError, match=name):
            LinearModel(**good | {name: wrong})


def test_it_reads_back_from_json_to_the_bit() -> None:
    model = fit_linear(*drawn(6), np.full(5, 0.5), 3.0)
    assert LinearModel.model_validate_json(model.model_dump_json()) == model
