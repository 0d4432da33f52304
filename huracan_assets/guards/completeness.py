"""Check `completeness`: minutes of which nobody knows what happened in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
import numpy.typing as npt
import polars as pl

from huracan_assets.days import MINUTE, MINUTES_PER_DAY, midnight
from huracan_assets.guards.check_result import CheckResult, first_few
from huracan_assets.market.minute_status import CONFIRMED_EMPTY, OUTAGE, minute_mask

NAME = "completeness"

Bools = npt.NDArray[np.bool_]
Run = tuple[int, int]


def completeness(
    days: Sequence[date], present: Bools, status: pl.DataFrame | None, max_unknown_minutes: int
) -> list[CheckResult]:
    """Unknown minutes of each day: without a candle, and not accounted for.

    An absent minute is accounted for where `status` calls it confirmed empty or an outage of the venue; the
    sentence names those, too.

    Args:
        days: (d,) consecutive.
        present: (d, 1440) whether there is a candle.
        status: the days' rows of `minute_status`; None where nothing is known of absent minutes.
    """
    covered = {OUTAGE: _mask(status, days, OUTAGE), CONFIRMED_EMPTY: _mask(status, days, CONFIRMED_EMPTY)}
    kinds = {
        "unknown": ~present & ~covered[OUTAGE] & ~covered[CONFIRMED_EMPTY],
        "outage": ~present & covered[OUTAGE],
        "empty": ~present & covered[CONFIRMED_EMPTY] & ~covered[OUTAGE],
    }
    unknown = kinds["unknown"].sum(axis=1)
    return [
        CheckResult(
            name=NAME,
            figure=float(unknown[place]),
            unit="unknown minutes",
            bound=float(max_unknown_minutes),
            severity="ERROR",
            sentence=_sentence(day, {kind: mask[place] for kind, mask in kinds.items()}, max_unknown_minutes),
        )
        for place, day in enumerate(days)
    ]


def absent_runs(absent: Bools) -> list[Run]:
    """Unbroken runs of true values of (1440,) as (first minute, minutes), the longest first."""
    edges = np.diff(np.concatenate([[False], absent, [False]]).astype(np.int8))
    starts, stops = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)
    runs = [(int(start), int(stop - start)) for start, stop in zip(starts, stops, strict=True)]
    return sorted(runs, key=lambda run: (-run[1], run[0]))


def _mask(status: pl.DataFrame | None, days: Sequence[date], named: str) -> Bools:
    if status is None:
        return np.zeros((len(days), MINUTES_PER_DAY), np.bool_)
    return minute_mask(status, days[0], days[-1], named).reshape(len(days), MINUTES_PER_DAY)


def _sentence(day: date, kinds: dict[str, Bools], bound: int) -> str:
    found = {kind: absent for kind, absent in kinds.items() if absent.any()}
    if not found:
        return ""
    told = [
        f"{np.count_nonzero(absent)} {kind} ("
        + first_few([f"{minutes} from {_clock(day, start):%H:%M}" for start, minutes in absent_runs(absent)])
        + ")"
        for kind, absent in found.items()
    ]
    absent = sum(int(np.count_nonzero(mask)) for mask in found.values())
    return f"{absent} of {MINUTES_PER_DAY} minutes are missing: {', '.join(told)}; {bound} may be unknown"


def _clock(day: date, minute: int) -> datetime:
    return midnight(day) + minute * MINUTE
