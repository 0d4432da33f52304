"""Training rows chosen by when they were decided, not by when their label was known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from huracan_assets.learning.walk_forward import Fold
from huracan_assets_tests.leak_zoo import night
from huracan_assets_tests.leak_zoo.habitats import in_the_folds
from huracan_assets_tests.leak_zoo.leak import Leak


def unpurged() -> list[Fold]:
    as_of = night.walk().ts.as_of
    return [replace(fold, train=np.flatnonzero(as_of <= fold.test_start)) for fold in night.walk().folds]


LEAK = Leak(
    plants="folds without a purge: the last training labels end inside the test",
    twin="the engine's folds",
    check="label_overlap",
    planted=lambda: in_the_folds(unpurged()),
    clean=lambda: in_the_folds(night.walk().folds),
)
