"""The six asset checks, executed by Dagster: an ERROR of the night's own day stops the night, a WARN is shown."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from huracan_assets.days import DAY
from huracan_assets.guards.assets import quality_checks
from huracan_assets.guards.check_result import CheckResult, DayQuality, Severity
from huracan_assets.guards.data_quality import CHECKS
from huracan_assets.guards.quality_window import QualityWindow
from huracan_assets.partitions import partition_key, symbol_days
from huracan_assets.resources.lake import Lake

NIGHT, SYMBOL = date(2024, 3, 1), "ETH-USDT"

Run = Callable[..., tuple[dict[str, dg.AssetCheckEvaluation], bool]]


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """Dagster tells every step; nobody reads it here."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def day(when: date, failing: str | None = None, severity: Severity = "ERROR") -> DayQuality:
    """A day of which at most one check fails."""
    checks = tuple(
        CheckResult(name, 3.0 if name == failing else 0.0, "bars", 1.0, severity, f"three of {name}") for name in CHECKS
    )
    return DayQuality(when, 0, checks)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Write a look-back's quality as the asset does, run the real checks, and say whether more was reached."""
    monkeypatch.setenv("HURACAN_LAKE", str(tmp_path))

    def materialise(*days: DayQuality) -> tuple[dict[str, dg.AssetCheckEvaluation], bool]:
        reached = []

        @dg.asset(name="data_quality_report", partitions_def=symbol_days)
        def report() -> None:
            Lake.open().write_document("data_quality_report", SYMBOL, NIGHT, QualityWindow(symbol=SYMBOL, days=days))

        @dg.asset(deps=[report], partitions_def=symbol_days)
        def downstream() -> None:
            reached.append(True)

        ended = dg.materialize(
            [report, downstream, quality_checks],
            partition_key=partition_key(NIGHT, SYMBOL),
            raise_on_error=False,
        )
        return {check.check_name: check for check in ended.get_asset_check_evaluations()}, bool(reached)

    return materialise


@pytest.mark.parametrize("name", CHECKS)
def test_an_error_of_the_nights_own_day_turns_its_check_red_and_stops_the_night(run: Run, name: str) -> None:
    checks, reached = run(day(NIGHT - DAY), day(NIGHT, name))
    assert {check for check, verdict in checks.items() if not verdict.passed} == {name}
    assert checks[name].severity == dg.AssetCheckSeverity.ERROR
    assert checks[name].description == f"three of {name}"
    shown = {key: value.value for key, value in checks[name].metadata.items()}
    assert (shown["figure"], shown["bound"], shown["unit"]) == (3.0, 1.0, "bars")
    assert not reached


def test_a_warning_is_shown_and_stops_nothing(
    run: Run,
) -> None:
    checks, reached = run(day(NIGHT, "zero_volume_share", "WARN"))
    assert not checks["zero_volume_share"].passed
    assert checks["zero_volume_share"].severity == dg.AssetCheckSeverity.WARN
    assert reached


def test_an_error_of_an_older_day_is_counted_and_stops_nothing(
    run: Run,
) -> None:
    checks, reached = run(day(NIGHT - 2 * DAY, "outliers"), day(NIGHT - DAY, "outliers"), day(NIGHT))
    assert all(check.passed for check in checks.values())
    assert checks["outliers"].metadata["days_of_the_look_back_that_fail"].value == 2
    assert reached
