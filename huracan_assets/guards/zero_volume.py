"""Check `zero_volume_share`: how much of a day passed without a trade."""

from __future__ import annotations

import numpy as np

from huracan_assets.days import MINUTES_PER_DAY
from huracan_assets.guards.check_result import CheckResult, Severity
from huracan_assets.market.grid import MinuteGrid

NAME = "zero_volume_share"


def zero_volume_share(grid: MinuteGrid, max_share: float, dead_share: float) -> list[CheckResult]:
    """The share of each day's minutes in which nothing was traded: bars without volume, and minutes without a bar.

    A minute without a trade is no lie, whatever the reason. Above `max_share` a simulated fill in the next minute
    too often meets nobody: a WARN. Above `dead_share` the day is not a market's, be it a halt, a delisting, or a
    recording that began at noon for all symbols alike: an ERROR.

    Args:
        grid: whole consecutive days.
    """
    absent = MINUTES_PER_DAY - grid.present.reshape(-1, MINUTES_PER_DAY).sum(axis=1)
    empty = (grid.volume == 0).reshape(-1, MINUTES_PER_DAY).sum(axis=1)
    counted = np.stack([empty, absent], axis=1).tolist()
    return [_result(bars, minutes, max_share, dead_share) for bars, minutes in counted]


def _result(empty: int, absent: int, max_share: float, dead_share: float) -> CheckResult:
    share = (empty + absent) / MINUTES_PER_DAY
    dead = share > dead_share
    severity: Severity = "ERROR" if dead else "WARN"
    bound = dead_share if dead else max_share
    told = f"{share:.2%} of the day without a trade ({empty} bars without volume, {absent} minutes without a bar)"
    sentence = f"{told}; {bound:.0%} may be" if empty or absent else ""
    return CheckResult(NAME, share, "share of minutes", bound, severity, sentence)
