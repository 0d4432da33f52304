"""Absent minutes: unknown unless somebody accounts for them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.days import DAY, MINUTE, MINUTES_PER_DAY, midnight
from huracan_assets.guards.check_result import CheckResult
from huracan_assets.guards.completeness import absent_runs, completeness
from huracan_assets.market.minute_status import STATUS_SCHEMA
from huracan_assets_tests.guards.quiet_days import FIRST, MAX_UNKNOWN, judged, one, quiet, without


def status(*runs: tuple[int, int, str]) -> pl.DataFrame:
    rows = [
        {"begin": midnight(FIRST) + MINUTE * start, "minutes": length, "status": name} for start, length, name in runs
    ]
    return pl.DataFrame(rows, schema=STATUS_SCHEMA)


def of(absent: list[tuple[int, int]], told: pl.DataFrame | None = None) -> CheckResult:
    present = np.ones((1, MINUTES_PER_DAY), np.bool_)
    for start, length in absent:
        present[0, start : start + length] = False
    return one(completeness([FIRST], present, told, MAX_UNKNOWN))


@given(absent=st.sets(st.integers(0, 1439)))
def test_runs_are_those_of_a_brute_force_walk(absent: set[int]) -> None:
    mask = np.isin(np.arange(1440), list(absent))
    expected: list[list[int]] = []
    for minute in sorted(absent):
        if expected and sum(expected[-1]) == minute:
            expected[-1][1] += 1
        else:
            expected.append([minute, 1])
    found = absent_runs(mask)
    assert sorted(found) == [(start, length) for start, length in expected]
    assert [length for _, length in found] == sorted((length for _, length in found), reverse=True)


@pytest.mark.parametrize(("missing", "passed"), [(0, True), (144, True), (145, False)])
def test_a_day_may_lack_as_many_unknown_minutes_as_the_bound(missing: int, passed: bool) -> None:
    result = of([(600, missing)])
    assert (result.figure, result.passed, result.severity) == (missing, passed, "ERROR")
    assert bool(result.sentence) == bool(missing)
    if missing:
        assert f"{missing} of 1440 minutes are missing: {missing} unknown ({missing} from 10:00)" in result.sentence


def test_outages_and_confirmed_empty_minutes_are_told_and_not_counted() -> None:
    told = status((0, 700, "traded"), (700, 284, "outage"), (984, 16, "confirmed_empty"), (1000, 440, "traded"))
    result = of([(700, 300), (1100, 2)], told)
    assert (result.figure, result.passed) == (2.0, True)
    assert "302 of 1440 minutes are missing" in result.sentence
    assert "2 unknown (2 from 18:20), 284 outage (284 from 11:40), 16 empty (16 from 16:24)" in result.sentence


def test_a_minute_that_is_called_traded_and_is_not_there_is_unknown() -> None:
    assert of([(10, 200)], status((0, 1440, "traded"))).figure == 200


def test_a_status_of_another_day_accounts_for_nothing() -> None:
    shifted = status((0, 1440, "outage")).with_columns(pl.col("begin") + DAY)
    assert of([(0, 200)], shifted).figure == 200


def test_a_day_without_a_candle_is_quarantined() -> None:
    (report,) = judged(quiet().clear())
    assert (report.missing_minutes, report.status) == (1440, "quarantined")


def test_each_day_of_a_window_has_its_own_minutes() -> None:
    reports = judged(without(quiet(3), 1400, 200), days=3)
    assert [report.missing_minutes for report in reports] == [40, 160, 0]
    assert [report.status for report in reports] == ["imperfect", "quarantined", "trusted"]
