"""Carry and events against what was planted: baskets of funding, a basis, forced sales, books and scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from huracan_assets.features.compute import compute_window, day_window
from huracan_assets.features.events import Events
from huracan_assets.features.window import Window
from huracan_assets_tests.features.random_market import DAY_OF_TEST, candles, funding

PLAIN = day_window(DAY_OF_TEST, candles(3, missing=0.0), None, funding())
CLOSE = PLAIN.grid.close
ROW = PLAIN.first_row + 700


def observed(values: dict[str, list[float]], every: int) -> Events:
    """One observation each `every` minutes, from the window's beginning, known at once."""
    ts = PLAIN.grid.start + np.arange(len(next(iter(values.values())))) * np.timedelta64(every, "m")
    return Events(ts, ts, {name: np.array(column) for name, column in values.items()})


def at_row(**inputs: object) -> dict[str, float]:
    window: Window = replace(PLAIN, **inputs)  # type: ignore[arg-type]
    return {name: values[ROW] for name, values in compute_window(window).items()}


def test_the_carry_of_a_day_is_its_three_fundings() -> None:
    # Rates are 1, 2, 3 ... in tenths of a basis point; eleven are known at the row.
    assert at_row()["funding_carry"] == pytest.approx(0.1 * (9 + 10 + 11))


def test_cash_and_carry_earns_the_funding_and_the_fall_of_the_basis() -> None:
    premium = np.where(np.arange(CLOSE.size) < ROW - 700, 20e-4, 5e-4)
    made = at_row(perpetual=replace(PLAIN.grid, close=CLOSE * np.exp(premium)))
    assert made["basis_bps"] == pytest.approx(5.0)
    assert made["carry_pnl"] == pytest.approx(made["funding_carry"] + 15.0)


@pytest.mark.parametrize("bought", [0.1, 0.9])
def test_heat_is_the_open_interest_that_closed_on_the_takers_side(bought: float) -> None:
    n = CLOSE.size // 5
    counts = 1e6 * np.exp(-1e-3 * np.arange(n))  # 12 thousandths an hour are closed
    grid = replace(PLAIN.grid, taker_buy_volume=bought * PLAIN.grid.volume)
    made = at_row(grid=grid, open_interest=observed({"open_interest": counts.tolist()}, 5))
    assert made["open_interest_change_60"] == pytest.approx(-120.0)
    assert made["liquidation_heat"] == pytest.approx(120.0 * (2 * bought - 1))
    grows = at_row(grid=grid, open_interest=observed({"open_interest": counts[::-1].tolist()}, 5))
    assert grows["liquidation_heat"] == 0.0


def test_a_heavy_bid_lifts_the_microprice_towards_the_ask() -> None:
    n = CLOSE.size
    book = {"bid": [99.0] * n, "ask": [101.0] * n, "bid_size": [9.0] * n, "ask_size": [1.0] * n}
    made = at_row(order_books=observed({**book, "bid_depth": [30.0] * n, "ask_depth": [10.0] * n}, 1))
    assert made["microprice_bps"] == pytest.approx(1e4 * np.log(100.8 / 100.0))
    assert made["book_imbalance"] == pytest.approx(0.5)
    late = replace(observed({**book, "bid_depth": [1.0] * n, "ask_depth": [1.0] * n}, 1))
    stopped = {name: values[: ROW - 3] for name, values in late.values.items()}
    old = at_row(order_books=Events(late.ts[: ROW - 3], late.known_at[: ROW - 3], stopped))
    assert np.isnan(old["microprice_bps"]) and np.isnan(old["book_imbalance"])


def test_sentiment_is_the_newest_score_held_within_its_range() -> None:
    assert at_row(sentiment=observed({"score": [0.3] * 100}, 60))["sentiment"] == pytest.approx(0.3)
    assert at_row(sentiment=observed({"score": [-7.0] * 100}, 60))["sentiment"] == -1.0
    assert np.isnan(at_row(sentiment=observed({"score": [0.3] * 40}, 60))["sentiment"])


def test_without_the_input_there_is_no_value() -> None:
    made = at_row(funding=None)
    names = ("funding_rate", "funding_mean", "funding_carry", "basis_bps", "carry_pnl", "open_interest_change_60")
    assert all(np.isnan(made[name]) for name in (*names, "liquidation_heat", "microprice_bps", "sentiment"))
