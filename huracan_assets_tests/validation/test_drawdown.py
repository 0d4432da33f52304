"""A drawdown is seen trade by trade, and while a trade is open, whatever the day brought in the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.shadow.ledger import LEDGER_SCHEMA
from huracan_assets.validation.drawdown import trade_drawdown
from huracan_assets_tests.shadow.trades import ledger, row

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
COST = 12.0  # of `row`
nets = st.floats(-500.0, 500.0).map(lambda value: round(value, 2))
# What a trade brought, how much farther its price was against it than it was in the end, and its size.
trades = st.lists(st.tuples(nets, st.floats(0.0, 300.0), st.sampled_from([100.0, 500.0, 1000.0])), max_size=12)


def path(*of: tuple[float, float, float]) -> pl.DataFrame:
    """One trade an hour."""
    rows = []
    for hour, (net, against, size) in enumerate(of):
        mae = min(net + COST, 0.0) - against
        rows.append(row(BEGIN + timedelta(hours=hour), net, size_gbp=size, mae_bps=mae))
    return ledger(*rows)


def test_what_a_day_won_back_was_lost_before() -> None:
    found = trade_drawdown(path((-3000.0, 0.0, 1000.0), (3000.0, 0.0, 1000.0)), 1000.0)
    assert found == pytest.approx((3000.0 + COST) / 1e4)  # the second pays before it gains


def test_a_trade_that_ends_well_was_under_water_by_its_excursion_and_its_costs() -> None:
    found = trade_drawdown(path((40.0, 0.0, 1000.0), (50.0, 200.0, 500.0)), 1000.0)
    assert found == pytest.approx((200.0 + COST) / 1e4 / 2)


def test_without_a_trade_nothing_is_lost() -> None:
    assert trade_drawdown(pl.DataFrame(schema=LEDGER_SCHEMA), 1000.0) == 0.0


def by_hand(of: pl.DataFrame, position: float) -> float:
    """Over all pairs of an exit, or the start, and a later trade: at its worst moment, and at its end."""
    equity, deepest = [0.0], 0.0
    for one in of.iter_rows(named=True):
        worst = equity[-1] + one["size_gbp"] * (one["mae_bps"] - one["cost_bps"] - one["funding_bps"]) / 1e4 / position
        after = equity[-1] + one["pnl_gbp"] / position
        deepest = max(deepest, *(peak - low for peak in equity for low in (worst, after)))
        equity.append(after)
    return deepest


@given(trades)
def test_it_is_the_deepest_fall_over_all_pairs_of_moments(of: list[tuple[float, float, float]]) -> None:
    assert trade_drawdown(path(*of), 1000.0) == pytest.approx(by_hand(path(*of), 1000.0), abs=1e-12)
