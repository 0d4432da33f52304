"""Series that remember and do not drift."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def autoregression(rng: np.random.Generator, half_life: float, n: int, columns: int) -> Array:
    """(n, columns) stationary AR(1) series of unit variance; `half_life` in steps, 0 for independent draws."""
    from scipy.signal import lfilter

    noise = rng.standard_normal((n, columns))
    if half_life == 0.0:
        return noise
    phi = 0.5 ** (1.0 / half_life)
    noise[1:] *= np.sqrt(1.0 - phi * phi)
    series: Array = lfilter([1.0], [1.0, -phi], noise, axis=0)
    return series
