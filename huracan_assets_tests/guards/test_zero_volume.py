"""Minutes without a trade: shown when there are many, and no market when they are most."""

from __future__ import annotations

import polars as pl
import pytest

from huracan_assets.guards.zero_volume import zero_volume_share
from huracan_assets_tests.guards.quiet_days import GUARDS, grid_of, judged, one, quiet


def idle(bars: int) -> pl.DataFrame:
    """A quiet day whose first bars have no trade."""
    volume = pl.when(pl.int_range(pl.len()) < bars).then(0.0).otherwise(pl.col("volume"))
    return quiet().with_columns(volume=volume)


@pytest.mark.parametrize(
    ("bars", "passed", "severity"),
    [(0, True, "WARN"), (72, True, "WARN"), (73, False, "WARN"), (720, False, "WARN"), (721, False, "ERROR")],
)
def test_many_are_a_warning_and_most_are_an_error(bars: int, passed: bool, severity: str) -> None:
    result = one(zero_volume_share(grid_of(idle(bars)), GUARDS.max_zero_volume_share, GUARDS.dead_market_share))
    assert (result.figure, result.passed, result.severity) == (bars / 1440, passed, severity)
    assert (f"({bars} bars without volume, 0 minutes without a bar)" in result.sentence) == bool(bars)


def test_a_minute_without_a_bar_is_one_without_a_trade_whatever_the_reason() -> None:
    result = one(zero_volume_share(grid_of(idle(100)[:719]), 0.05, 0.5))
    assert (result.figure, result.severity) == ((100 + 721) / 1440, "ERROR")
    assert "(100 bars without volume, 721 minutes without a bar)" in result.sentence


def test_a_warning_is_imperfect_and_an_error_is_quarantine() -> None:
    assert [judged(idle(bars))[0].status for bars in (10, 100, 1000)] == ["trusted", "imperfect", "quarantined"]
