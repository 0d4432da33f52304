"""Means over the minutes before a decision, summed so that the bits do not depend on where the grid starts."""

from __future__ import annotations

from typing import Any

import numpy as np

from huracan_assets.resources.compiled import njit

BLOCK = 15  # minutes that are summed once; a day holds a whole number of blocks, and a grid starts at a midnight


@njit()
def trailing_mean(values: Any, ends: Any, window: Any, least: Any) -> Any:
    """Mean of the finite values in the `window` rows before each end, and how many they are, both (m,).

    The mean is NaN below `least` of them. Whole blocks of 15 rows are summed once and then added, for windows that
    begin and end between them row by row: the order of the sum follows from the clock alone.
    """
    n = len(values)
    sums, counts = _block_sums(values)
    means, found = np.full(len(ends), np.nan), np.zeros(len(ends), np.int64)
    for b in range(len(ends)):
        i, end = max(0, ends[b] - window), min(n, ends[b])
        total, count = 0.0, 0
        while i < end:
            if i % BLOCK == 0 and i + BLOCK <= end:
                total += sums[i // BLOCK]
                count += counts[i // BLOCK]
                i += BLOCK
                continue
            if np.isfinite(values[i]):
                total += values[i]
                count += 1
            i += 1
        found[b] = count
        if count >= least:
            means[b] = total / count
    return means, found


@njit()
def _block_sums(values: Any) -> Any:
    blocks = len(values) // BLOCK
    sums, counts = np.zeros(blocks), np.zeros(blocks, np.int64)
    for i in range(blocks * BLOCK):
        if np.isfinite(values[i]):
            sums[i // BLOCK] += values[i]
            counts[i // BLOCK] += 1
    return sums, counts
