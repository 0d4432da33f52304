"""Trend: enter on an aligned multi-time-frame trend, leave on weakness.

Side: the sign of trend_str, if ema_slope, momentum_slope and htf - 0.5 have the same sign and adx is at least
20; otherwise none. Confidence: the mean of four strengths, each full where a trend is plain: |trend_str| at
0.5, |momentum_slope| at 3, |htf - 0.5| at 0.4, adx at 50; times p_trend + p_range / 2, so a panic silences
it. A feature that is not known at the bar means no side.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from huracan_assets.engines.signal import Signal, columns, decided

NEEDS = ("trend_str", "ema_slope", "momentum_slope", "htf", "adx")
ADX_TREND = 20.0


def trend(bars: pl.DataFrame, regimes: pl.DataFrame) -> Signal:
    """The trend engine's signal at each bar.

    Args:
        bars: `as_of` and the columns of NEEDS.
        regimes: regimes frame of the same bars.
    """
    strength, ema_slope, momentum, htf, adx = columns(bars, NEEDS, "trend")
    direction = np.sign(strength)
    aligned = (np.sign(ema_slope) == direction) & (np.sign(momentum) == direction) & (np.sign(htf - 0.5) == direction)
    plain = (
        np.minimum(np.abs(strength) / 0.5, 1.0)
        + np.minimum(np.abs(momentum) / 3.0, 1.0)
        + np.minimum(np.abs(htf - 0.5) / 0.4, 1.0)
        + np.minimum(adx / 50.0, 1.0)
    ) / 4.0
    calm = regimes["p_trend"].to_numpy() + 0.5 * regimes["p_range"].to_numpy()
    return decided(direction, plain * calm, aligned & (adx >= ADX_TREND))
