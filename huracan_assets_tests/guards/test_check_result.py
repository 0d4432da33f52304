"""What a figure means, and what six of them make of a day."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.guards.check_result import NAMED, CheckResult, DayQuality, Severity, first_few


def result(figure: float | None, severity: Severity = "ERROR", bound: float = 1.0) -> CheckResult:
    return CheckResult("some_check", figure, "bars", bound, severity, f"{figure} found")


@pytest.mark.parametrize(
    ("figure", "judged", "passed"), [(None, False, True), (0.0, True, True), (1.0, True, True), (1.5, True, False)]
)
def test_a_check_passes_up_to_its_bound_and_without_evidence(figure: float | None, judged: bool, passed: bool) -> None:
    assert (result(figure).judged, result(figure).passed) == (judged, passed)


@given(
    checks=st.lists(st.tuples(st.sampled_from([None, 0.0, 1.0, 2.0]), st.sampled_from(["WARN", "ERROR"])), max_size=6),
    missing=st.integers(0, 3),
)
def test_one_error_is_quarantine_and_the_least_blemish_is_no_trust(
    checks: list[tuple[float | None, Severity]], missing: int
) -> None:
    results = tuple(result(figure, severity) for figure, severity in checks)
    day = DayQuality(date(2024, 1, 1), missing, results)
    above = [severity for figure, severity in checks if figure == 2.0]
    expected = "quarantined" if "ERROR" in above else "imperfect" if above or missing else "trusted"
    assert day.status == expected
    assert day.quarantined == bool(day.reasons) == ("ERROR" in above)


def test_a_sentence_names_the_first_few_findings_and_counts_the_rest() -> None:
    assert first_few(["one", "two"]) == "one, two"
    assert first_few([str(number) for number in range(NAMED + 3)]) == "0, 1, 2, 3, 4 and 3 more"
