"""Can a day of candles be trusted? Gaps, stuck feeds and spikes, each in a sentence.

A quarantined day trains nothing and trades nothing. The bounds are wide on purpose: a crash is a market,
and a guard that cries at every crash hides the days that matter most.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from huracan_assets.days import MINUTE, MINUTES_PER_DAY, midnight
from huracan_assets.settings import GuardSettings

Floats = npt.NDArray[np.float64]

MAD_TO_SIGMA = 1.4826  # of a normal distribution
REVERTED_SHARE = 0.5  # a spike takes back at least this share of its return in the next minute
LEAST_SIGMA = 1e-4  # on the quietest days the deviation is the tick's, and every second trade would be a spike
NEAR = 30  # minutes on either side of a spike whose volatility counts
NAMED = 5  # gaps and spikes named one by one in a reason
_BAR = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Gap:
    """Minutes in a row that the source lacks, the first of them at `begin`."""

    begin: datetime
    minutes: int


@dataclass(frozen=True)
class Spike:
    """A one-minute return far outside the day's, taken back in the next minute."""

    at: datetime
    return_bps: float
    sigmas: float


@dataclass(frozen=True)
class Seam:
    """A bar that opens far from the close just before it, as where two histories are spliced."""

    at: datetime
    jump_bps: float


@dataclass(frozen=True)
class QualityReport:
    """What was found on one symbol-day; `reasons` is empty unless the day is quarantined."""

    day: date
    minutes: int
    missing_minutes: int
    gaps: tuple[Gap, ...]
    zero_volume_share: float
    stale_minutes: int
    spikes: tuple[Spike, ...]
    seams: tuple[Seam, ...]
    quarantined: bool
    reasons: list[str]


def quality(candles_day: pl.DataFrame, day: date, guards: GuardSettings, max_missing_minutes: int) -> QualityReport:
    """The quality of one day of one symbol.

    Args:
        candles_day: the day's candles, validated; empty where the source has none.
        max_missing_minutes: a day that lacks more is quarantined.
    """
    gaps = find_gaps(candles_day["ts"], day)
    missing = MINUTES_PER_DAY - candles_day.height
    stale = longest_stale_run(candles_day)
    spikes = find_spikes(candles_day, guards.max_return_sigmas)
    reasons = []
    if missing > max_missing_minutes:
        named = ", ".join(f"{gap.minutes} from {gap.begin:%H:%M}" for gap in gaps[:NAMED])
        reasons.append(f"{missing} of {MINUTES_PER_DAY} minutes are missing ({named}), {max_missing_minutes} may be")
    if stale > guards.max_stale_minutes:
        reasons.append(f"{stale} traded bars in a row are identical, {guards.max_stale_minutes} may be: a stuck feed")
    if spikes:
        named = ", ".join(f"{spike.return_bps:+.0f} bps at {spike.at:%H:%M}" for spike in spikes[:NAMED])
        reasons.append(
            f"{len(spikes)} returns beyond {guards.max_return_sigmas:g} robust sigmas, taken back at once "
            f"({named}): bad ticks"
        )
    seams = find_seams(candles_day, guards.max_seam_bps)
    if seams:
        named = ", ".join(f"{seam.jump_bps:+.0f} bps at {seam.at:%H:%M}" for seam in seams[:NAMED])
        reasons.append(
            f"{len(seams)} bars open more than {guards.max_seam_bps:g} bps from the close just before them "
            f"({named}): two histories are spliced"
        )
    height = candles_day.height
    return QualityReport(
        day=day,
        minutes=height,
        missing_minutes=missing,
        gaps=gaps,
        zero_volume_share=candles_day.filter(pl.col("volume") == 0).height / height if height else 0.0,
        stale_minutes=stale,
        spikes=spikes,
        seams=seams,
        quarantined=bool(reasons),
        reasons=reasons,
    )


def find_gaps(ts: pl.Series, day: date) -> tuple[Gap, ...]:
    """The minutes of `day` that `ts` (sorted bar opens of that day) lacks, run by run, the longest first."""
    begin = midnight(day)
    here = np.zeros(MINUTES_PER_DAY + 2, dtype=np.int8)
    here[[0, -1]] = 1
    here[1 + (ts - begin).dt.total_minutes().to_numpy()] = 1
    edges = np.diff(here)
    runs = zip(np.flatnonzero(edges < 0), np.flatnonzero(edges > 0), strict=True)
    gaps = [Gap(begin + timedelta(minutes=int(start)), int(stop - start)) for start, stop in runs]
    return tuple(sorted(gaps, key=lambda gap: (-gap.minutes, gap.begin)))


