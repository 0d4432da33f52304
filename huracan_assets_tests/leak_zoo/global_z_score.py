"""A z-score by the mean and deviation of the whole window: no rank correlation can see it."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.kernels import Array
from huracan_assets.features.rolling import zscore
from huracan_assets.features.window import Window
from huracan_assets_tests.leak_zoo.habitats import in_the_recipe
from huracan_assets_tests.leak_zoo.leak import Leak


def leaky(window: Window) -> Array:
    x = window.log_return(60)
    return np.asarray((x - np.nanmean(x)) / np.nanstd(x))


def honest(window: Window) -> Array:
    return zscore(window.log_return(60), 1440)


LEAK = Leak(
    plants="the hour's return, standardised by all minutes of the window",
    twin="standardised by the day before",
    check="timestamp_alignment",
    planted=lambda: in_the_recipe(leaky),
    clean=lambda: in_the_recipe(honest),
)
