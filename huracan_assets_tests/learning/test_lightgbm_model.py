"""The boosters: the same bits every time, no look ahead, and an edge found where one is planted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.learning.feature_evidence import day_t_statistics
from huracan_assets.learning.lightgbm_model import (
    WalkForwardModels,
    balanced,
    lightgbm_parameters,
    sample_weights,
    train_walk_forward,
)
from huracan_assets.learning.linear_model import fit_linear
from huracan_assets.learning.side_model import SidePair
from huracan_assets.learning.training_set import TrainingSet
from huracan_assets.learning.walk_forward import Fold, walk_forward_folds
from huracan_assets.settings import LightGBMSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ORIGIN = np.datetime64("2025-01-01", "us")
MINUTE = np.timedelta64(1, "m")
EMBARGO = timedelta(minutes=120)
SETTINGS = LightGBMSettings(
    rounds=20, fewest_rounds=5, patience=8, stopping_share=0.2,
    learning_rate=0.1, num_leaves=7, min_data_in_leaf=20, feature_fraction=0.7,
    bagging_fraction=0.8, lambda_l2=1.0, max_bin=63, recency_half_life_days=30,
    evidence_prior=200.0,
    linear_penalty=10.0,
)  # fmt: skip


def planted(n: int = 1600, features: int = 6, edge: float = 4.0, seed: int = 3) -> TrainingSet:
    """Feature 0 moves the next return; the others are noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, features)).astype(np.float32)
    x[rng.random(x.shape) < 0.02] = np.nan
    move = edge * np.nan_to_num(x[:, 0]) + rng.normal(0, 10, n)
    gross = np.column_stack([move, -move])
    as_of = ORIGIN + np.arange(1, n + 1) * 15 * MINUTE
    return TrainingSet(
        as_of=as_of,
        label_end=as_of + 120 * MINUTE,
        features=x,
        names=tuple(f"x{k}" for k in range(features)),
        net_bps=gross - 1.0,
        gross_bps=gross,
        cost_bps=np.ones((n, 2)),
        uniqueness=rng.uniform(0.1, 1.0, n),
        teachable=np.ones(n, np.bool_),
    )