def longest_stale_run(candles_day: pl.DataFrame) -> int:
    """The most bars in a row, minute after minute, with the same prices and the same volume above 0.

    A bar without trades repeats the price rightly; traded ones that repeat every digit are a stuck feed.
    """
    if candles_day.is_empty():
        return 0
    again = candles_day.select(
        pl.all_horizontal(
            pl.col("ts").diff() == MINUTE,
            pl.col("volume") > 0,
            *(pl.col(name) == pl.col(name).shift() for name in _BAR),
        ).fill_null(False)
    ).to_series()
    runs = again.rle().struct.unnest().filter(pl.col("value"))
    if runs.is_empty():
        return int(candles_day["volume"].max() > 0)  # type: ignore[operator]
    return int(runs["len"].max()) + 1  # type: ignore[arg-type]


def find_spikes(candles_day: pl.DataFrame, max_sigmas: float) -> tuple[Spike, ...]:
    """One-minute log returns beyond `max_sigmas` robust sigmas of the day that the next minute takes back.

    Sigma is 1.4826 times the median absolute deviation, of the day's returns or of those within half an
    hour, whichever is larger, and 1 bps at least. A move that stays is a market, and so is a leap in a
    crash; one out of the calm that is gone a minute later is a bad tick.
    """
    if candles_day.height < 3:
        return ()
    returns = np.diff(np.log(candles_day["close"].to_numpy()))
    joined = np.diff(candles_day["ts"].dt.epoch("us").to_numpy()) == 60_000_000
    here, after = returns[:-1], returns[1:]
    reverting = (here * after < 0) & (np.abs(after) >= REVERTED_SHARE * np.abs(here)) & joined[:-1] & joined[1:]
    day_sigma = _robust_sigma(returns[joined])
    spikes = []
    for place in np.flatnonzero(reverting & (np.abs(here) > max_sigmas * day_sigma)):
        near = slice(max(0, place - NEAR), place + NEAR + 1)
        sigmas = float(abs(here[place])) / max(day_sigma, _robust_sigma(returns[near][joined[near]]))
        if sigmas > max_sigmas:
            spikes.append(Spike(candles_day["ts"][int(place) + 1], float(here[place]) * 1e4, sigmas))
    return tuple(spikes)


def find_seams(candles_day: pl.DataFrame, max_bps: float) -> tuple[Seam, ...]:
    """Bars that open more than `max_bps` from the close of the minute just before.

    Prices move within bars; between them they hardly do. Over 2,840 recorded symbol-days, the crash of 2021 among
    them, the widest seam is 393 bps.
    """
    opened, close = candles_day["open"].to_numpy(), candles_day["close"].to_numpy()
    jump = np.log(opened[1:] / close[:-1]) * 1e4
    joined = np.diff(candles_day["ts"].dt.epoch("us").to_numpy()) == 60_000_000
    places = np.flatnonzero(joined & (np.abs(jump) > max_bps))
    return tuple(Seam(candles_day["ts"][int(place) + 1], float(jump[place])) for place in places)


def _robust_sigma(returns: Floats) -> float:
    if returns.size == 0:
        return LEAST_SIGMA
    return max(LEAST_SIGMA, MAD_TO_SIGMA * float(np.median(np.abs(returns - np.median(returns)))))


def quality_table(report: QualityReport) -> list[dict[str, str]]:
    """The report as rows of `measure` and `value`, for a page."""
    longest = f"{report.gaps[0].minutes} from {report.gaps[0].begin:%H:%M}" if report.gaps else "none"
    rows = [
        ("verdict", "quarantined" if report.quarantined else "trusted"),
        ("missing minutes", str(report.missing_minutes)),
        ("longest gap", longest),
        ("minutes without a trade", f"{report.zero_volume_share:.2%}"),
        ("longest run of identical traded bars", str(report.stale_minutes)),
        ("spikes", str(len(report.spikes))),
        ("seams", str(len(report.seams))),
        *(("reason", reason) for reason in report.reasons),
    ]
    return [{"measure": measure, "value": value} for measure, value in rows]
