"""What is fitted again on the past alone has the bits of the honest night; of what saw more it has others."""

from __future__ import annotations

import numpy as np

from huracan_assets.decision.ensemble import SOURCES
from huracan_assets.decision.policy import Evidence, fit_policy
from huracan_assets.guards.recomputation import Refit, altered_fits
from huracan_assets.learning.calibration import fit_calibrators
from huracan_assets.validation.refits import known_before, refit_calibrators, refit_models, refit_policies
from huracan_assets_tests.leak_zoo import night

SETTINGS = night.SETTINGS


def subjects(refits: list[Refit]) -> list[str]:
    return [finding.subject for finding in altered_fits(refits)]


def test_the_past_of_a_fold_is_what_the_fold_was_taught() -> None:
    room = night.room()
    for fold in room.folds:
        known = known_before(room, fold, night.EMBARGO)
        np.testing.assert_array_equal(known.rows, fold.train)
        np.testing.assert_array_equal(known.rows[known.tested], room.known_before(fold))
        assert len(known.ts) == len(fold.train)


def test_models_and_scalers_come_out_the_same() -> None:
    lightgbm, seed = SETTINGS.learning.lightgbm, SETTINGS.seed
    refits = refit_models(night.room(), night.models().per_fold, night.EMBARGO, lightgbm, seed)
    assert len(refits) == 2 + 2 * len(night.room().folds)
    assert subjects(refits) == []
    assert subjects(refit_models(night.room(), night.models().per_fold, night.EMBARGO, lightgbm, seed + 1)) == [
        "long model of fold 0",
        "short model of fold 0",
    ]


def test_calibrators_and_policies_come_out_the_same_and_those_of_another_fold_do_not() -> None:
    room, ts, raw = night.room(), night.room().ts, night.raw()
    maps = fit_calibrators(raw, ts.won.astype(np.float64), room.folds, ts.uniqueness, ts.teachable).per_fold
    assert subjects(refit_calibrators(room, raw, dict(enumerate(maps[1:], start=1)), night.EMBARGO)) == []
    assert subjects(refit_calibrators(room, raw, {1: maps[2], 2: maps[1]}, night.EMBARGO)) == [
        "calibrator of fold 1",
        "calibrator of fold 2",
    ]
    votes = np.random.default_rng(1).uniform(-1, 1, (len(ts), len(SOURCES)))
    blank, text = np.zeros(len(ts)), np.full(len(ts), "none")
    evidence = Evidence(ts.as_of, raw, votes, blank, blank, blank, text, text, np.zeros((len(ts), 2)))

    def policy(rows: np.ndarray[tuple[int], np.dtype[np.int64]], fold: int) -> object:
        pair = maps[fold]
        assert pair is not None
        return fit_policy(raw[rows], ts.net_bps[rows], votes[rows], ts.uniqueness[rows], pair, SETTINGS.decision)

    honest = {fold.index: policy(room.known_before(fold), fold.index) for fold in room.traded}
    late = {1: policy(room.folds[1].test, 1)}
    assert subjects(refit_policies(room, evidence, honest, night.EMBARGO, SETTINGS.decision)) == []  # type: ignore[arg-type]
    found = refit_policies(room, evidence, late, night.EMBARGO, SETTINGS.decision)  # type: ignore[arg-type]
    assert subjects(found) == ["policy of fold 1"]
