"""Range: fade the extremes of a quiet market.

Side: against the sign of mean_rev (positive: stretched above its mean), if |mean_rev| is at least 0.5,
price_position lies in the same outer quarter of the four-hour range (below 0.25 to buy, above 0.75 to sell)
and vol_regime is below 0.9.
Confidence: the mean of the stretch (|mean_rev| from 0.5 to 1), the place (distance into the outer quarter),
the calm (1 - vol_regime), compression, and how far the band is from burst (bb_width against 200 bps); times
p_range + p_trend / 2, so a panic silences it. A feature that is not known at the bar means no side.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from huracan_assets.engines.signal import Signal, columns, decided

NEEDS = ("mean_rev", "compression", "bb_width", "price_position", "vol_regime")
STRETCH = 0.5
OUTER = 0.25
VOLATILE = 0.9
BURST_BPS = 200.0


def fade(bars: pl.DataFrame, regimes: pl.DataFrame) -> Signal:
    """The range engine's signal at each bar.

    Args:
        bars: `as_of` and the columns of NEEDS.
        regimes: regimes frame of the same bars.
    """
    stretch, compression, width, position, volatility = columns(bars, NEEDS, "range")
    edge = np.where(stretch < 0, OUTER - position, position - (1.0 - OUTER))
    plain = (
        (np.abs(stretch) - STRETCH) / (1.0 - STRETCH)
        + edge / OUTER
        + (1.0 - volatility)
        + compression
        + np.maximum(1.0 - width / BURST_BPS, 0.0)
    ) / 5.0
    calm = regimes["p_range"].to_numpy() + 0.5 * regimes["p_trend"].to_numpy()
    allowed = (np.abs(stretch) >= STRETCH) & (edge > 0) & (volatility < VOLATILE)
    return decided(-np.sign(stretch), plain * calm, allowed)
