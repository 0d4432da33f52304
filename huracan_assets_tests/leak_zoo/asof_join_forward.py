"""Funding joined to each minute from the next event on, not from the last."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.kernels import Array
from huracan_assets.features.window import Window
from huracan_assets_tests.leak_zoo.habitats import in_the_recipe
from huracan_assets_tests.leak_zoo.leak import Leak


def joined(window: Window, ahead: int) -> Array:
    events = window.funding
    if events is None or not len(events.ts):
        return window.undefined()
    event = np.searchsorted(events.ts, window.known_at, side="right") - 1 + ahead
    known = (event >= 0) & (event < len(events.ts))
    return np.where(known, events.values["rate"][np.clip(event, 0, len(events.ts) - 1)], np.nan)


LEAK = Leak(
    plants="an as-of join of funding with the forward strategy",
    twin="the backward strategy",
    check="timestamp_alignment",
    planted=lambda: in_the_recipe(lambda window: joined(window, 1)),
    clean=lambda: in_the_recipe(lambda window: joined(window, 0)),
)
