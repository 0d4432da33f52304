"""A planted feature is found first, a useless one is worth nothing, a double shares what its family does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from huracan_assets.learning.feature_importance import (
    FeatureImportance,
    Importance,
    Stability,
    agreement,
    describe,
    importance_rows,
    measure_importance,
    members,
    seed_of,
    since,
)
from huracan_assets.learning.lightgbm_model import train_walk_forward
from huracan_assets.learning.training_set import TrainingSet
from huracan_assets_tests.learning.test_lightgbm_model import EMBARGO, SETTINGS, folds_of, planted

FAMILIES = ("edge", "noise", "noise", "other", "other", "other")
KEY = "2026-01-01|BTC-USDT"
# Without the prior every feature is used, the useless ones too.
GULLIBLE = SETTINGS.model_copy(update={"evidence_prior": 0.0, "linear_penalty": 0.01, "rounds": 40})


def measured(
    ts: TrainingSet, families: tuple[str, ...] = FAMILIES, shifts: int = 3, key: str = KEY, gullible: bool = False
) -> Importance:
    folds = folds_of(ts)
    models = train_walk_forward(ts, folds, GULLIBLE if gullible else SETTINGS, seed=11, embargo=EMBARGO).per_fold
    return measure_importance(ts, folds, models, members(families), shifts, 96, seed_of(key, 1))


@pytest.fixture(scope="module")
def found() -> Importance:
    return measured(planted())


def test_a_planted_feature_is_found_first_in_every_fold_by_every_measure(found: Importance) -> None:
    for table in (found.gain, found.variance, found.loss):
        assert (table.argmax(axis=1) == 0).all()
    assert (found.family_loss.argmax(axis=1) == 0).all()
    assert (found.loss[:, 0] > 0.01).all()


def test_shares_are_shares(found: Importance) -> None:
    for table in (found.gain, found.variance):
        np.testing.assert_allclose(table.sum(axis=1), 1.0)
        assert (table >= 0.0).all()


def test_the_log_loss_is_that_of_the_models_own_answers(found: Importance) -> None:
    from sklearn.metrics import log_loss

    ts = planted()
    folds = folds_of(ts)
    models = train_walk_forward(ts, folds, SETTINGS, seed=11, embargo=EMBARGO).per_fold
    for fold, pair, told in zip(folds, models, found.log_loss, strict=True):
        answers, weight = pair.predict(ts.features[fold.test]), ts.uniqueness[fold.test]
        expected = [
            log_loss(ts.won[fold.test, side], answers[:, side], sample_weight=weight, labels=[False, True])
            for side in range(2)
        ]
        assert told == pytest.approx(np.mean(expected), rel=1e-12)


def test_the_rise_is_that_of_asking_the_models_about_shifted_features() -> None:
    """Against a plain loop that shifts the rows and asks the whole model."""
    ts = planted(n=900)
    folds = folds_of(ts)[:1]
    models = train_walk_forward(ts, folds, GULLIBLE, seed=11, embargo=EMBARGO).per_fold
    told = measure_importance(ts, folds, models, members(FAMILIES), 2, 96, seed_of(KEY, 1))
    rows = folds[0].test
    shifts = seed_of(KEY, 1).integers(96, len(rows) - 96, size=2, endpoint=True)

    def loss(features: NDArray[np.float32]) -> float:
        answers, won, weight = models[0].predict(features), ts.won[rows], ts.uniqueness[rows]
        right = np.where(won, answers, 1.0 - answers)
        return float(-np.average(np.log(right), axis=0, weights=weight).mean())

    def rise(columns: list[int]) -> float:
        rises = []
        for shift in shifts:
            moved = ts.features[rows].copy()
            moved[:, columns] = np.roll(moved[:, columns], shift, axis=0)
            rises.append(loss(moved) - loss(ts.features[rows]))
        return float(np.mean(rises))

    np.testing.assert_allclose(told.loss[0], [rise([k]) for k in range(6)], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(told.family_loss[0], [rise(list(group)) for group in members(FAMILIES)], rtol=1e-9)


def test_useless_features_are_worth_nothing_on_average() -> None:
    """Of 16 markets of pure noise: features that the models do use, and whose worth out of sample scatters about 0."""
    worth = np.array(
        [measured(planted(n=900, edge=0.0, seed=seed), gullible=True, shifts=4).loss.mean() for seed in range(16)]
    )
    assert (worth != 0.0).all()
    error = worth.std(ddof=1) / np.sqrt(len(worth))
    assert abs(worth.mean()) < 3.0 * error
    assert error < measured(planted()).loss[:, 0].mean() / 50.0


def test_a_double_shares_its_importance_and_its_family_does_not(found: Importance) -> None:
    ts = planted()
    double = replace(ts, features=ts.features.copy())
    double.features[:, 1] = ts.features[:, 0]
    together = measured(double, ("edge", "edge", "noise", "other", "other", "other"))
    alone, shared = found.loss[:, 0].mean(), together.loss[:, :2].mean(axis=0)
    assert (shared < 0.75 * alone).all()
    assert 0.8 * alone < together.family_loss[:, 0].mean() < 1.3 * alone  # two say it a little more firmly than one
    assert together.family_loss[:, 0].mean() > 1.2 * shared.sum()
    assert (together.variance[:, :2] > 0.2).all()


def test_a_feature_that_no_model_reads_is_worth_exactly_nothing() -> None:
    ts = planted()
    ts.features[:, 5] = np.nan
    found = measured(ts)
    assert (found.loss[:, 5] == 0.0).all()
    assert (found.gain[:, 5] == 0.0).all()


def test_the_same_partition_gives_the_same_bits_and_another_partition_other_shifts(found: Importance) -> None:
    again, other = measured(planted()), measured(planted(), key="2026-01-02|BTC-USDT")
    for name, table in vars(found).items():
        np.testing.assert_array_equal(table, getattr(again, name), err_msg=name)
    assert (other.loss[:, 0] != found.loss[:, 0]).any()
    np.testing.assert_array_equal(other.gain, found.gain)


def test_the_test_rows_are_left_as_they_were() -> None:
    ts = planted()
    before = ts.features.copy()
    measured(ts)
    np.testing.assert_array_equal(ts.features, before)


def test_lines_are_means_over_folds_and_families_add_up_shares(found: Importance) -> None:
    features, families = describe([f"x{k}" for k in range(6)], FAMILIES, found)
    assert [line.name for line in families] == ["edge", "noise", "other"]
    for family in families:
        own = [line for line in features if line.family == family.name]
        assert family.gain == pytest.approx(sum(line.gain for line in own))
        assert family.variance == pytest.approx(sum(line.variance for line in own))
    assert features[0].loss == pytest.approx(np.mean(features[0].loss_by_fold))
    assert importance_rows(features)[0]["feature"] == "x0"


def report(loss: dict[str, float]) -> FeatureImportance:
    table = np.array([list(loss.values())])
    zero = np.zeros_like(table)
    features, families = describe(list(loss), ["one"] * len(loss), Importance(zero, zero, table, zero[:, :1], zero[0]))
    return FeatureImportance.model_validate(
        {
            "symbol": "BTC-USDT", "day": "2026-01-01", "feature_set": "s", "metric": "m", "shifts": 1,
            "log_loss": [0.7],
            "features": features, "families": families, "stability": Stability(gain=None, variance=None, loss=None),
        }
    )  # fmt: skip


def test_two_nights_are_compared_over_the_features_that_both_have() -> None:
    before = report({"a": 3.0, "b": 2.0, "c": 1.0, "gone": 9.0})
    assert since(before, report({"a": 30.0, "new": -1.0, "b": 20.0, "c": 10.0})) == pytest.approx(1.0)
    assert since(before, report({"a": 1.0, "b": 2.0, "c": 3.0})) == pytest.approx(-1.0)
    assert since(before, report({"new": 1.0})) is None


@given(st.integers(2, 6), st.integers(3, 20), st.integers(0, 2**32 - 1))
def test_agreement_is_the_mean_of_spearmans_rho_over_pairs(folds: int, features: int, seed: int) -> None:
    from itertools import combinations

    from scipy.stats import spearmanr

    table = np.random.default_rng(seed).integers(0, 6, size=(folds, features)).astype(float)
    varying = [row for row in table if np.ptp(row) > 0]
    expected = [spearmanr(one, two).statistic for one, two in combinations(varying, 2)]
    told = agreement(table)
    assert (told is None) == (not expected)
    assert told is None or told == pytest.approx(np.mean(expected), abs=1e-12)
