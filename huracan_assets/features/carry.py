"""Carry: what holding a perpetual costs; null where the source has no funding."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.declaration import Feature
from huracan_assets.features.kernels import Array
from huracan_assets.features.window import BPS, Window

STALE_HOURS = 24
RATE_LIMIT = 1000.0


def events_known(w: Window) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(n,) how many funding events were known at each close."""
    return np.searchsorted(w.funding_ts, w.grid.known_at, side="right")


def funding_rate(w: Window) -> Array:
    """The newest rate known at the close in bps of the funding period, held at 1000; null once a day old."""
    if w.funding_ts.size == 0:
        return w.undefined()
    newest = events_known(w) - 1
    at = np.maximum(newest, 0)
    fresh = (newest >= 0) & (w.grid.known_at - w.funding_ts[at] < np.timedelta64(STALE_HOURS, "h"))
    return np.clip(np.where(fresh, BPS * w.funding_rate[at], np.nan), -RATE_LIMIT, RATE_LIMIT)


def funding_mean(w: Window) -> Array:
    """Mean of the three newest rates known, in bps, held at 1000; null where `funding_rate` is."""
    if w.funding_ts.size < 3:
        return w.undefined()
    newest = events_known(w) - 1
    at = np.maximum(newest, 2)
    three = (w.funding_rate[at] + w.funding_rate[at - 1] + w.funding_rate[at - 2]) / 3.0
    known = (newest >= 2) & ~np.isnan(funding_rate(w))
    return np.clip(np.where(known, BPS * three, np.nan), -RATE_LIMIT, RATE_LIMIT)


FEATURES = (
    Feature(
        "funding_rate",
        "carry",
        "newest funding rate known at the close, at most 24 h old, held at +-1000",
        "bps",
        -RATE_LIMIT,
        RATE_LIMIT,
        1440,
        ("funding.rate",),
        funding_rate,
    ),
    Feature(
        "funding_mean",
        "carry",
        "mean of the three newest funding rates, held at +-1000",
        "bps",
        -RATE_LIMIT,
        RATE_LIMIT,
        4320,
        ("funding.rate",),
        funding_mean,
    ),
)
