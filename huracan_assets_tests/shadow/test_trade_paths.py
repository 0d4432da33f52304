"""The figures of a trade's path against a slow reader of the same minutes, and what may not be read at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from huracan_assets.decision.ensemble import SOURCES
from huracan_assets.shadow.trade_paths import AFTER, trade_facts
from huracan_assets_tests.shadow.recorded_market import SETTINGS, Night, night

WATCHED = SETTINGS.analysts.post_exit_minutes


def facts_of(found: Night) -> pl.DataFrame:
    return trade_facts(found.ledger, found.grid, found.entries.unknown, found.sigma, found.regimes, SETTINGS.analysts)


def row_of(found: Night, moment: Any) -> int:
    start = found.grid.start.astype("datetime64[m]")
    return int((np.datetime64(moment.replace(tzinfo=None), "m") - start).astype(int))


def slow_after(found: Night, trade: dict[str, Any]) -> dict[str, float] | None:
    grid, side, price = found.grid, trade["side"], trade["exit_price"]
    begin = row_of(found, trade["exit_at"])
    if begin + WATCHED > len(grid):
        return None
    moves = [
        (side * (grid.high[j] / price - 1) * 1e4, side * (grid.low[j] / price - 1) * 1e4)
        for j in range(begin, begin + WATCHED)
    ]
    best, worst = [max(pair) for pair in moves], [min(pair) for pair in moves]
    worth, first = SETTINGS.analysts.gain_costs * trade["cost_bps"], 0.0
    for up, down in zip(best, worst, strict=True):
        if first == 0.0 and (up >= worth or down <= -worth):
            first = -1.0 if down <= -worth else 1.0
    return {
        "after_best_bps": max(best),
        "after_best_minutes": best.index(max(best)) + 1,
        "after_worst_bps": min(worst),
        "after_worst_minutes": worst.index(min(worst)) + 1,
        "after_end_bps": side * (grid.close[begin + WATCHED - 1] / price - 1) * 1e4,
        "after_first": first,
    }


def slow_held(found: Night, trade: dict[str, Any]) -> dict[str, float]:
    grid, side = found.grid, trade["side"]
    entry, last = row_of(found, trade["entry_at"]), row_of(found, trade["exit_at"]) - 1
    prices = [trade["entry_price"], *grid.close[entry:last], trade["exit_price"]]
    steps = np.diff(np.log(prices))
    gains = [side * (price - trade["entry_price"]) for price in prices[1:]]
    sigma = float(np.sqrt(np.mean(steps**2)))
    return {
        "minutes_held": last - entry + 1,
        "path_sigma": sigma,
        "move_sigmas": side * float(steps.sum()) / (sigma * np.sqrt(len(steps))),
        "under_water": float(np.mean([gain < 0 for gain in gains])),
    }


def test_the_figures_are_a_slow_readers() -> None:
    found = night(np.random.default_rng(3))
    facts = facts_of(found)
    assert facts.height == found.ledger.height > 60
    told = 0
    for trade in facts.iter_rows(named=True):
        after = slow_after(found, trade)
        assert {name: trade[name] for name in AFTER} == (pytest.approx(after) if after else dict.fromkeys(AFTER))
        assert {name: trade[name] for name in slow_held(found, trade)} == pytest.approx(slow_held(found, trade))
        told += after is not None
    assert told > 50


def test_the_best_moment_of_a_trade_is_where_its_greatest_gain_was() -> None:
    found = night(np.random.default_rng(4))
    for trade in facts_of(found).iter_rows(named=True):
        if trade["exit_reason"] == "take_profit":
            assert trade["minutes_to_best"] == trade["minutes_held"]
        if trade["mfe_bps"] == 0.0:
            assert trade["minutes_to_best"] == 0


def test_nothing_after_the_exit_is_told_where_a_minute_is_unknown() -> None:
    rng = np.random.default_rng(5)
    unknown = np.zeros(20 * 1440, np.bool_)
    unknown[rng.choice(len(unknown), 40, replace=False)] = True
    found = night(np.random.default_rng(3), unknown=unknown)
    before = np.concatenate([[0], np.cumsum(unknown)])
    hidden = 0
    for trade in facts_of(found).iter_rows(named=True):
        begin = row_of(found, trade["exit_at"])
        end = begin + WATCHED
        crossed = end > len(unknown) or before[end] > before[begin]
        assert (trade["after_best_bps"] is None) == crossed
        assert trade["crosses_unknown"] == (before[begin] > before[row_of(found, trade["as_of"])])
        hidden += crossed
    assert hidden > 3


def test_a_regime_is_that_of_the_last_bar_known_at_the_exit() -> None:
    found = night(np.random.default_rng(6))
    for trade in facts_of(found).iter_rows(named=True):
        known = found.regimes.filter(pl.col("as_of") <= trade["exit_at"])
        assert trade["regime_at_exit"] == known["regime"][-1]


def test_the_sources_against_a_trade_are_counted_among_those_that_voted() -> None:
    found = night(np.random.default_rng(7))
    silent = found.ledger.with_columns(
        rl_agent=pl.lit(float("nan")), pattern_recognition=pl.lit(0.0), alpha_engines=-pl.col("side").cast(pl.Float64)
    )
    nobody = found.ledger.with_columns(**{source: pl.lit(0.0) for source in SOURCES})
    for ledger, expected in ((silent, None), (nobody, 0)):
        facts = trade_facts(ledger, found.grid, found.entries.unknown, found.sigma, found.regimes, SETTINGS.analysts)
        for trade in facts.iter_rows(named=True):
            votes = [trade[s] for s in SOURCES if trade[s] == trade[s] and trade[s] != 0.0]
            if expected == 0:
                assert trade["sources_against"] is None
            else:
                against = sum(vote * trade["side"] < 0 for vote in votes)
                assert trade["sources_against"] == pytest.approx(against / len(votes))
                assert trade["sources_against"] > 0.0


def test_a_gap_counts_from_the_decision_to_the_last_minute_held_and_no_further() -> None:
    found = night(np.random.default_rng(3))
    trade = facts_of(found).row(20, named=True)
    for moment, shift, crossed in (
        ("as_of", -1, False),
        ("as_of", 0, True),
        ("exit_at", -1, True),
        ("exit_at", 0, False),
    ):
        unknown = np.zeros(len(found.grid), np.bool_)
        unknown[row_of(found, trade[moment]) + shift] = True
        facts = trade_facts(found.ledger, found.grid, unknown, found.sigma, found.regimes, SETTINGS.analysts)
        assert facts["crosses_unknown"][20] == crossed
        assert (facts["after_best_bps"][20] is None) == (moment == "exit_at" and shift == 0)
