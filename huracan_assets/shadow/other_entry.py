"""Whom the market fills: how the orders that a resting limit would have filled did against those that it left.

A limit is filled where the market comes to it, and that is more often where the decision was wrong. What the market
did after a decision is told by the market order of the same decision, whichever of the two was sent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from huracan_assets.settings import AnalystSettings
from huracan_assets.shadow.counterfactuals import LIMIT, MARKET, UNKNOWN, Entries
from huracan_assets.shadow.daily_mean import daily_mean


class FillRecord(BaseModel):
    """What resting limits would have filled, or did; null figures with a `why` cannot be told.

    Shares are of the orders whose outcome is known. Moves are what market orders of the same decisions brought before
    costs, in bps; `selection_bps` is the mean of those that the limit filled less that of those that it left.
    """

    model_config = ConfigDict(frozen=True)
    orders: int
    unknown: int
    filled: float | None = None
    filled_in_part: float | None = None
    filled_move_bps: float | None = None
    left_move_bps: float | None = None
    selection_bps: float | None = None
    low_bps: float | None = None
    high_bps: float | None = None
    why: str = ""

    @property
    def answer(self) -> str:
        """The selection with its interval, or `not identified` and why."""
        if self.selection_bps is None:
            return f"not identified: {self.why}"
        return f"{self.selection_bps:+.2f} [{self.low_bps:+.2f}, {self.high_bps:+.2f}]"


def fill_record(entries: Entries, analysts: AnalystSettings) -> FillRecord:
    """The limits of the decisions that were sent; the interval of a difference of two means is by day.

    The difference is the mean of one figure an order: its own part in either mean (its influence).
    """
    limits, moves = (entries.outcomes(entries.under(change)) for change in (LIMIT, MARKET))
    share, move = limits["filled_share"].to_numpy(), moves["gross_bps"].to_numpy()
    known = np.isfinite(share) & np.isfinite(move)
    share, move, day = share[known], move[known], entries.day[known]
    blank = FillRecord(orders=len(known), unknown=int((~known).sum()))
    if blank.unknown > analysts.max_unknown_share * blank.orders:
        why = f"{blank.unknown} of {blank.orders} orders have no known outcome: {UNKNOWN}"
        return blank.model_copy(update={"why": why})
    filled = share > 0.0
    if not filled.any() or filled.all():
        return blank.model_copy(update={"why": f"of {len(share)} limits {int(filled.sum())} were filled"})
    part = float(filled.mean())
    means = float(move[filled].mean()), float(move[~filled].mean())
    influence = np.where(filled, (move - means[0]) / part, -(move - means[1]) / (1.0 - part))
    difference = daily_mean(means[0] - means[1] + influence, day, analysts.least_days)
    told = {
        "filled": part,
        "filled_in_part": float((filled & (share < 1.0)).mean()),
        "filled_move_bps": means[0],
        "left_move_bps": means[1],
    }
    if difference is None:
        return blank.model_copy(update=told | {"why": f"fewer than {analysts.least_days} days have an order"})
    interval = {"selection_bps": difference.mean, "low_bps": difference.low, "high_bps": difference.high}
    return blank.model_copy(update=told | interval)


def fill_rows(records: Sequence[FillRecord]) -> list[dict[str, object]]:
    """The records as rows of a table."""
    return [
        {
            "limits": record.orders,
            "filled": record.filled,
            "in part": record.filled_in_part,
            "the market's move, filled": record.filled_move_bps,
            "left": record.left_move_bps,
            "selection, bps [95 %]": record.answer,
        }
        for record in records
    ]
