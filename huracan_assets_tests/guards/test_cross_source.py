"""A second view that contradicts the minutes, gravely or slightly."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from huracan_assets.days import DAY, midnight
from huracan_assets.guards.cross_source import cross_source_agreement
from huracan_assets.market.revisions import LaterAnswers, no_revisions, revisions
from huracan_assets_tests.guards.quiet_days import FIRST, GUARDS, failing, hourly_of, judged, one, quiet

NOON = midnight(FIRST) + timedelta(hours=12)


def at_noon(frame: pl.DataFrame, column: str, factor: float) -> pl.DataFrame:
    """The row of 12:00 with one value scaled."""
    return frame.with_columns(
        pl.when(pl.col("ts") == NOON).then(pl.col(column) * factor).otherwise(column).alias(column)
    )


def test_hours_that_the_minutes_make_agree_with_them() -> None:
    (report,) = judged(quiet(), hourly=hourly_of(quiet()))
    assert report.check("cross_source_agreement").figure == 0
    assert report.status == "trusted"


def test_without_a_second_view_nothing_is_judged_and_nothing_is_held_against_the_day() -> None:
    for (report,) in (judged(quiet()), judged(quiet(), hourly=hourly_of(quiet()).clear())):
        assert report.check("cross_source_agreement").judged is False
        assert report.status == "trusted"
    one_of_two = judged(quiet(2), days=2, hourly=hourly_of(quiet(2)[1440:]))
    assert [report.check("cross_source_agreement").judged for report in one_of_two] == [False, True]


def test_a_view_that_a_day_lacks_is_named_and_one_that_agrees_is_a_figure() -> None:
    both, hours, later = (FIRST + place * DAY for place in range(3))
    told = hourly_of(quiet(4)).filter(pl.col("ts").dt.date().is_in([both, hours]))
    reports = judged(quiet(4), days=4, hourly=told, later=LaterAnswers(frozenset([both, later]), no_revisions()))
    found = [report.check("cross_source_agreement") for report in reports]
    assert [result.sentence for result in found] == [
        "",
        "not asked of again",
        "no hours of the source's own",
        "no hours of the source's own; not asked of again",
    ]
    assert [result.figure for result in found] == [0.0, 0.0, 0.0, None]
    assert {report.status for report in reports} == {"trusted"}


@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_a_contradicted_price_is_grave_however_small(column: str) -> None:
    lying = at_noon(hourly_of(quiet()), column, 1 + 1e-6 if column == "high" else 1 - 1e-6)
    (report,) = judged(quiet(), hourly=lying)
    assert failing(report) == ["cross_source_agreement"]
    assert report.status == "quarantined"
    assert f"{column} at 12:00" in report.reasons[0]


@pytest.mark.parametrize(
    ("factor", "status"), [(1.0, "trusted"), (1.005, "imperfect"), (1.02, "quarantined"), (0.5, "quarantined")]
)
def test_a_volume_may_differ_by_a_rounding_and_not_by_more(factor: float, status: str) -> None:
    (report,) = judged(quiet(), hourly=at_noon(hourly_of(quiet()), "volume", factor))
    assert report.status == status


def test_a_hundredfold_volume_of_one_minute_is_found_in_its_hour() -> None:
    (report,) = judged(at_noon(quiet(), "volume", 100.0), hourly=hourly_of(quiet()))
    assert report.status == "quarantined"
    assert "volume at 12:00" in report.reasons[0]


def test_an_hour_that_the_second_view_lacks_is_grave() -> None:
    hours = hourly_of(quiet()).filter(pl.col("ts") != NOON)
    (report,) = judged(quiet(), hourly=hours)
    assert report.status == "quarantined"
    assert "against nothing" in report.reasons[0]


def test_a_revised_price_quarantines_its_day_and_a_slightly_revised_volume_is_shown() -> None:
    was = quiet(3)
    second = was[1440:2880]
    later = FIRST + DAY
    for column, factor, status in (("close", 1.001, "quarantined"), ("volume", 1.001, "imperfect")):
        first_row = pl.int_range(pl.len()) == 0
        now = second.with_columns(pl.when(first_row).then(pl.col(column) * factor).otherwise(column).alias(column))
        told = LaterAnswers(frozenset([later]), revisions(later, second, now))
        reports = judged(was, days=3, later=told)
        assert [report.status for report in reports] == ["trusted", status, "trusted"]
        assert f"{column} at 00:00" in reports[1].check("cross_source_agreement").sentence


def test_a_bar_that_appeared_later_is_grave() -> None:
    day = quiet()
    told = LaterAnswers(frozenset([FIRST]), revisions(FIRST, pl.concat([day[:100], day[101:]]), day))
    result = one(cross_source_agreement([FIRST], day, None, told, GUARDS.max_amount_difference))
    assert result.severity == "ERROR"
    assert "open at 01:40 nothing against" in result.sentence
