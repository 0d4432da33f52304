"""A recursion that was run from the day's end, as when rows come sorted from new to old."""

from __future__ import annotations

from huracan_assets.features.kernels import Array
from huracan_assets.features.rolling import span_ema
from huracan_assets.features.window import Window
from huracan_assets_tests.leak_zoo.habitats import in_the_recipe
from huracan_assets_tests.leak_zoo.leak import Leak


def leaky(window: Window) -> Array:
    return window.last_log_close - span_ema(window.last_log_close[::-1].copy(), 240)[::-1]


def honest(window: Window) -> Array:
    return window.last_log_close - span_ema(window.last_log_close, 240)


LEAK = Leak(
    plants="the distance from an exponential mean of all that comes: its correlations fade like a predictor's",
    twin="from the exponential mean of what was",
    check="timestamp_alignment",
    planted=lambda: in_the_recipe(leaky),
    clean=lambda: in_the_recipe(honest),
)
