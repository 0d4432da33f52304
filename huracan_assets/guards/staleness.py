"""Check `staleness`: traded bars that repeat every digit, as a stuck feed does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from huracan_assets.days import MINUTES_PER_DAY
from huracan_assets.guards.check_result import CheckResult
from huracan_assets.market.grid import MinuteGrid

NAME = "staleness"

Ints = npt.NDArray[np.int64]


def staleness(grid: MinuteGrid, max_stale_minutes: int) -> list[CheckResult]:
    """The longest run of identical traded bars of each day.

    Args:
        grid: whole consecutive days.
    """
    runs, ends = longest_stale_runs(grid)
    return [
        CheckResult(
            name=NAME,
            figure=float(run),
            unit="identical traded bars in a row",
            bound=float(max_stale_minutes),
            severity="ERROR",
            sentence=_sentence(int(run), int(end), max_stale_minutes),
        )
        for run, end in zip(runs, ends, strict=True)
    ]


def longest_stale_runs(grid: MinuteGrid) -> tuple[Ints, Ints]:
    """(d,) the most bars in a row with the same prices and the same volume above 0, and the minute each run ends.

    A bar without trades repeats the price rightly; traded ones that repeat every digit are a stuck feed. A run
    that crosses midnight counts in full on the day on which it ends: it is as long as it is known by then.
    """
    again = np.zeros(len(grid), np.bool_)
    again[1:] = grid.volume[1:] > 0
    for values in (grid.open, grid.high, grid.low, grid.close, grid.volume):
        again[1:] &= values[1:] == values[:-1]  # NaN, where a minute is absent, equals nothing
    place = np.arange(len(grid))
    last_fresh = np.maximum.accumulate(np.where(again, -1, place))
    length = np.where(grid.volume > 0, place - last_fresh + 1, 0).reshape(-1, MINUTES_PER_DAY)
    ends = length.argmax(axis=1)
    return length[np.arange(len(length)), ends], ends


def _sentence(run: int, end: int, bound: int) -> str:
    if run <= 2:
        return ""
    when = f"{end // 60:02d}:{end % 60:02d}"
    verdict = f"{bound} may be: a stuck feed" if run > bound else f"{bound} may be"
    return f"{run} traded bars in a row, to {when}, are identical, {verdict}"
