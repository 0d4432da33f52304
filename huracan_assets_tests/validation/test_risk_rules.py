"""The limits of the book, told from trades alone: a ledger that kept them breaks none, one that did not is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.settings import DecisionSettings
from huracan_assets.shadow.ledger import LEDGER_SCHEMA, trade
from huracan_assets.validation.risk_rules import broken_rules
from huracan_assets_tests.decision.evidence import limits
from huracan_assets_tests.shadow.trades import ledger, random_night, row

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, INSTANT = timedelta(hours=1), timedelta(microseconds=1)
BOUNDS = limits(cool_down_minutes=30, max_daily_loss_bps=300.0, max_drawdown_bps=1200.0)
LAX = limits(cool_down_minutes=0, max_daily_loss_bps=1e9, max_drawdown_bps=1e9)


def broken(*of: tuple[float, float]) -> list[str]:
    """Trades of an hour each, by the hour of their decision and what they brought."""
    return broken_rules(ledger(*(row(BEGIN + HOUR * hour, net) for hour, net in of)), BOUNDS)


def test_the_trade_that_reaches_a_limit_may_overshoot_it_and_the_next_one_may_not_be() -> None:
    day = "an entry after the day's loss"
    assert broken((0, -2000.0)) == []
    assert broken((0, -299.0), (2, -2000.0)) == []
    assert broken((0, -2000.0), (2, 50.0)) == [day, "an entry after the drawdown"]
    assert broken((0, -301.0), (2, 50.0)) == [day]
    assert broken((0, -301.0), (24, 50.0)) == []
    assert broken((0, -301.0), (24, -301.0), (48, -301.0), (72, -301.0), (96, 5.0)) == ["an entry after the drawdown"]


def test_a_loss_until_midnight_is_that_of_the_day_which_ends() -> None:
    assert broken((23, -400.0), (24.75, 50.0)) == []
    assert broken((23.25, -400.0), (24.75, 50.0)) == ["an entry after the day's loss"]


def test_losses_are_money_of_the_whole_position() -> None:
    half = row(BEGIN, -500.0, size_gbp=500.0)
    assert broken_rules(ledger(half, row(BEGIN + 2 * HOUR, 5.0)), BOUNDS) == []


def test_after_a_loss_the_book_cools_down_and_after_a_gain_it_does_not() -> None:
    assert broken((0, -5.0), (1.25, 5.0)) == ["an entry within the cool-down"]
    assert broken((0, -5.0), (1.5, 5.0)) == broken((0, 5.0), (1.0, 5.0)) == []


def test_two_positions_at_once_and_one_too_large_are_named() -> None:
    assert broken((0, 5.0), (0.75, 5.0)) == ["two positions at once"]
    assert broken_rules(ledger(row(BEGIN, 5.0, size_gbp=1000.1)), BOUNDS) == ["a position too large"]


def test_no_trade_breaks_nothing() -> None:
    assert broken_rules(pl.DataFrame(schema=LEDGER_SCHEMA), BOUNDS) == []


def by_hand(of: pl.DataFrame, bounds: DecisionSettings) -> set[str]:
    found: set[str] = set()
    done: list[dict[str, Any]] = []
    for one in of.iter_rows(named=True):
        money = [1e4 * t["pnl_gbp"] / bounds.position_gbp for t in done]
        equity = [0.0, *np.cumsum(money)]
        days = [(t["exit_at"] - INSTANT).date() for t in done]
        today = sum(bps for bps, day in zip(money, days, strict=True) if day == one["as_of"].date())
        cool = timedelta(minutes=bounds.cool_down_minutes)
        if any(t["pnl_gbp"] < 0 and one["as_of"] < t["exit_at"] + cool for t in done):
            found.add("an entry within the cool-down")
        if today <= -bounds.max_daily_loss_bps:
            found.add("an entry after the day's loss")
        if max(equity) - equity[-1] >= bounds.max_drawdown_bps:
            found.add("an entry after the drawdown")
        done.append(one)
    return found


@settings(max_examples=40)
@given(
    seed=st.integers(0, 100_000),
    cool=st.sampled_from([0, 30, 90]),
    daily=st.sampled_from([50.0, 200.0, 1e6]),
    drawdown=st.sampled_from([100.0, 500.0, 1e6]),
)
def test_a_book_within_its_limits_breaks_none_and_one_without_breaks_those_that_a_loop_finds(
    seed: int, cool: int, daily: float, drawdown: float
) -> None:
    bounds = limits(cool_down_minutes=cool, max_daily_loss_bps=daily, max_drawdown_bps=drawdown)
    decisions, market = random_night(np.random.default_rng(seed), 200)
    assert broken_rules(trade("ETH-USDT", decisions, market, bounds).ledger, bounds) == []
    lax = trade("ETH-USDT", decisions, market, LAX).ledger
    assert set(broken_rules(lax, bounds)) == by_hand(lax, bounds)


@pytest.mark.parametrize("limit", ["cool_down_minutes", "max_daily_loss_bps", "max_drawdown_bps"])
def test_each_limit_that_is_not_held_is_found_in_some_random_night(limit: str) -> None:
    strict = limits(cool_down_minutes=30, max_daily_loss_bps=100.0, max_drawdown_bps=200.0)
    without = strict.model_copy(update={limit: getattr(LAX, limit)})
    found = [
        broken_rules(trade("ETH-USDT", *random_night(np.random.default_rng(seed), 200), without).ledger, strict)
        for seed in range(12)
    ]
    assert any(len(names) == 1 for names in found)
    assert all(len(names) <= 1 for names in found)
