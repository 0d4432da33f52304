"""What is fitted again on the past alone has the bits of the honest night; of what saw more it has others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huracan_assets.decision.ensemble import SOURCES
from huracan_assets.decision.policy import DecisionPolicy, Evidence, PastBars, fit_policy
from huracan_assets.guards.recomputation import Refit, altered_fits
from huracan_assets.learning.calibration import fit_calibrators, regime_at
from huracan_assets.learning.records import out_of_fold_lean
from huracan_assets.learning.walk_forward import WalkForward
from huracan_assets.validation.refits import known_before, refit_calibrators, refit_models, refit_policies
from huracan_assets_tests.leak_zoo import night

SETTINGS = night.SETTINGS


def subjects(refits: list[Refit]) -> list[str]:
    return [finding.subject for finding in altered_fits(refits)]


def test_the_past_of_a_fold_is_what_the_fold_was_taught() -> None:
    walk = night.walk()
    for fold in walk.folds:
        known = known_before(walk, fold, night.EMBARGO)
        np.testing.assert_array_equal(known.rows, fold.train)
        np.testing.assert_array_equal(known.rows[known.tested], walk.known_before(fold))
        assert len(known.ts) == len(fold.train)


def test_models_and_scalers_come_out_the_same() -> None:
    lightgbm, seed = SETTINGS.learning.lightgbm, SETTINGS.seed
    refits = refit_models(night.walk(), night.models().per_fold, night.EMBARGO, lightgbm, seed)
    assert len(refits) == 1 + 2 * len(night.walk().folds)
    assert subjects(refits) == []
    assert subjects(refit_models(night.walk(), night.models().per_fold, night.EMBARGO, lightgbm, seed + 1)) == [
        "models of fold 0"
    ]


def test_calibrators_come_out_the_same_and_those_of_another_fold_do_not() -> None:
    walk, raw, learning = night.walk(), night.raw(), SETTINGS.learning
    regime = regime_at(night.window().regimes, walk.ts.as_of)
    maps = fit_calibrators(walk, raw, regime, learning).per_fold
    assert subjects(refit_calibrators(walk, raw, regime, dict(enumerate(maps[1:], start=1)), learning)) == []
    assert subjects(refit_calibrators(walk, raw, regime, {1: maps[2], 2: maps[1]}, learning)) == [
        "calibrator of fold 1",
        "calibrator of fold 2",
    ]


def test_policies_come_out_the_same_and_those_that_saw_more_do_not() -> None:
    walk, ts, raw = night.walk(), night.walk().ts, night.raw()
    regime = regime_at(night.window().regimes, ts.as_of)
    maps = fit_calibrators(WalkForward(ts, walk.folds), raw, regime, SETTINGS.learning).per_fold
    votes = np.random.default_rng(1).uniform(-1, 1, (len(ts), len(SOURCES)))
    blank, text = np.zeros(len(ts)), np.full(len(ts), "none")
    lean = out_of_fold_lean(night.models().per_fold, raw, walk.folds)
    evidence = Evidence(ts.as_of, raw, lean, votes, blank, blank, blank, blank, regime, text, np.zeros((len(ts), 2)))

    def policy(rows: NDArray[np.int64], fold: int, before: DecisionPolicy | None) -> DecisionPolicy:
        pair = maps[fold]
        assert pair is not None
        return fit_policy(PastBars.of(evidence, ts, rows), pair, SETTINGS.decision, before)

    known = [walk.known_before(fold) for fold in walk.traded]
    first = policy(known[0], 1, None)
    honest = {1: first, 2: policy(known[1], 2, first)}
    late = {1: policy(walk.folds[1].test, 1, None)}
    anew = {1: first, 2: policy(known[1], 2, None)}
    for policies, found in ((honest, []), (late, ["policy of fold 1"]), (anew, [])):
        assert subjects(refit_policies(walk, evidence, policies, night.EMBARGO, SETTINGS.decision)) == found
