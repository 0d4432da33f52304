"""Compression: narrow markets, and how far the price is from their middle."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.declaration import Feature
from huracan_assets.features.kernels import Array, rolling_rank
from huracan_assets.features.rolling import least, ratio, zscore
from huracan_assets.features.window import BPS, Window

WIDTH_LIMIT = 1e5


def bb_width(w: Window) -> Array:
    """Width of Bollinger's band (20 minutes, two deviations of the log close) in bps, held at 1e5."""
    return np.minimum(BPS * 4.0 * w.band[1], WIDTH_LIMIT)


def bb_position(w: Window) -> Array:
    """%b: 0 at the lower band, 1 at the upper; null where the band has no width."""
    middle, deviation = w.band
    return 0.5 + ratio(np.log(w.grid.close) - middle, 4.0 * deviation)


def compression(w: Window) -> Array:
    """Share of the last 1,440 minutes at which the band was wider than now."""
    return 1.0 - rolling_rank(w.band[1], 1440, least(1440), w.first_row)


def mean_rev(w: Window) -> Array:
    """tanh(z/2), z of the log close over 240 minutes: 1 far above the mean that a reversion returns to."""
    return np.tanh(zscore(np.log(w.grid.close), 240) / 2.0)


FEATURES = (
    Feature(
        "compression",
        "compression",
        "share of 1440 min whose Bollinger band was wider",
        "0..1",
        0.0,
        1.0,
        1460,
        ("close",),
        compression,
    ),
    Feature(
        "bb_width",
        "compression",
        "4 population deviations of ln close over 20 min (Bollinger), held at 1e5",
        "bps",
        0.0,
        WIDTH_LIMIT,
        20,
        ("close",),
        bb_width,
    ),
    # A member of a window of 20 lies at most sqrt(19) deviations from its mean: %b within 0.5 +- 1.09.
    Feature(
        "bb_position",
        "compression",
        "%b = (ln close - lower band) / width, 20 min",
        "%b",
        -0.6,
        1.6,
        20,
        ("close",),
        bb_position,
    ),
    Feature(
        "mean_rev",
        "compression",
        "tanh(z/2), z of ln close over 240 min",
        "-1..1",
        -1.0,
        1.0,
        240,
        ("close",),
        mean_rev,
    ),
)
