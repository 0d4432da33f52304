"""Exits judged by what came after, and the holding time that would have earned most."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from huracan_assets.settings import read_settings
from huracan_assets.shadow.counterfactuals import held_for
from huracan_assets.shadow.post_exit import IN_SAMPLE, VERDICTS, exit_verdicts, post_exit
from huracan_assets_tests.shadow.facts import LOSER, facts
from huracan_assets_tests.shadow.recorded_market import night

ANALYSTS = read_settings("local").analysts
PLANTED: dict[str, dict[str, Any]] = {
    "too early": {"after_first": 1.0},
    "too late": {"mfe_bps": 10.0, "gross_bps": -15.0, "cost_bps": 12.0, "after_first": -1.0},
    "well timed": {"mfe_bps": 0.0, "after_first": -1.0},
    "no matter": {"mfe_bps": 0.0, "after_first": 0.0},
    "not known": {"after_first": None},
}


def verdicts(*trades: dict[str, Any]) -> pl.DataFrame:
    return exit_verdicts(facts(*trades), ANALYSTS)


@pytest.mark.parametrize("verdict", VERDICTS)
def test_each_verdict_finds_its_planted_exit(verdict: str) -> None:
    assert verdicts(LOSER | PLANTED[verdict])["exit_verdict"].to_list() == [verdict]


def test_the_shares_are_of_all_trades_and_add_up_to_one() -> None:
    judged = verdicts(*(LOSER | change for change in PLANTED.values()), LOSER | PLANTED["too early"])
    found = post_exit(judged, {}, np.arange(6), ANALYSTS)
    assert found.shares == {name: pytest.approx(2 / 6 if name == "too early" else 1 / 6) for name in VERDICTS}
    assert (found.trades, found.note, found.best_minutes) == (6, IN_SAMPLE, None)


def test_the_best_holding_time_is_the_one_that_earned_most() -> None:
    rng = np.random.default_rng(2)
    judged = verdicts(*[LOSER] * 300)
    day = np.arange(300) // 4
    held = {minutes: pl.Series(rng.normal(mean, 5.0, 300)) for minutes, mean in ((5, 0.0), (30, 4.0), (90, 1.0))}
    found = post_exit(judged, held, day, ANALYSTS)
    assert found.best_minutes == 30
    for point in found.holding:
        values = held[point.minutes].to_numpy()
        assert point.net_bps == pytest.approx(values.mean())
        # Independent values: their standard error, within the spread of an estimate from a few projections.
        assert point.error_bps == pytest.approx(5.0 / np.sqrt(300), rel=0.8)


def test_a_holding_time_that_too_few_trades_know_is_not_told() -> None:
    judged, day = verdicts(*[LOSER] * 300), np.arange(300) // 4
    for unknown, told in ((15, True), (16, False)):
        net = pl.Series([None] * unknown + [7.0] * (300 - unknown), dtype=pl.Float64)
        (point,) = post_exit(judged, {30: net}, day, ANALYSTS).holding
        assert (point.trades, point.unknown) == (300 - unknown, unknown)
        assert (point.net_bps is None, point.low_bps is None) == (not told, not told)
        assert post_exit(judged, {30: net}, day, ANALYSTS).best_minutes == (30 if told else None)


def test_holding_times_are_compared_over_the_trades_that_all_of_them_know() -> None:
    """The longer one knows nothing of ten trades that lost: that is no merit."""
    judged, day = verdicts(*[LOSER] * 300), np.arange(300) // 4
    short = [-300.0] * 10 + [5.0] * 290
    held = {5: pl.Series(short), 90: pl.Series([None] * 10 + [4.0] * 290, dtype=pl.Float64)}
    found = post_exit(judged, held, day, ANALYSTS)
    assert [point.net_bps for point in found.holding] == [pytest.approx(np.mean(short)), 4.0]
    assert found.best_minutes == 5
    apart = {5: pl.Series([None] * 10 + [5.0] * 290, dtype=pl.Float64), 90: pl.Series([4.0] * 290 + [None] * 10)}
    assert post_exit(judged, apart, day, ANALYSTS).best_minutes is None


def test_the_gain_after_the_exit_is_of_most_trades_or_of_none() -> None:
    for unknown, told in ((1, True), (2, False)):
        judged = verdicts(*[LOSER] * (20 - unknown), *[LOSER | {"after_best_bps": None}] * unknown)
        found = post_exit(judged, {}, np.arange(20), ANALYSTS)
        assert (found.mean_further_gain_bps is not None) is told


def test_a_fixed_holding_time_is_filled_at_the_close_of_its_minute_and_pays_both_legs() -> None:
    found = night(np.random.default_rng(8))
    entries = found.entries
    taker = entries.market.conditions.taker_bps[entries.rows]
    for minutes, net in held_for(entries, (5, 240)).items():
        for trade, one_way, result in zip(found.ledger.iter_rows(named=True), taker, net, strict=True):
            start = found.grid.start.astype("datetime64[m]")
            entry = int((np.datetime64(trade["entry_at"].replace(tzinfo=None), "m") - start).astype(int))
            if entry + minutes > len(found.grid):
                assert result is None
                continue
            ratio = found.grid.close[entry + minutes - 1] / trade["entry_price"]
            expected = trade["side"] * (ratio - 1.0) * 1e4 - one_way * (1.0 + ratio)
            assert result == pytest.approx(expected, abs=1e-6)
