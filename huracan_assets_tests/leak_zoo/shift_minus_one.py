"""The return of the minute to come, by a shift in the wrong direction."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.kernels import Array
from huracan_assets.features.rolling import lag
from huracan_assets.features.window import Window
from huracan_assets_tests.leak_zoo.habitats import in_the_recipe
from huracan_assets_tests.leak_zoo.leak import Leak


def leaky(window: Window) -> Array:
    return np.append(window.returns[1:], np.nan)


def honest(window: Window) -> Array:
    return lag(window.returns, 1)


LEAK = Leak(
    plants="the one-minute return shifted by -1",
    twin="shifted by +1",
    check="timestamp_alignment",
    planted=lambda: in_the_recipe(leaky),
    clean=lambda: in_the_recipe(honest),
)
