"""The universe of a day: which of the candidates get a Brain, from nothing but what was known that day.

A candidate is eligible when it is old enough for a Brain's window, when few of its minutes are missing and when its
spread can be paid. The eligible are ranked by median daily quote volume; equal ones by spread, completeness, age, name.

Why volume ranks and the spread only bounds: on one-minute bars of liquid coins EDGE is off by a basis point or two,
as much as their spreads are wide (Binance spot, October 2023: its median day says 0 for ARB and SUI, whose ticks were
1.2 and 2.4 bps). A rank by it, or a sum of ranks, would shuffle them by that error; it does tell 3 bps from 30.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from huracan_assets.days import MINUTES_PER_DAY, days_until
from huracan_assets.market.grid import Floats, MinuteGrid
from huracan_assets.resources.lake import Lake
from huracan_assets.settings import UniverseSettings

ASSET, ALL = "universe", "all"  # its place in the lake: it belongs to a day, not to a symbol
BPS = 1e4
COLUMNS = ("ts", "open", "high", "low", "close", "volume", "quote_volume")
"""Of the candle contract, what the figures are made of."""


@dataclass(frozen=True)
class Figures:
    """What the window's candles say of one candidate; None where they say nothing.

    `age_days` counts from the first candle to the day; `days` are those with a candle; `quote_volume` is the median
    of their sums in the quote coin; `spread_bps` the median of their EDGE estimates, a negative one as 0;
    `completeness` the share of the window's minutes that have a candle.
    """

    symbol: str
    age_days: int | None
    days: int
    completeness: float
    quote_volume: float | None
    spread_bps: float | None


class Candidate(BaseModel):
    """One line of the universe: the figures, the place among the eligible, and why it is in or out."""

    model_config = ConfigDict(frozen=True)
    symbol: str
    rank: int | None
    picked: bool
    reason: str
    quote_volume: float | None
    spread_bps: float | None
    age_days: int | None
    completeness: float


class Universe(BaseModel):
    """The candidates of a day, the eligible first by rank, then the others by name."""

    model_config = ConfigDict(frozen=True)
    day: date
    window_days: int
    candidates: tuple[Candidate, ...]

    @property
    def picked(self) -> tuple[str, ...]:
        """The symbols that get a Brain, by rank."""
        return tuple(candidate.symbol for candidate in self.candidates if candidate.picked)

    @property
    def left_out(self) -> dict[str, str]:
        """The other candidates, and why."""
        return {candidate.symbol: candidate.reason for candidate in self.candidates if not candidate.picked}


def read_universe(lake: Lake, day: date) -> Universe | None:
    """The universe that was picked for a day; None where none was.

    Raises:
        StorageError: the document is damaged.
    """
    if not lake.has(ASSET, ALL, day, "json"):
        return None
    return lake.read_model(ASSET, ALL, day, Universe)


def choose(
    day: date,
    begins: Mapping[str, date | None],
    candles: Callable[[str, date, date], pl.DataFrame],
    rules: UniverseSettings,
    min_age_days: int,
    faults: Mapping[str, str] | None = None,
) -> Universe:
    """Judge the candidates of `day` by the `rules.days` days that end with it.

    Args:
        begins: of each candidate that is listed on `day`, the day of its first candle; one after `day` is not known
            yet, and is none.
        candles: of a symbol, the candles of the days [first, last] that are there, with `COLUMNS`; what lies outside
            is not looked at. Asked for one symbol after the other, so that one window lies in memory.
        min_age_days: of history that a Brain's window needs.
        faults: why a candidate cannot be judged at all, in words.
    """
    first = days_until(day, rules.days)[0]
    figures = [measure(symbol, candles(symbol, first, day), first, day, start) for symbol, start in begins.items()]
    return pick(day, figures, rules, min_age_days, faults or {})


def measure(symbol: str, candles: pl.DataFrame, first: date, last: date, begins: date | None) -> Figures:
    """The figures of one candidate over the days [first, last].

    A missing minute stays missing: EDGE is told by the grid which bars are neighbours. Where the source tells no quote
    volume, a bar's is its volume at the mean of its four prices.

    Args:
        candles: with `COLUMNS`; rows outside the days are left out.
        begins: the day of the first candle, None where there is none.
    """
    known = begins is not None and begins <= last
    start = pl.lit(first).cast(pl.Datetime("us", "UTC"))
    inside = candles.filter((pl.col("ts") >= start) & (pl.col("ts").dt.date() <= last))
    if not known or inside.is_empty():
        age = (last - begins).days if known and begins is not None else None
        return Figures(symbol, age, 0, 0.0, None, None)
    grid = MinuteGrid.from_candles(_with_optional(inside), first, last)
    traded = np.where(np.isnan(grid.quote_volume), grid.volume * _mean_price(grid), grid.quote_volume)
    present = grid.present.reshape(-1, MINUTES_PER_DAY)
    has_candle = present.any(axis=1)
    daily = np.nansum(traded.reshape(-1, MINUTES_PER_DAY), axis=1)[has_candle]
    return Figures(
        symbol=symbol,
        age_days=(last - begins).days if begins is not None else None,
        days=int(has_candle.sum()),
        completeness=float(present.mean()),
        quote_volume=float(np.median(daily)),
        spread_bps=_median_spread_bps(grid),
    )


def pick(
    day: date, figures: Sequence[Figures], rules: UniverseSettings, min_age_days: int, known_faults: Mapping[str, str]
) -> Universe:
    """Rank the eligible and pick the first `rules.size`; fewer where fewer are eligible."""
    faults = {one.symbol: known_faults.get(one.symbol) or _fault(one, rules, min_age_days) for one in figures}
    eligible = sorted((one for one in figures if faults[one.symbol] is None), key=_order)
    lines = []
    for rank, one in enumerate(eligible, start=1):
        picked = rank <= rules.size
        reason = "picked" if picked else f"rank {rank} of {len(eligible)} eligible, {rules.size} are picked"
        lines.append(_line(one, rank, picked, reason))
    excluded = sorted((one for one in figures if faults[one.symbol] is not None), key=lambda one: one.symbol)
    lines += [_line(one, None, False, faults[one.symbol] or "") for one in excluded]
    return Universe(day=day, window_days=rules.days, candidates=tuple(lines))


def _order(one: Figures) -> tuple[float, float, float, int, str]:
    assert one.quote_volume is not None
    assert one.spread_bps is not None
    assert one.age_days is not None
    return -one.quote_volume, one.spread_bps, -one.completeness, -one.age_days, one.symbol


def _fault(one: Figures, rules: UniverseSettings, min_age_days: int) -> str | None:
    """Why a candidate is not eligible; None where it is."""
    if one.age_days is None:
        return "no candle is known yet"
    if one.age_days < min_age_days:
        return f"{one.age_days} days old, a Brain needs {min_age_days}"
    if one.completeness < rules.min_completeness:
        return f"{one.completeness:.1%} of the minutes are there, at least {rules.min_completeness:.1%} must be"
    if one.spread_bps is None:
        return "it moves too little for a spread to be estimated"
    if one.spread_bps > rules.max_spread_bps:
        return f"a spread of {one.spread_bps:.1f} bps, at most {rules.max_spread_bps:g} may be paid"
    return None


def _line(one: Figures, rank: int | None, picked: bool, reason: str) -> Candidate:
    return Candidate(
        symbol=one.symbol,
        rank=rank,
        picked=picked,
        reason=reason,
        quote_volume=one.quote_volume,
        spread_bps=one.spread_bps,
        age_days=one.age_days,
        completeness=one.completeness,
    )


def _median_spread_bps(grid: MinuteGrid) -> float | None:
    """The median of the days' signed EDGE (Ardia, Guidotti, Kroencke 2024), a negative one as 0; None without any.

    Signed, since a positive part of each day would make noise a spread; the median, since one wild day tells nothing
    of the others.
    """
    from bidask import edge

    prices = (grid.open, grid.high, grid.low, grid.close)
    days = zip(*(price.reshape(-1, MINUTES_PER_DAY) for price in prices), strict=True)
    estimates = np.array([edge(*day, sign=True) for day in days if not np.isnan(day[3]).all()])
    estimates = estimates[np.isfinite(estimates)]
    return max(0.0, BPS * float(np.median(estimates))) if estimates.size else None


def _mean_price(grid: MinuteGrid) -> Floats:
    return (grid.open + grid.high + grid.low + grid.close) / 4.0


def _with_optional(candles: pl.DataFrame) -> pl.DataFrame:
    """The grid's columns; what the figures do not need is null."""
    return candles.with_columns(pl.lit(None, pl.Float64).alias(name) for name in ("trades", "taker_buy_volume"))
