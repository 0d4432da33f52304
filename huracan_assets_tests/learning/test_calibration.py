"""Calibrators of the segments: each of the record before it, blind to what was still open, the last of all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.learning.calibration import Calibrators, apply_pair, fit_calibrators, regime_at
from huracan_assets.learning.side_calibrator import Record, fit_side_calibrator
from huracan_assets.learning.training_set import TrainingSet
from huracan_assets.learning.walk_forward import Fold, WalkForward, walk_forward_folds
from huracan_assets.settings import read_settings

Floats = NDArray[np.float64]
LEARNING = read_settings("local").learning
EMBARGO = np.timedelta64(LEARNING.embargo_minutes, "m").astype(object)
ORIGIN, QUARTER = np.datetime64("2025-01-01", "us"), np.timedelta64(15, "m")


def walk(n: int = 900) -> tuple[TrainingSet, Floats, NDArray[np.str_], list[Fold]]:
    """Labels of 8 bars, four folds after 200 bars, scores that know something."""
    rng = np.random.default_rng(1)
    t0 = ORIGIN + np.arange(1, n + 1) * QUARTER
    raw = rng.uniform(0.3, 0.7, (n, 2))
    net = 200.0 * (raw - 0.5) + rng.normal(0.0, 30.0, (n, 2))
    ts = TrainingSet(
        as_of=t0, label_end=t0 + 8 * QUARTER, features=np.zeros((n, 1), np.float32), names=("x",), net_bps=net,
        gross_bps=net, cost_bps=net, uniqueness=rng.uniform(0.1, 1.0, n), teachable=np.ones(n, np.bool_),
    )  # fmt: skip
    folds = walk_forward_folds(t0, ts.label_end, t0[200], t0[-1], 4, EMBARGO)
    raw[: folds[0].test[0]] = np.nan
    return ts, raw, rng.choice(["RANGE", "TREND"], n), folds


def fitted(ts: TrainingSet, raw: Floats, regime: NDArray[np.str_], folds: list[Fold]) -> Calibrators:
    return fit_calibrators(WalkForward(ts, folds), raw, regime, LEARNING)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_no_label_still_open_when_a_fold_begins_reaches_its_calibrator(k: int) -> None:
    ts, raw, regime, folds = walk()
    plain = fitted(ts, raw, regime, folds)
    # Labels last 8 bars, the embargo another 8: rows from 15 bars before the fold on are unknown to it.
    unknown = slice(folds[k].test[0] - 15, None)
    rng = np.random.default_rng(0)
    net, unique, scores, names = ts.net_bps.copy(), ts.uniqueness.copy(), raw.copy(), regime.copy()
    net[unknown] *= -1.0
    unique[unknown] = 0.5
    scores[unknown] = rng.random(raw[unknown].shape)
    names[unknown] = "PANIC"
    changed = fitted(replace(ts, net_bps=net, uniqueness=unique), scores, names, folds)
    assert changed.per_fold[: k + 1] == plain.per_fold[: k + 1]
    assert changed.final != plain.final


def test_each_side_of_a_fold_has_the_calibrator_of_its_known_record() -> None:
    ts, raw, regime, folds = walk()
    found = fitted(ts, raw, regime, folds)
    assert found.per_fold[0] is None
    tested = np.sort(np.concatenate([fold.test for fold in folds]))
    before = np.intersect1d(np.concatenate([fold.test for fold in folds[:2]]), folds[2].train)
    for pair, rows in ((found.per_fold[2], before), (found.final, tested)):
        assert pair is not None
        for side in range(2):
            won = (ts.net_bps[rows, side] > 0).astype(np.float64)
            record = Record(ts.as_of[rows], ts.label_end[rows], raw[rows, side], won, ts.uniqueness[rows], regime[rows])
            assert pair[side] == fit_side_calibrator(record, LEARNING.calibration, EMBARGO)
        said = apply_pair(pair, raw[tested], regime[tested])
        np.testing.assert_array_equal(said[:, 1], pair[1](raw[tested, 1], regime[tested]))
        np.testing.assert_array_equal(said[:, 0], pair[0](raw[tested, 0], regime[tested]))


def test_a_fold_without_scored_rows_before_it_is_refused() -> None:
    ts, raw, regime, folds = walk()
    with pytest.raises(ContractError, match="fold 1"):
        fitted(ts, np.full_like(raw, np.nan), regime, folds)


def test_a_window_whose_every_label_crosses_unknown_minutes_is_refused() -> None:
    ts, raw, regime, folds = walk()
    nothing = np.zeros(len(ts), np.bool_)
    with pytest.raises(ContractError, match="no training row"):
        walk_forward_folds(ts.as_of, ts.label_end, ts.as_of[200], ts.as_of[-1], 4, EMBARGO, nothing)
    blind = [replace(fold, train=fold.train[fold.train < folds[0].test[0]]) for fold in folds]
    with pytest.raises(ContractError, match="calibrator of fold 1 has no"):
        fitted(ts, raw, regime, blind)


def test_the_regime_of_a_row_is_that_of_its_own_bar() -> None:
    ts, _, regime, _ = walk(300)
    as_of = pl.Series("as_of", ts.as_of).dt.replace_time_zone("UTC")
    frame = pl.DataFrame({"as_of": as_of, "regime": regime, "p_trend": 0.5})
    np.testing.assert_array_equal(regime_at(frame.sample(fraction=1.0, shuffle=True, seed=2), ts.as_of), regime)
    np.testing.assert_array_equal(regime_at(frame, ts.as_of[10:13]), regime[10:13])
    with pytest.raises(ContractError, match="same bars"):
        regime_at(frame[1:], ts.as_of)
    with pytest.raises(ContractError, match="same bars"):
        regime_at(pl.concat([frame, frame[:1]]), ts.as_of)
