"""Check `cross_source_agreement`: the minutes against the source's own hours, and against what it says later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from huracan_assets.guards.check_result import CheckResult, Severity, first_few
from huracan_assets.market.contract import PRICES
from huracan_assets.market.reaggregation import DISAGREEMENT_SCHEMA, disagreements
from huracan_assets.market.revisions import LaterAnswers

NAME = "cross_source_agreement"
COLUMNS = tuple(DISAGREEMENT_SCHEMA)
NO_HOURS, NOT_ASKED = "no hours of the source's own", "not asked of again"


def cross_source_agreement(
    days: Sequence[date],
    candles: pl.DataFrame,
    hourly: pl.DataFrame | None,
    later: LaterAnswers | None,
    max_amount_difference: float,
) -> list[CheckResult]:
    """Values of each day that a second view contradicts: the hourly candles, or a later fetch of the same minute.

    A price that differs is an ERROR, and so is an amount that differs by more than `max_amount_difference` (a
    share of the larger) or is there in one view alone; a smaller difference is a WARN. A day without an hourly
    candle that was not asked of again is not judged; a view that a day lacks is named, so that none is said to agree.

    Args:
        candles: the days' rows, sorted by `ts`.
        hourly: the source's own hourly candles of these days.
        later: what the source told of these days when it was asked again.
    """
    found = [pl.DataFrame(schema=DISAGREEMENT_SCHEMA)]
    told: set[date] = set()
    if hourly is not None and hourly.height:
        told = set(hourly["ts"].dt.date().unique())
        found.append(disagreements(candles, hourly).select(COLUMNS))
    if later is not None:
        found.append(later.revised.select(COLUMNS))
    asked = later.asked if later is not None else frozenset[date]()
    rows = pl.concat(found).with_columns(grave=_is_grave(max_amount_difference), day=pl.col("ts").dt.date())
    by_day = rows.partition_by("day", as_dict=True, include_key=False)
    nothing = rows.clear()
    views = {NO_HOURS: told, NOT_ASKED: asked}
    lacking = {day: [view for view, has in views.items() if day not in has] for day in days}
    return [_result(by_day.get((day,), nothing), lacking[day]) for day in days]


def _is_grave(max_amount_difference: float) -> pl.Expr:
    size = pl.max_horizontal(pl.col("was").abs(), pl.col("is").abs())
    differs = (pl.col("was") - pl.col("is")).abs() > max_amount_difference * size
    return pl.col("column").is_in(PRICES) | differs.fill_null(True)


def _result(rows: pl.DataFrame, lacking: list[str]) -> CheckResult:
    """Of one day; `lacking` are the views that nobody had of it."""
    severity: Severity = "ERROR" if rows.is_empty() or rows["grave"].any() else "WARN"
    if rows.is_empty() and lacking:
        figure = None if lacking == [NO_HOURS, NOT_ASKED] else 0.0
        return CheckResult(NAME, figure, "values contradicted", 0.0, severity, "; ".join(lacking))
    named = [
        f"{column} at {ts:%H:%M} {_told(was)} against {_told(other)}"
        for ts, column, was, other in rows.sort("grave", "ts", descending=[True, False]).select(COLUMNS).iter_rows()
    ]
    sentence = f"{rows.height} values are contradicted by a second view: {first_few(named)}" if named else ""
    return CheckResult(NAME, float(rows.height), "values contradicted", 0.0, severity, sentence)


def _told(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.10g}"
