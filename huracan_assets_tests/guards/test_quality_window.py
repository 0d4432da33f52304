"""A look-back's quality: what is in quarantine, when a night must not go on, and the tables of it."""

from __future__ import annotations

import polars as pl
import pytest

from huracan_assets.days import DAY
from huracan_assets.errors import ContractError
from huracan_assets.guards.data_quality import CHECKS
from huracan_assets.guards.quality_window import QualityWindow, calendar_table, newest_day_table
from huracan_assets.resources.lake import canonical_json
from huracan_assets_tests.guards.quiet_days import FIRST, judged, quiet

DAYS = 5


def window(*broken: int, gaps: bool = False) -> QualityWindow:
    """Five days of which some lack half their minutes, and all a single one where there are gaps."""
    minute = pl.int_range(pl.len())
    half = (minute // 1440).is_in(list(broken)) & (minute % 1440 < 720)
    kept = quiet(DAYS).filter(~half & ~(pl.lit(gaps) & (minute % 1440 == 900)))
    return QualityWindow(symbol="ETH-USDT", days=tuple(judged(kept, days=DAYS)))


def test_the_days_in_quarantine_are_named_in_order() -> None:
    assert window().quarantined == []
    assert window(3, 1).quarantined == [FIRST + DAY, FIRST + 3 * DAY]


def test_a_night_goes_on_over_old_faults_but_not_over_its_own_day() -> None:
    window(0, 3).require_trusted()
    with pytest.raises(ContractError, match=r"ETH-USDT of 2024-03-04 is in quarantine: .+\. Correct the source"):
        window(4).require_trusted()


def test_the_newest_day_is_shown_check_by_check_with_figure_and_bound() -> None:
    rows = dict(zip(CHECKS, newest_day_table(window(4)), strict=True))
    assert rows["cross_source_agreement"]["check"] == "cross source agreement, values contradicted"
    assert (rows["completeness"]["figure"], rows["completeness"]["bound"]) == (720, 144)
    assert rows["completeness"]["verdict"] == "ERROR"
    assert "720 unknown" in str(rows["completeness"]["found"])
    assert rows["cross_source_agreement"]["verdict"] == "not judged"
    assert rows["staleness"]["verdict"] == "passed"


def test_the_calendar_is_days_by_checks_with_the_newest_first() -> None:
    rows = calendar_table(window(2, gaps=True))
    assert [row["day"] for row in rows] == [FIRST + place * DAY for place in (4, 3, 2, 1, 0)]
    assert [row["status"] for row in rows] == ["imperfect", "imperfect", "quarantined", "imperfect", "imperfect"]
    assert set(CHECKS) <= set(rows[0])
    assert (rows[2]["completeness"], rows[0]["completeness"]) == (721, 1)
    assert "minutes are missing" in str(rows[2]["because"])
    assert rows[0]["because"] == ""


def test_a_window_read_back_from_json_is_the_same() -> None:
    whole = window(0, 2, gaps=True)
    assert QualityWindow.model_validate_json(canonical_json(whole)) == whole
