"""How large a trade is: a fraction of Kelly's stake, between the smallest and the whole position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huracan_assets.settings import DecisionSettings

Floats = NDArray[np.float64]
BPS = 1e-4


def size_gbp(expected_net_bps: Floats, stop_bps: Floats, limits: DecisionSettings) -> Floats:
    """The size of a trade (n,); NaN where one of the figures is.

    The stake that makes capital grow fastest is mean over variance of a trade's return (Kelly 1956; Thorp 2006, 7).
    What a trade can lose, the distance of its stop, stands for its standard deviation: the barriers lie on either side
    of the entry and few trades end between them. The position is the capital, and never borrowed upon.

    Args:
        expected_net_bps: of the trade, after all costs.
        stop_bps: distance of its stop, positive.
    """
    kelly = BPS * expected_net_bps / (BPS * stop_bps) ** 2
    share = np.clip(limits.kelly_fraction * kelly, limits.min_position_share, 1.0)
    return limits.position_gbp * share
