"""The contributions sum to what the models said, and the planted feature is what they lean on."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.special import logit

from huracan_assets.learning.explanation import SCHEMA, contributions, explain, mean_contributions
from huracan_assets.learning.lightgbm_model import bin_rows, fit_pair
from huracan_assets.learning.side_model import SidePair
from huracan_assets_tests.learning.test_lightgbm_model import EMBARGO, SETTINGS, planted

TS = planted(900)


@cache
def pair() -> SidePair:
    rows = np.arange(700)
    return fit_pair(TS, rows, SETTINGS, 11, EMBARGO, bin_rows(TS, rows, SETTINGS, 11))


def test_a_row_of_contributions_and_the_base_sum_to_the_mean_log_odds() -> None:
    from lightgbm import Booster

    features = TS.features[700:]
    for model in pair().sides:
        booster = Booster(model_str=model.booster)
        base = np.asarray(booster.predict(features, pred_contrib=True))[:, -1] + model.linear.intercept
        said = (logit(booster.predict(features)) + model.linear.score(features)) / 2.0
        np.testing.assert_allclose(contributions(model, features).sum(axis=1) + base / 2.0, said, atol=1e-9)


def test_each_decision_is_explained_by_the_model_of_its_own_side() -> None:
    features, side = TS.features[700:760], np.resize([1, -1, -1], 60)
    told = explain(pair(), side, features, TS.names, most=3)
    assert dict(told.schema) == SCHEMA
    assert told.group_by("row").len()["len"].max() == 3
    own = {1: contributions(pair().long, features), -1: contributions(pair().short, features)}
    for row, place, feature, value, contribution in told.iter_rows():
        expected = own[int(side[row])][row]
        column = TS.names.index(feature)
        assert contribution == expected[column]
        assert np.sum(np.abs(expected) > abs(contribution)) == place - 1
        seen = features[row, column]
        assert (value is None and np.isnan(seen)) or value == pytest.approx(seen)


def test_the_planted_feature_is_named_first_and_nothing_is_said_of_no_decision() -> None:
    told = explain(pair(), np.ones(200, np.int64), TS.features[700:], TS.names, most=2)
    ranked = mean_contributions(told)
    assert ranked["feature"][0] == "x0"
    assert ranked["decisions"].sum() == told.height
    nothing = explain(pair(), np.empty(0, np.int64), TS.features[:0], TS.names, most=2)
    assert nothing.is_empty() and mean_contributions(nothing).is_empty()
