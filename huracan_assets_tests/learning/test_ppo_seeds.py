"""The spread over seeds: interquartile mean, range, and how many earn where their votes are traded."""

from __future__ import annotations

import pytest

from huracan_assets.learning.ppo_seeds import SeedReport, Spread


def test_the_interquartile_mean_leaves_the_extremes_out() -> None:
    spread = Spread.of([100.0, -900.0, 3.0, 4.0, 5.0])
    assert (spread.iqm_bps, spread.low_bps, spread.high_bps) == (4.0, -900.0, 100.0)
    assert spread.net_bps == (100.0, -900.0, 3.0, 4.0, 5.0)
    assert spread.figures() == {"seeds/iqm_bps": 4.0, "seeds/low_bps": -900.0, "seeds/high_bps": 100.0}
    assert Spread.of([2.0]).iqm_bps == 2.0
    assert Spread.of([1.0, 2.0, 6.0]).iqm_bps == 3.0


def summaries(net: dict[int, list[float]]) -> list[dict[str, float]]:
    return [
        {"fold": float(fold), "seed": float(seed), "net_bps": earned}
        for seed, figures in net.items()
        for fold, earned in enumerate(figures)
    ]


def test_segments_and_seeds_are_put_where_they_belong() -> None:
    report = SeedReport.of([8, 9, 10], summaries({9: [1.0, -4.0], 8: [2.0, 3.0], 10: [0.0, 5.0]})[::-1], 0.75)
    assert [segment.net_bps for segment in report.segments] == [(2.0, 1.0, 0.0), (3.0, -4.0, 5.0)]
    assert report.overall.net_bps == (5.0, -3.0, 5.0)
    assert report.traded.net_bps == (3.0, -4.0, 5.0)
    assert report.earning == pytest.approx(2 / 3) and report.agreement == 0.75
    lines = report.rows()
    assert [line["segment"] for line in lines] == ["0", "1", "traded", "all"]
    assert lines[1]["seed 9"] == lines[2]["lowest"] == -4.0 and lines[3]["highest"] == 5.0


def test_an_agent_that_never_trades_has_not_won() -> None:
    assert SeedReport.of([1, 2], summaries({1: [9.0, 0.0], 2: [9.0, -1.0]}), 0.0).earning == 0.0
    assert SeedReport.of([1, 2], summaries({1: [9.0, 0.0], 2: [-9.0, 1.0]}), 0.0).earning == 0.5


def test_what_is_earned_where_nothing_is_traded_does_not_count() -> None:
    lucky = summaries({1: [900.0, -1.0, -1.0], 2: [900.0, -1.0, 2.0], 3: [900.0, 1.0, -3.0]})
    report = SeedReport.of([1, 2, 3], lucky, 0.5)
    assert report.traded.net_bps == (-2.0, 1.0, -2.0) and report.earning == pytest.approx(1 / 3)
