"""The ledger laid on its bars: every trade at its own bar, with its own side and size."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.shadow.ledger import LEDGER_SCHEMA
from huracan_assets.validation.permutation import circular_shift_test
from huracan_assets.validation.permutation_report import permutation_report
from huracan_assets_tests.shadow.trades import ledger, row

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
N = 60
# A hole in the middle: the place of a bar is not its time.
MOMENTS = [BEGIN + timedelta(minutes=15 * (bar + (40 if bar > 30 else 0))) for bar in range(N)]
AS_OF = np.array([moment.replace(tzinfo=None) for moment in MOMENTS], "datetime64[us]")


def night(seed: int) -> tuple[pl.DataFrame, NDArray[np.float64], NDArray[np.float64]]:
    """A ledger, the outcomes of every bar, and the positions by hand."""
    rng = np.random.default_rng(seed)
    net = rng.normal(0, 30, (N, 2))
    positions = np.zeros(N)
    rows: list[dict[str, Any]] = []
    for bar in sorted(rng.choice(N, rng.integers(1, 20), replace=False).tolist()):
        side, size = int(rng.choice([-1, 1])), float(rng.choice([250.0, 1000.0]))
        positions[bar] = side * size / 1000.0
        rows.append(row(MOMENTS[bar], float(net[bar, 0 if side > 0 else 1]), side=side, size_gbp=size))
    return ledger(*rows), net, positions


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000))
def test_the_report_is_the_test_of_the_positions_by_hand(seed: int) -> None:
    traded, net, positions = night(seed)
    found = permutation_report(traded, AS_OF, net, 1000.0, 5)
    expected = circular_shift_test(positions, net, 5)
    assert found.p_value == expected.p_value
    assert found.shifts == expected.shifts == N - 2 * 5 + 1
    assert found.observed_bps == pytest.approx(float(traded["pnl_gbp"].sum()) * 10.0, abs=1e-9)
    assert found.n_eff == traded.height
    assert sum(count for _, count in found.null_histogram) == found.shifts
    assert found.null_quantiles["0.50"] == pytest.approx(float(np.median(expected.null)))
    assert list(found.null_quantiles.values()) == sorted(found.null_quantiles.values())


def test_the_order_of_the_trades_does_not_matter() -> None:
    traded, net, _ = night(3)
    assert permutation_report(traded.reverse(), AS_OF, net, 1000.0, 5) == permutation_report(
        traded, AS_OF, net, 1000.0, 5
    )


def test_bars_without_an_outcome_and_the_trades_taken_there_are_left_out() -> None:
    traded, net, positions = night(4)
    traded_bars = np.flatnonzero(positions)
    bare = np.isin(np.arange(N), [0, *traded_bars[:2]])
    found = permutation_report(traded, AS_OF, np.where(bare[:, None], np.nan, net), 1000.0, 5)
    expected = circular_shift_test(positions[~bare], net[~bare], 5)
    assert (found.p_value, found.shifts, found.observed_bps) == (
        expected.p_value, expected.shifts, expected.observed_bps,
    )  # fmt: skip
    assert found.n_eff == traded.height - bare[traded_bars].sum()
    one_side = np.where(bare[:, None] & [True, False], np.nan, net)
    assert permutation_report(traded, AS_OF, one_side, 1000.0, 5) == found


def test_nothing_traded_has_no_p_value() -> None:
    found = permutation_report(pl.DataFrame(schema=LEDGER_SCHEMA), AS_OF, night(1)[1], 1000.0, 5)
    assert (found.p_value, found.observed_bps, found.n_eff) == (None, 0.0, 0.0)


@pytest.mark.parametrize("late", [timedelta(minutes=1), timedelta(days=9)])
def test_a_trade_at_no_bar_of_the_test_is_refused(late: timedelta) -> None:
    stray = ledger(row(MOMENTS[10] + late, 5.0))
    with pytest.raises(ContractError, match="out-of-sample bar"):
        permutation_report(stray, AS_OF, night(1)[1], 1000.0, 5)
