"""The champion's live record as an interval that means what it says."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from huracan_assets.gates.live import ONE_SIDED_95, live_evidence
from huracan_assets.shadow.forward import ForwardLedger


def forward(returns: list[float], champion: str | None = "version 1") -> ForwardLedger:
    days = [date(2026, 1, 1) + timedelta(days=ahead) for ahead in range(len(returns))]
    return ForwardLedger(
        champion=champion,
        champion_day=None if champion is None else date(2025, 12, 31),
        note="as it was",
        backtest_sharpe=2.5,
        trades=len(returns),
        daily=tuple(zip(days, returns, strict=True)),
    )


def test_the_bound_is_los_formula() -> None:
    returns = [0.01, -0.005, 0.002, 0.0, 0.007]
    found = live_evidence(forward(returns))
    daily = np.mean(returns) / np.std(returns, ddof=1)
    error = np.sqrt((1 + daily**2 / 2) / 5)
    assert found.sharpe == pytest.approx(daily * np.sqrt(365))
    assert found.sharpe_upper == pytest.approx((daily + ONE_SIDED_95 * error) * np.sqrt(365))
    assert (found.days, found.backtest_sharpe, found.champion) == (5, 2.5, "version 1")


@pytest.mark.parametrize("returns", [[], [0.01], [0.0, 0.0, 0.0], [0.01, 0.01, 0.01]])
def test_too_short_or_too_quiet_a_record_gives_no_ratio(returns: list[float]) -> None:
    found = live_evidence(forward(returns))
    assert found.sharpe is None
    assert found.sharpe_upper is None
    assert found.days == len(returns)


def test_without_a_champion_there_are_no_days() -> None:
    found = live_evidence(forward([], champion=None))
    assert (found.champion, found.days, found.note) == (None, 0, "as it was")


def test_the_interval_covers_the_true_ratio_as_often_as_it_promises() -> None:
    rng = np.random.default_rng(3)
    true = 0.1
    covered = [
        true * np.sqrt(365) <= (live_evidence(forward((true + rng.normal(0, 1, 60)).tolist())).sharpe_upper or 0.0)
        for _ in range(800)
    ]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.025)


def test_a_longer_record_narrows_the_interval() -> None:
    rng = np.random.default_rng(4)
    widths = []
    for days in (20, 200, 2000):
        found = live_evidence(forward(rng.normal(0.1, 1, days).tolist()))
        assert found.sharpe is not None
        assert found.sharpe_upper is not None
        widths.append(found.sharpe_upper - found.sharpe)
    assert widths == sorted(widths, reverse=True)
