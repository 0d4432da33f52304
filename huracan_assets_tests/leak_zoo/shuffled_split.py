"""A k-fold split of shuffled rows, as for pictures of cats."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from huracan_assets.learning.walk_forward import Fold
from huracan_assets_tests.leak_zoo import night
from huracan_assets_tests.leak_zoo.habitats import in_the_folds
from huracan_assets_tests.leak_zoo.leak import Leak


def shuffled() -> list[Fold]:
    rows = np.random.default_rng(1).permutation(len(night.walk().ts))
    parts = np.array_split(rows, len(night.walk().folds))
    return [
        replace(fold, train=np.setdiff1d(rows, part), test=np.sort(part))
        for fold, part in zip(night.walk().folds, parts, strict=True)
    ]


LEAK = Leak(
    plants="test rows drawn at random among the training rows",
    twin="the engine's folds",
    check="label_overlap",
    planted=lambda: in_the_folds(shuffled()),
    clean=lambda: in_the_folds(night.walk().folds),
)
