"""A calibrator fitted on the segment whose probabilities it calibrates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huracan_assets.guards.leakage import Finding
from huracan_assets.guards.recomputation import altered_fits
from huracan_assets.learning.calibration import Calibrators, Pair, fit_calibrator_pair, fit_calibrators, regime_at
from huracan_assets.validation.refits import refit_calibrators
from huracan_assets_tests.leak_zoo import night
from huracan_assets_tests.leak_zoo.leak import Leak

LEARNING = night.SETTINGS.learning


def regime() -> NDArray[np.str_]:
    return regime_at(night.window().regimes, night.walk().ts.as_of)


def fitted() -> Calibrators:
    return fit_calibrators(night.walk(), night.raw(), regime(), LEARNING)


def on_test(index: int) -> Pair:
    ts, rows = night.walk().ts, night.walk().folds[index].test
    return fit_calibrator_pair(ts, night.raw(), regime(), rows, LEARNING, "a leak")


def judged(maps: dict[int, Pair | None]) -> list[Finding]:
    return altered_fits(refit_calibrators(night.walk(), night.raw(), regime(), maps, LEARNING))


LEAK = Leak(
    plants="calibrators of each fold's own test rows",
    twin="calibrators of the folds before",
    check="fit_on_test",
    planted=lambda: judged({index: on_test(index) for index in (1, 2)}),
    clean=lambda: judged({index: fitted().per_fold[index] for index in (1, 2)}),
)
