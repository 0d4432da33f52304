"""A calibrator fitted on the segment whose probabilities it calibrates."""

from __future__ import annotations

import numpy as np

from huracan_assets.guards.leakage import Finding
from huracan_assets.guards.recomputation import altered_fits
from huracan_assets.learning.calibration import Calibrators, Pair, fit_calibrators, isotonic_map
from huracan_assets.validation.refits import refit_calibrators
from huracan_assets_tests.leak_zoo import night
from huracan_assets_tests.leak_zoo.leak import Leak


def fitted() -> Calibrators:
    ts = night.room().ts
    won = ts.won.astype(np.float64)
    return fit_calibrators(night.raw(), won, night.room().folds, ts.uniqueness, ts.teachable)


def on_test(index: int) -> Pair:
    ts, rows = night.room().ts, night.room().folds[index].test
    long, short = (
        isotonic_map(night.raw()[rows, side], ts.won[rows, side].astype(np.float64), ts.uniqueness[rows])
        for side in range(2)
    )
    return long, short


def judged(maps: dict[int, Pair | None]) -> list[Finding]:
    return altered_fits(refit_calibrators(night.room(), night.raw(), maps, night.EMBARGO))


LEAK = Leak(
    plants="isotonic maps of each fold's own test rows",
    twin="maps of the folds before",
    check="fit_on_test",
    planted=lambda: judged({index: on_test(index) for index in (1, 2)}),
    clean=lambda: judged({index: fitted().per_fold[index] for index in (1, 2)}),
)
