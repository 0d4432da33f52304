"""Leakage check 2: a training label whose interval meets a test label's shows the test's outcome to the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huracan_assets.guards.leakage import Finding

Times = NDArray[np.datetime64]


@dataclass(frozen=True)
class Split:
    """The label intervals of one fold, closed at both ends: what it trains on, what judges it; each (k,)."""

    name: str
    train_start: Times
    train_end: Times
    test_start: Times
    test_end: Times


def label_overlap(splits: Sequence[Split]) -> list[Finding]:
    """Folds in which a training label's interval meets a test label's; the figure is how many do.

    By bisection on the tests in order of their starts, with the latest end so far: O((n + m) log m). Intervals that
    touch in one instant meet (Lopez de Prado 2018, snippet 7.1).
    """
    found = []
    for split in splits:
        if split.test_start.size == 0 or split.train_start.size == 0:
            continue
        order = np.argsort(split.test_start, kind="stable")
        starts = split.test_start[order]
        latest_end = np.maximum.accumulate(split.test_end[order])
        begun = np.searchsorted(starts, split.train_end, side="right")
        meets = (begun > 0) & (latest_end[np.maximum(begun, 1) - 1] >= split.train_start)
        count = int(np.count_nonzero(meets))
        if count:
            first = split.train_start[np.argmax(meets)]
            sentence = f"{count} training labels of {split.name} reach into its test, first {first}: purge them"
            found.append(Finding("label_overlap", split.name, float(count), 0.0, sentence))
    return found
