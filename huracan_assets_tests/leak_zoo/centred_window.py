"""A moving average centred on its minute."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.kernels import Array
from huracan_assets.features.rolling import mean
from huracan_assets.features.window import Window
from huracan_assets_tests.leak_zoo.habitats import in_the_recipe
from huracan_assets_tests.leak_zoo.leak import Leak

MINUTES = 60


def honest(window: Window) -> Array:
    return window.last_log_close - mean(window.last_log_close, MINUTES)


def leaky(window: Window) -> Array:
    half = MINUTES // 2
    centred = np.append(mean(window.last_log_close, MINUTES)[half:], np.full(half, np.nan))
    return np.asarray(window.last_log_close - centred)


LEAK = Leak(
    plants="the distance from a mean over thirty minutes before and thirty after",
    twin="the mean over the sixty minutes before",
    check="timestamp_alignment",
    planted=lambda: in_the_recipe(leaky),
    clean=lambda: in_the_recipe(honest),
)
