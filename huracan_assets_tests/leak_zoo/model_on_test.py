"""A booster that was fitted on the segment it is judged by, and does not say so."""

from __future__ import annotations

import numpy as np

from huracan_assets.learning.lightgbm_model import bin_rows, fit_pair
from huracan_assets.learning.side_model import SidePair
from huracan_assets_tests.leak_zoo import night
from huracan_assets_tests.leak_zoo.leak import Leak
from huracan_assets_tests.leak_zoo.scaler_on_all import judged


def late() -> tuple[SidePair, ...]:
    walk, settings, seed = night.walk(), night.SETTINGS.learning.lightgbm, night.SETTINGS.seed
    rows = np.union1d(walk.folds[0].train, walk.folds[0].test)
    binned = bin_rows(walk.ts, walk.folds[0].train, settings, seed)
    return (fit_pair(walk.ts, rows, settings, seed, night.EMBARGO, binned), *night.models().per_fold[1:])


LEAK = Leak(
    plants="the first fold's models fitted on their own test rows too",
    twin="fitted on the training rows",
    check="fit_on_test",
    planted=lambda: judged(late()),
    clean=lambda: judged(night.models().per_fold),
)
