"""A pair leans in units of its own, so that a lean says the same of models that scatter more or less."""

from __future__ import annotations

import numpy as np
import pytest
from lightgbm import Booster

from huracan_assets.features.recipe import FEATURE_NAMES
from huracan_assets.learning.side_model import SidePair
from huracan_assets_tests.decision.brains import side_model, side_pair

FEATURES = np.random.default_rng(1).normal(size=(300, len(FEATURE_NAMES))).astype(np.float32)


def test_the_usual_lean_is_the_root_mean_square_on_the_rows_it_is_told() -> None:
    pair = SidePair.of(side_model(1), side_model(2), FEATURES)
    raw = pair.predict(FEATURES)
    np.testing.assert_array_equal(raw, np.column_stack([side.predict(FEATURES) for side in pair.sides]))
    assert pair.usual_lean == pytest.approx(np.sqrt(np.mean((raw[:, 0] - raw[:, 1]) ** 2)))
    assert np.sqrt(np.mean(pair.lean(raw) ** 2)) == pytest.approx(1.0)


def test_a_side_is_the_mean_of_its_trees_and_its_line() -> None:
    side = side_model(1)
    trees = np.asarray(Booster(model_str=side.booster).predict(FEATURES, num_threads=1))
    line = side.linear.predict(FEATURES)
    assert (np.abs(trees - line) > 0.01).mean() > 0.9
    np.testing.assert_allclose(side.predict(FEATURES), 0.5 * trees + 0.5 * line, rtol=1e-14)


def test_a_lean_is_to_the_side_of_the_higher_probability_and_is_of_its_own_row() -> None:
    pair = side_pair()
    raw = pair.predict(FEATURES)
    lean = pair.lean(raw)
    np.testing.assert_array_equal(np.sign(lean), np.sign(raw[:, 0] - raw[:, 1]))
    np.testing.assert_array_equal(pair.lean(raw[7:8]), lean[7:8])
    assert np.isnan(pair.lean(np.array([[np.nan, 0.5]]))).all()


def test_models_that_never_lean_have_a_lean_of_nothing() -> None:
    pair = SidePair.of(side_model(1), side_model(1), FEATURES)
    assert pair.usual_lean == 1.0
    assert (pair.lean(pair.predict(FEATURES)) == 0.0).all()
