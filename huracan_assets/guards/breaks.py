"""No decision where too long an unknown stretch lies in what it remembers."""

from __future__ import annotations

import numpy as np
import polars as pl

from huracan_assets.market.contract import MINUTE_US
from huracan_assets.market.minute_status import stretches


def leave_out_breaks(
    bars: pl.DataFrame, status: pl.DataFrame, break_minutes: int, max_unknown_stretch_minutes: int
) -> pl.DataFrame:
    """The bars whose last `break_minutes` hold no unknown stretch longer than `max_unknown_stretch_minutes`.

    A stretch counts as soon as it has lasted longer, as far as it had come when the bar closed: what came after a
    bar decides nothing about it.

    Args:
        bars: decision bars, `as_of` ascending.
        status: minute status of the bars' days and of the `break_minutes` before them, in order.
    """
    long = stretches(status).filter(pl.col("minutes") > max_unknown_stretch_minutes)
    as_of = bars["as_of"].dt.epoch("us").to_numpy()
    begin, end = (long[name].dt.epoch("us").to_numpy() for name in ("begin", "end"))
    lasted = MINUTE_US * max_unknown_stretch_minutes
    # Stretches are disjoint and in order, so the newest that has lasted is the one whose end is nearest.
    newest = np.searchsorted(begin + lasted, as_of, side="left") - 1
    remembered = end[np.maximum(newest, 0)] + MINUTE_US * break_minutes if len(end) else np.zeros(len(as_of))
    return bars.filter(pl.Series((newest < 0) | (remembered <= as_of)))
