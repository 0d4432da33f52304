"""A higher time frame whose bar is read in the minutes that it is made of."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.kernels import Array
from huracan_assets.features.trend import closed_bars
from huracan_assets.features.window import Window
from huracan_assets_tests.leak_zoo.habitats import in_the_recipe
from huracan_assets_tests.leak_zoo.leak import Leak

MINUTES = 240


def leaky(window: Window) -> Array:
    own = np.arange(window.size) // MINUTES
    return np.log(closed_bars(window.grid.close, MINUTES)[own] / window.grid.close)


def honest(window: Window) -> Array:
    closed = (np.arange(window.size) + 1) // MINUTES - 1
    bar = closed_bars(window.grid.close, MINUTES)[np.maximum(closed, 0)]
    return np.where(closed >= 0, np.log(bar / window.grid.close), np.nan)


LEAK = Leak(
    plants="the close of the four-hour bar, labelled with the bar's beginning",
    twin="the close of the last four-hour bar that has closed",
    check="timestamp_alignment",
    planted=lambda: in_the_recipe(leaky),
    clean=lambda: in_the_recipe(honest),
)
