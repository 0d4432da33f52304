"""A gap filled with the first price after it."""

from __future__ import annotations

import numpy as np
import polars as pl

from huracan_assets.features.kernels import Array
from huracan_assets.features.window import Window
from huracan_assets_tests.leak_zoo.habitats import in_the_recipe
from huracan_assets_tests.leak_zoo.leak import Leak

EVERY = 5  # minutes between the prices of a slower feed


def distance(window: Window, strategy: str) -> Array:
    log_close, minute = np.log(window.grid.close), np.arange(window.size)
    slow = pl.Series(np.where(minute % EVERY == EVERY - 1, log_close, np.nan)).fill_nan(None)
    filled = slow.forward_fill() if strategy == "forward" else slow.backward_fill()
    return np.asarray(log_close - filled.fill_null(np.nan).to_numpy())


LEAK = Leak(
    plants="a slower feed's missing minutes filled backward",
    twin="filled forward",
    check="timestamp_alignment",
    planted=lambda: in_the_recipe(lambda window: distance(window, "backward")),
    clean=lambda: in_the_recipe(lambda window: distance(window, "forward")),
)
