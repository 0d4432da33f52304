"""How much of a label is its own: overlapping labels share the prices that decide them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huracan_assets.errors import ContractError

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]

MINUTE = np.timedelta64(1, "m")


def label_uniqueness(start: Times, end: Times) -> Floats:
    """Mean of 1/concurrency over each label's minutes (AFML 4.2), (n,) in (0, 1].

    A label owns the minutes of [start, end), the prices that decide it; c_t counts the labels that own minute
    t. A bar is one label whatever its sides: it ends when the later side's outcome is known. The sum of the
    uniqueness is the number of independent labels.

    Raises:
        ContractError: a label does not end after it starts.
    """
    if len(start) == 0:
        return np.empty(0)
    if (end <= start).any():
        raise ContractError("a label ends before it starts: exit_at must lie after as_of")
    origin = start.min()
    first = ((start - origin) // MINUTE).astype(np.int64)
    last = ((end - origin) // MINUTE).astype(np.int64)
    steps = np.bincount(first, minlength=last.max() + 1) - np.bincount(last, minlength=last.max() + 1)
    concurrency = np.cumsum(steps)[:-1]
    inverse = np.where(concurrency > 0, 1.0 / np.maximum(concurrency, 1), 0.0)
    # Each label is summed by itself: a difference of running sums carries their rounding, and passes 1.
    spans = np.column_stack([first, last]).ravel()
    sums = np.add.reduceat(np.append(inverse, 0.0), spans)[::2]
    return np.asarray(sums / (last - first))
