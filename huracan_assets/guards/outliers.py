"""Check `outliers`: bad ticks, splices, and moves that nothing confirms.

The bounds are wide on purpose: a crash is a market, and a guard that cries at every crash hides the days that
matter most. Each find is a statement that the price was not there, not that it was far away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from huracan_assets.days import MINUTES_PER_DAY
from huracan_assets.guards.check_result import CheckResult, first_few
from huracan_assets.market.capped_returns import ReturnCap, unconfirmed_returns
from huracan_assets.market.grid import MinuteGrid

NAME = "outliers"

Floats = npt.NDArray[np.float64]

MAD_TO_SIGMA = 1.4826  # of a normal distribution
REVERTED_SHARE = 0.5  # a spike takes back at least this share of its return in the next minute
LEAST_SIGMA = 1e-4  # on the quietest days the deviation is the tick's, and every second trade would be a spike
NEAR = 30  # minutes on either side of a spike whose volatility counts


@dataclass(frozen=True)
class Outlier:
    """A move that no market made: the minute's place in the grid, and its log return in basis points."""

    place: int
    bps: float


def outliers(
    grid: MinuteGrid, candles: pl.DataFrame, max_sigmas: float, max_seam_bps: float, cap: ReturnCap
) -> list[CheckResult]:
    """Spikes, seams and unconfirmed returns of each day.

    Args:
        grid: whole consecutive days. The neighbours of a day's first and last bar stand in the days beside it.
        candles: the rows of the grid, sorted by `ts`.
    """
    unconfirmed = unconfirmed_returns(candles, cap)
    first_us = grid.start.astype(np.int64)
    kinds = {
        f"beyond {max_sigmas:g} robust sigmas and taken back at once: bad ticks": find_spikes(grid, max_sigmas),
        f"open over {max_seam_bps:g} bps from the close just before: two histories are spliced": find_seams(
            grid, max_seam_bps
        ),
        f"beyond {cap.max_minute_return:g} in a minute, which nothing confirms": [
            Outlier(int((us - first_us) // 60_000_000), log_return * 1e4)
            for us, log_return in unconfirmed.select(pl.col("ts").dt.epoch("us"), "log_return").iter_rows()
        ],
    }
    by_day: list[dict[str, list[Outlier]]] = [{} for _ in range(len(grid) // MINUTES_PER_DAY)]
    for kind, found in kinds.items():
        for outlier in found:
            by_day[outlier.place // MINUTES_PER_DAY].setdefault(kind, []).append(outlier)
    return [_result(found) for found in by_day]


def find_spikes(grid: MinuteGrid, max_sigmas: float) -> list[Outlier]:
    """One-minute log returns beyond `max_sigmas` robust sigmas that the next minute takes back.

    Sigma is 1.4826 times the median absolute deviation, of the day's returns or of those within half an
    hour, whichever is larger, and 1 bps at least. A move that stays is a market, and so is a leap in a
    crash; one out of the calm that is gone a minute later is a bad tick.
    """
    returns = np.full(len(grid), np.nan)
    returns[1:] = np.diff(np.log(grid.close))  # NaN beside a gap
    here, after = returns[:-1], returns[1:]
    reverting = (here * after < 0) & (np.abs(after) >= REVERTED_SHARE * np.abs(here))
    day_sigma = np.array([_robust_sigma(of_day) for of_day in returns.reshape(-1, MINUTES_PER_DAY)])
    bound = max_sigmas * np.repeat(day_sigma, MINUTES_PER_DAY)[:-1]
    spikes = []
    for place in np.flatnonzero(reverting & (np.abs(here) > bound)).tolist():
        near = _robust_sigma(returns[max(0, place - NEAR) : place + NEAR + 1])
        if abs(here[place]) > max_sigmas * near:
            spikes.append(Outlier(place, float(here[place]) * 1e4))
    return spikes


def find_seams(grid: MinuteGrid, max_bps: float) -> list[Outlier]:
    """Bars that open more than `max_bps` from the close of the minute just before.

    Prices move within bars; between them they hardly do. Over 2,840 recorded symbol-days, the crash of 2021 among
    them, the widest seam is 393 bps.
    """
    jump = np.log(grid.open[1:] / grid.close[:-1]) * 1e4  # NaN beside a gap
    return [Outlier(place + 1, float(jump[place])) for place in np.flatnonzero(np.abs(jump) > max_bps).tolist()]


def _robust_sigma(returns: Floats) -> float:
    known = returns[~np.isnan(returns)]
    if known.size == 0:
        return LEAST_SIGMA
    return max(LEAST_SIGMA, MAD_TO_SIGMA * float(np.median(np.abs(known - np.median(known)))))


def _result(found: dict[str, list[Outlier]]) -> CheckResult:
    told = [
        f"{len(outliers)} returns or opens are {kind} ({first_few([_named(outlier) for outlier in outliers])})"
        for kind, outliers in found.items()
    ]
    count = sum(len(outliers) for outliers in found.values())
    return CheckResult(NAME, float(count), "moves that no market made", 0.0, "ERROR", "; ".join(told))


def _named(outlier: Outlier) -> str:
    minute = outlier.place % MINUTES_PER_DAY
    return f"{outlier.bps:+.0f} bps at {minute // 60:02d}:{minute % 60:02d}"