def folds_of(ts: TrainingSet, count: int = 3) -> list[Fold]:
    start = ts.as_of[len(ts) // 3]
    return walk_forward_folds(ts.as_of, ts.label_end, start, ts.as_of[-1], count, EMBARGO)


@pytest.fixture(scope="module")
def fitted() -> tuple[TrainingSet, list[Fold], WalkForwardModels]:
    ts = planted()
    folds = folds_of(ts)
    return ts, folds, train_walk_forward(ts, folds, SETTINGS, seed=11, embargo=EMBARGO)


def test_a_rerun_gives_the_same_bits(fitted: tuple[TrainingSet, list[Fold], WalkForwardModels]) -> None:
    ts, folds, models = fitted
    again = train_walk_forward(ts, folds, SETTINGS, seed=11, embargo=EMBARGO)
    assert again.per_fold == models.per_fold
    assert again.final == models.final
    np.testing.assert_array_equal(again.raw, models.raw)
    other = train_walk_forward(ts, folds, SETTINGS, seed=12, embargo=EMBARGO)
    assert other.final != models.final


def test_one_and_two_threads_grow_the_same_trees() -> None:
    import lightgbm

    ts = planted()
    texts = []
    for threads in (1, 2):
        parameters = {**lightgbm_parameters(SETTINGS, 11), "num_threads": threads}
        data = lightgbm.Dataset(ts.features, ts.won[:, 0], params=parameters)
        text = lightgbm.train(parameters, data, num_boost_round=20).model_to_string()
        texts.append(text.replace(f"[num_threads: {threads}]", ""))
    assert texts[0] == texts[1]


def test_predictions_cover_the_test_rows_alone_and_the_models_reproduce_them(
    fitted: tuple[TrainingSet, list[Fold], WalkForwardModels],
) -> None:
    ts, folds, models = fitted
    tested = np.concatenate([fold.test for fold in folds])
    assert np.isfinite(models.raw[tested]).all()
    assert np.isnan(np.delete(models.raw, tested, axis=0)).all()
    for fold, pair in zip(folds, models.per_fold, strict=True):
        np.testing.assert_array_equal(pair.predict(ts.features[fold.test]), models.raw[fold.test])


def test_a_row_without_a_label_is_answered_and_teaches_nothing() -> None:
    ts = planted()
    bare = np.random.default_rng(1).random(len(ts)) < 0.1
    label_end = np.where(bare, np.datetime64("NaT", "us"), ts.label_end)
    ts = replace(ts, label_end=label_end, teachable=~bare, net_bps=np.where(bare[:, None], np.nan, ts.net_bps))
    folds = folds_of(ts)
    models = train_walk_forward(ts, folds, SETTINGS, seed=11, embargo=EMBARGO)
    asked = np.concatenate([fold.asked for fold in folds])
    assert bare[asked].any()
    assert np.isfinite(models.raw[asked]).all()
    gain = replace(ts, net_bps=np.where(bare[:, None], 1e3, ts.net_bps))
    again = train_walk_forward(gain, folds, SETTINGS, seed=11, embargo=EMBARGO)
    assert (again.per_fold, again.final) == (models.per_fold, models.final)


def test_what_comes_after_a_fold_begins_leaves_its_models_untouched(
    fitted: tuple[TrainingSet, list[Fold], WalkForwardModels],
) -> None:
    ts, folds, models = fitted
    rng = np.random.default_rng(0)
    future = ts.label_end > folds[1].test_start
    features, net = ts.features.copy(), ts.net_bps.copy()
    features[future] = rng.normal(100, 50, features[future].shape)
    net[future] = -net[future]
    changed = train_walk_forward(replace(ts, features=features, net_bps=net), folds, SETTINGS, seed=11, embargo=EMBARGO)
    assert changed.per_fold[:2] == models.per_fold[:2]
    assert changed.per_fold[2] != models.per_fold[2]


def test_a_planted_edge_is_found_and_named(
    fitted: tuple[TrainingSet, list[Fold], WalkForwardModels],
) -> None:
    from sklearn.metrics import roc_auc_score

    ts, folds, models = fitted
    tested = np.concatenate([fold.test for fold in folds])
    for side in range(2):
        assert roc_auc_score(ts.won[tested, side], models.raw[tested, side]) > 0.57
    assert models.importance.argmax() == 0
    assert models.importance.sum() == pytest.approx(1.0)


def test_without_an_edge_the_scores_rank_nothing() -> None:
    from sklearn.metrics import roc_auc_score

    ts = planted(edge=0.0, seed=8)
    folds = folds_of(ts)
    models = train_walk_forward(ts, folds, SETTINGS, seed=11, embargo=EMBARGO)
    tested = np.concatenate([fold.test for fold in folds])
    for side in range(2):
        assert abs(roc_auc_score(ts.won[tested, side], models.raw[tested, side]) - 0.5) < 0.06


def test_weights_are_uniqueness_times_recency_with_mean_one() -> None:
    ts = planted(200)
    rows = np.arange(10, 150)
    weights = sample_weights(ts, rows, half_life_days=0.5)
    assert weights.mean() == pytest.approx(1.0)
    # 48 bars of 15 minutes are half a day.
    ratio = (weights[48] / ts.uniqueness[58]) / (weights[0] / ts.uniqueness[10])
    assert ratio == pytest.approx(2.0)


def test_progress_counts_every_fit() -> None:
    ts = planted(600)
    folds = folds_of(ts, 2)
    seen: list[tuple[int, int]] = []
    train_walk_forward(
        ts,
        folds,
        SETTINGS.model_copy(update={"rounds": 2, "fewest_rounds": 1}),
        1,
        EMBARGO,
        lambda done, total: seen.append((done, total)),
    )
    assert seen == [(2, 6), (4, 6), (6, 6)]


def test_an_infinite_feature_is_refused() -> None:
    ts = planted(600)
    ts.features[5, 2] = np.inf
    with pytest.raises(ContractError, match="infinite"):
        train_walk_forward(ts, folds_of(ts), SETTINGS, seed=1, embargo=EMBARGO)


def test_one_class_only_is_answered_with_its_rate() -> None:
    """A side that never paid has nothing to rank: one score, near nothing, for every bar, and never a NaN."""
    ts = planted(600)
    net = ts.net_bps.copy()
    net[:, 1] = -5.0
    models = train_walk_forward(replace(ts, net_bps=net), folds_of(ts), SETTINGS, 1, EMBARGO)
    tested = np.isfinite(models.raw[:, 0])
    assert len(np.unique(models.raw[tested, 1])) == 1
    assert 0.0 <= models.raw[tested, 1].max() < 0.01
    assert np.isfinite(models.importance).all()


def test_null_and_dead_columns_bring_nothing() -> None:
    ts = planted(600)
    features = ts.features.copy()
    features[:, 3], features[:, 4] = np.nan, 7.0
    models = train_walk_forward(replace(ts, features=features), folds_of(ts), SETTINGS, 1, EMBARGO)
    assert models.importance[[3, 4]].tolist() == [0.0, 0.0]
    tested = np.isfinite(models.raw[:, 0])
    assert np.isfinite(models.raw[tested]).all()
    assert len(np.unique(models.raw[tested, 0])) > 100


def test_a_history_of_hours_is_too_short() -> None:
    """The purge leaves no row to choose the rounds on, and the error says what to do."""
    ts = planted(40)
    folds = walk_forward_folds(ts.as_of, ts.label_end, ts.as_of[24], ts.as_of[-1], 2, EMBARGO)
    with pytest.raises(ContractError, match="too short to learn from"):
        train_walk_forward(ts, folds, SETTINGS, 1, timedelta(hours=2))


def test_balancing_gives_both_sides_one_win_rate_and_keeps_the_weight() -> None:
    """A trend of the window is no knowledge: neither side may start ahead of the other."""
    rng = np.random.default_rng(4)
    weights, label = rng.random(500) + 0.1, (rng.random(500) < 0.3).astype(np.float64)
    rescaled = balanced(weights, label, 0.45)
    np.testing.assert_allclose(rescaled.sum(), weights.sum(), rtol=1e-12)
    np.testing.assert_allclose(rescaled @ label / rescaled.sum(), 0.45, rtol=1e-12)
    always = np.ones(500)
    np.testing.assert_array_equal(balanced(weights, always, 0.45), weights)


@dataclass(frozen=True)
class ByHand:
    """What fits are made of, written out: weights, balance, evidence, rounds; by LightGBM and the line themselves."""

    ts: TrainingSet
    settings: LightGBMSettings
    seed: int
    edges: Any  # the data set whose bins all share

    def side(self, rows: Ints, side: int) -> tuple[Floats, Floats, Floats]:
        """Label, weights and evidence of the features."""
        won = self.ts.won[rows].astype(np.float64)
        age_days = (self.ts.as_of[rows[-1]] - self.ts.as_of[rows]) / np.timedelta64(1, "D")
        weights = self.ts.uniqueness[rows] * 0.5 ** (age_days / self.settings.recency_half_life_days)
        weights /= weights.mean()
        rate = (weights[:, None] * won).sum(axis=0) / weights.sum()
        label, common = won[:, side], rate.mean()
        balance = np.where(label == 1.0, common / rate[side], (1.0 - common) / (1.0 - rate[side]))
        # A bar that closes at midnight is of the day that ends.
        day = (self.ts.as_of[rows] - np.timedelta64(1, "us")).astype("datetime64[D]").astype(np.int64)
        t = day_t_statistics(self.ts.features[rows], won, day - day[0])[:, side]
        return label, weights * balance, t**2 / (t**2 + self.settings.evidence_prior)

    def grown(self, rows: Ints, side: int, rounds: int, judges: Ints | None = None) -> tuple[Any, list[float]]:
        """A booster of some rows, and its loss on the judges after each round."""
        import lightgbm

        label, weights, evidence = self.side(rows, side)
        parameters = lightgbm_parameters(self.settings, self.seed) | {"feature_contri": evidence.tolist()}

        def data(of: Ints, label: Floats, weights: Floats) -> Any:
            return lightgbm.Dataset(self.ts.features[of], label, self.edges, weights, params=parameters)

        losses: dict[str, Any] = {}
        sets = [] if judges is None else [data(judges, *self.side(judges, side)[:2])]
        noted = [lightgbm.record_evaluation(losses)]
        grown = lightgbm.train(parameters, data(rows, label, weights), rounds, sets, callbacks=noted)
        return grown, losses["valid_0"]["binary_logloss"] if sets else []

    def rounds(self, rows: Ints) -> int:
        """The round whose mean loss on the newest fifth is least."""
        newest = rows[int(len(rows) * 0.8) :]
        begin = self.ts.as_of[newest[0]] - np.timedelta64(EMBARGO)
        earlier = rows[self.ts.label_end[rows] <= begin]
        losses = [self.grown(earlier, side, self.settings.rounds, newest)[1] for side in range(2)]
        return 1 + int(np.mean(losses, axis=0).argmin())

    def agrees(self, pair: SidePair, rows: Ints) -> None:
        """Assert that a pair is the fit of these rows."""
        rounds, answers = self.rounds(rows), []
        for side, model in enumerate(pair.sides):
            assert model.rounds == rounds
            label, weights, evidence = self.side(rows, side)
            trees = self.grown(rows, side, rounds)[0].predict(self.ts.features, num_threads=1)
            independent = weights * self.ts.uniqueness[rows].mean()
            features = self.ts.features[rows]
            line = fit_linear(features, label, independent, evidence, self.settings.linear_penalty)
            np.testing.assert_allclose(model.linear.coefficient, line.coefficient, rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(model.linear.intercept, line.intercept, rtol=1e-6, atol=1e-9)
            answers.append((trees + line.predict(self.ts.features)) / 2.0)
        both = np.column_stack(answers)
        np.testing.assert_allclose(pair.predict(self.ts.features), both, rtol=1e-6)
        lean = (both[:, 0] - both[:, 1])[rows[:: round(1.0 / self.ts.uniqueness[rows].mean())]]
        assert pair.usual_lean == pytest.approx(np.sqrt((lean**2).mean()))


def test_every_fit_is_the_one_by_hand_of_the_rows_that_may_teach_it() -> None:
    """A window with a trend, a past that fades, labels that overlap, and in its midst outcomes that nobody knows."""
    import lightgbm

    ts = planted(1600, edge=2.0, seed=5)
    unknown = np.zeros(len(ts), np.bool_)
    unknown[700:800] = unknown[1500:1550] = True
    net = ts.net_bps + np.array([4.0, -4.0])
    net[unknown] = np.array([50.0, -50.0])
    ts = replace(ts, net_bps=net, teachable=~unknown)
    start, changes = ts.as_of[530], {"rounds": 40, "patience": 40, "fewest_rounds": 1}
    folds = walk_forward_folds(ts.as_of, ts.label_end, start, ts.as_of[-1], 3, EMBARGO, ts.teachable)
    settings = SETTINGS.model_copy(update={**changes, "recency_half_life_days": 4.0, "evidence_prior": 10.0})
    models = train_walk_forward(ts, folds, settings, seed=11, embargo=EMBARGO)
    first = ts.features[folds[0].train]
    edges = lightgbm.Dataset(first, np.zeros(len(first)), params=lightgbm_parameters(settings, 11))
    by_hand = ByHand(ts, settings, 11, edges)
    for fold, pair in zip(folds, models.per_fold, strict=True):
        by_hand.agrees(pair, fold.train)
    by_hand.agrees(models.final, np.flatnonzero(ts.teachable))
    chosen = [pair.long.rounds for pair in (*models.per_fold, models.final)]
    assert 1 < max(chosen) < 40 and len(set(chosen)) > 2
