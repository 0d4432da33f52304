"""A look-back's quality: what is in quarantine, and when a night must not go on."""

from __future__ import annotations

from datetime import date

import pytest

from huracan_assets.days import DAY, days_between
from huracan_assets.errors import ContractError
from huracan_assets.guards.data_quality import QualityReport, quality
from huracan_assets.guards.quality_window import QualityWindow
from huracan_assets.resources.lake import canonical_json
from huracan_assets.settings import read_settings
from huracan_assets.validation.stress_scenarios import ATTACKS
from huracan_assets_tests.features.random_market import candles

FIRST = date(2026, 1, 1)
SETTINGS = read_settings("local")


def report(day: date, attack: str | None = None, missing: float = 0.0) -> QualityReport:
    frame = candles(5, day, 1, missing)
    changed = frame if attack is None else ATTACKS[attack](frame)
    return quality(changed, day, SETTINGS.guards, SETTINGS.market.max_missing_minutes)


def window(*attacked: int, missing: float = 0.0) -> QualityWindow:
    days = days_between(FIRST, FIRST + 4 * DAY)
    attacks = list(ATTACKS)
    reports = tuple(
        report(day, attacks[place % len(attacks)] if place in attacked else None, missing)
        for place, day in enumerate(days)
    )
    return QualityWindow(symbol="ETH-USDT", days=reports)


def test_the_days_in_quarantine_are_named_in_order() -> None:
    assert window().quarantined == []
    assert window(3, 1).quarantined == [FIRST + DAY, FIRST + 3 * DAY]


def test_a_night_goes_on_over_old_faults_but_not_over_its_own_day() -> None:
    window(0, 3).require_trusted()
    with pytest.raises(ContractError, match=r"ETH-USDT of 2026-01-05 is in quarantine: .+\. Correct the source"):
        window(4).require_trusted()


def test_the_table_shows_the_days_that_are_not_perfect_and_why() -> None:
    assert window().rows() == []
    (row,) = window(2).rows()
    assert (row["day"], row["quarantined"]) == (FIRST + 2 * DAY, True)
    assert "bad ticks" in str(row["because"])
    gappy = window(missing=0.01).rows()
    assert len(gappy) == 5
    assert not any(row["quarantined"] for row in gappy)


def test_a_window_read_back_from_json_is_the_same() -> None:
    whole = window(0, 1, 2, 3, missing=0.01)
    assert QualityWindow.model_validate_json(canonical_json(whole)) == whole
