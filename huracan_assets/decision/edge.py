"""What a trade is expected to bring before its costs, learned from what trades out of sample brought.

A long and a short of one bar are one path seen from both ends. Half the difference of what they brought tells what a
lean is worth; their mean tells what barriers and fills bring to whoever trades, whatever the side. So the trend of the
record enters neither: a past trend is no knowledge of the next day, and its luck no error of the edge.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Floats = NDArray[np.float64]


class Edge(BaseModel):
    """Expected gross bps of a trade: `level` + `slope` x how far the models lean to its side."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, extra="forbid")
    level: float
    slope: float = Field(ge=0)
    slope_error: float = Field(ge=0)  # standard error

    @classmethod
    def fit(cls, lean: Floats, gross_bps: Floats, weights: Floats) -> Edge:
        """Weighted least squares through no lean, no edge.

        Models that lean to the wrong side earn slope 0: then every trade is expected to bring the level.

        Args:
            lean: to long, negative to short (n,), as `SidePair.lean`.
            gross_bps: what the long and the short trade of each bar brought, before the cost that its decision counted
                on (n, 2).
            weights: independent outcomes that each bar is worth (n,), positive.
        """
        apart = (gross_bps[:, 0] - gross_bps[:, 1]) / 2.0
        spread, level = float(weights @ lean**2), float(np.average(gross_bps.mean(axis=1), weights=weights))
        if not spread > 0.0:
            return cls(level=level, slope=0.0, slope_error=0.0)
        slope = max(0.0, float(weights @ (lean * apart)) / spread)
        unexplained = float(np.average((apart - slope * lean) ** 2, weights=weights))
        return cls(level=level, slope=slope, slope_error=float(np.sqrt(unexplained / spread)))

    def __call__(self, towards: Floats) -> Floats:
        """Expected gross bps of trades to whose side the models lean so far (m,)."""
        return self.level + self.slope * towards
