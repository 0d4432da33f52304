"""How far the synthetic perpetual stands from its spot market: the funding it pays, and a noise that dies away.

Both are drawn apart from the prices, so the basis tells of the funding and of no return to come.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PER_RATE = 2.0  # of the log basis, for each unit that the funding rate is off its mean
NOISE, NOISE_HALF_LIFE = 1.5e-4, 60.0  # of the log basis, and in minutes


def basis_path(excess: Floats, midnights: tuple[float, float], shocks: Floats) -> Floats:
    """The log basis at a day's begin and at the close of each of its n minutes, (n + 1,).

    After a funding event the level walks in a straight line to that event's rate, and is there when the next one comes:
    it knows nothing that was not settled. The noise is an Ornstein-Uhlenbeck path that is held to its values at both
    midnights (a bridge), so that a day can be had alone and the basis walks on over midnight.

    Args:
        excess: funding rates less their mean, of the last event of the day before and of the day's own; these come at
            equal distances from 00:00 on.
        midnights: the noise at both ends of the day, standard normal.
        shocks: (n,) standard normal.
    """
    begin, end = midnights
    minutes = np.arange(shocks.size + 1)
    decay = 0.5 ** (minutes / NOISE_HALF_LIFE)
    step = decay[1]
    # x_t = step * x_{t-1} + sqrt(1 - step^2) * shock_t, summed over step^-t: 2^24 at most.
    summed = np.concatenate([[0.0], np.cumsum(shocks / decay[1:])])
    free = decay * (begin + np.sqrt(1.0 - step * step) * summed)
    weight = decay[::-1] * (1.0 - decay * decay) / (1.0 - decay[-1] ** 2)
    noise = free + weight * (end - free[-1])
    noise[-1] = end  # to the bit: the next day opens with it
    level = np.interp(minutes, np.linspace(0.0, shocks.size, excess.size), excess)
    return np.asarray(PER_RATE * level + NOISE * noise, dtype=np.float64)
