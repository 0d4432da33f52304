"""The page of the calibrators: what was chosen and why, and figures of the traded segments alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from huracan_assets.learning.calibration import apply_pair, fit_calibrators
from huracan_assets.learning.calibration_error import figures_by_regime
from huracan_assets.learning.calibration_page import calibration_page
from huracan_assets.learning.probability_maps import BaseRateMap
from huracan_assets.learning.records import Calibrator
from huracan_assets.learning.side_calibrator import RegimeMap
from huracan_assets.learning.walk_forward import WalkForward
from huracan_assets.observability.tables import formatted
from huracan_assets_tests.learning.test_calibration import LEARNING, walk

LEAST = 60.0


Night = tuple[Calibrator, NDArray[np.float64], NDArray[np.str_], WalkForward]


@pytest.fixture(scope="module")
def night() -> Night:
    ts, raw, regime, folds = walk(2400)
    regime[folds[-1].test[:5]] = "PANIC"  # never seen before
    fitted = fit_calibrators(WalkForward(ts, folds), raw, regime, LEARNING)
    calibrator = Calibrator(per_fold=fitted.per_fold, final=fitted.final, fitted_until=(None,) * 4)
    return calibrator, raw, regime, WalkForward(ts, folds)


@pytest.fixture(scope="module")
def page(night: Night) -> dict[str, Any]:
    return calibration_page(*night, LEAST)


def test_every_choice_has_a_line_with_the_scores_that_made_it(night: Night, page: dict[str, Any]) -> None:
    calibrator = night[0]
    _, _, *lines = page["choices"].splitlines()
    pairs = [*calibrator.per_fold[1:], calibrator.final]
    assert len(lines) == 2 * len(pairs)
    for line, one in zip(lines, (side for pair in pairs for side in pair or ()), strict=True):
        assert one.trial is not None
        assert ("base rate" if one.rejected else one.whole.method) in line
        assert formatted(one.trial.base_rate_brier) in line
        assert all(formatted(brier) in line for brier in one.trial.brier.values())
    assert page["rejected"] == sum(one.rejected for pair in pairs for one in pair or ())


def test_a_regime_at_its_base_rate_is_told_and_counted(night: Night, page: dict[str, Any]) -> None:
    assert page["regimes_at_base_rate"] == 0
    assert "base rate: the map was worse" not in page["choices"]
    calibrator, raw, regime, walk = night
    long, short = calibrator.final
    fallen = RegimeMap(map=BaseRateMap(rate=0.4), n_eff=50.0, share=1.0)
    long = long.model_copy(update={"regimes": long.regimes | {"RANGE": fallen}})
    told = calibration_page(calibrator.model_copy(update={"final": (long, short)}), raw, regime, walk, LEAST)
    assert told["regimes_at_base_rate"] == 1
    line = next(line for line in told["choices"].splitlines() if line.startswith("| next | long"))
    assert "RANGE base rate: the map was worse, TREND" in line
    assert told["choices"].count("base rate: the map was worse") == 1


def test_the_figures_are_those_of_each_segment_by_its_own_calibrators(night: Night, page: dict[str, Any]) -> None:
    calibrator, raw, regime, walk = night
    rows = np.concatenate([fold.test for fold in walk.traded])
    said = [apply_pair(calibrator.of_fold(fold.index), raw[fold.test], regime[fold.test]) for fold in walk.traded]
    p, won = np.concatenate(said)[:, 1], walk.ts.won[rows, 1].astype(np.float64)
    found = figures_by_regime(p, won, walk.ts.uniqueness[rows], regime[rows], LEAST)
    assert len(found) == 2, "RANGE, and TREND with the rare PANIC"
    short = [line for line in page["figures"].splitlines() if "| short |" in line]
    for line, figures in zip(short, found, strict=True):
        assert all(formatted(value) in line for value in (figures.n_eff, figures.brier, figures.ece))
    assert page["judged_rows"] == len(rows)


def test_answers_of_a_regime_that_never_taught_are_counted(night: Night, page: dict[str, Any]) -> None:
    calibrator, _, regime, walk = night
    asked = [(row, one) for fold in walk.traded for one in calibrator.of_fold(fold.index) for row in fold.test]
    unseen = sum(str(regime[row]) not in one.regimes for row, one in asked)
    assert page["answers_by_all_regimes"] == unseen >= 10


def test_a_diagram_a_side(page: dict[str, Any]) -> None:
    assert [name for name in page if name.startswith("reliability_")] == ["reliability_long", "reliability_short"]
    assert all(page[name].startswith("![reliability of") for name in ("reliability_long", "reliability_short"))
