"""The entry by a resting limit against a slow loop written from its rules, and against paths one can read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.simulation.accounts import accounts
from huracan_assets.simulation.barriers import REASONS, Outcomes, every_trade
from huracan_assets.simulation.fills import EXPIRED, FILLED, REJECTIONS, Rules
from huracan_assets.simulation.limit_price import Resting
from huracan_assets.simulation.path import path_of
from huracan_assets_tests.simulation.random_path import NAN, Bar, grid_of, lattice, student_grid
from huracan_assets_tests.simulation.slow_simulator import slow_trade
from huracan_assets_tests.simulation.test_barriers import assert_same

RULES = Rules(
    latency=1,
    horizon=3,
    participation=0.5,
    touch_fill_probability=0.0,
    fill_probability=1.0,
    minimum_notional=10.0,
    taker_fee_bps=5.0,
    maker_fee_bps=-1.0,
    seed=7,
    patience=2,
)
QUOTE = 100.0
QUIET: Bar = (100.0, 100.25, 99.75, 100.0, 1000.0)


def run(bars: list[Bar | None], rules: Rules, behind: float, widths: tuple[float, float], scale: float) -> Outcomes:
    """A long and a short at every minute and beside the path."""
    decided = np.arange(-1, len(bars) + 1)
    one = np.ones(len(decided))
    path, resting = path_of(grid_of(bars)), Resting(one * behind, one * scale)
    return every_trade(path, rules, decided, one * widths[0], one * widths[1], one * QUOTE, resting)


@settings(max_examples=150, deadline=None)
@given(
    bars=lattice(),
    horizon=st.integers(1, 30),
    latency=st.integers(0, 3),
    patience=st.integers(1, 12),
    participation=st.sampled_from([0.5, 0.02]),
    chances=st.sampled_from([(1.0, 0.0), (1.0, 0.5), (0.5, 1.0)]),
    behind=st.sampled_from([0.0, 0.125, 0.5, 1.0]),
    scale=st.sampled_from([0.0, 8.0, 2.0]),
    widths=st.sampled_from([(0.005, 0.005), (0.01, 0.02), (0.03, 0.0075), (0.05, 0.05), (NAN, 0.01)]),
)
def test_the_kernel_is_the_slow_loop_on_every_path(
    bars: list[Bar | None],
    horizon: int,
    latency: int,
    patience: int,
    participation: float,
    chances: tuple[float, float],
    behind: float,
    scale: float,
    widths: tuple[float, float],
) -> None:
    """Touches, gaps through the limit, partial fills, dust, stops in the fill's own minute, expiries, refusals."""
    rules = RULES._replace(
        horizon=horizon,
        latency=latency,
        patience=patience,
        participation=participation,
        fill_probability=chances[0],
        touch_fill_probability=chances[1],
    )
    found, path = run(bars, rules, behind, widths, scale), path_of(grid_of(bars))
    for b, at in enumerate(range(-1, len(bars) + 1)):
        for k, side in enumerate((1, -1)):
            assert_same(found, b, k, slow_trade(path, rules, at, side, *widths, QUOTE, (behind, scale)))


def test_long_paths_pass_whole_blocks_without_missing_a_touch() -> None:
    path, rules = path_of(student_grid(6_000, seed=3)), RULES._replace(horizon=240, patience=30)
    decided = np.arange(5, 6_000, 7)
    one = np.ones(len(decided))
    found = every_trade(path, rules, decided, one * 0.01, one * 0.01, one * QUOTE, Resting(one * 0.02, one * 0.0))
    assert {EXPIRED, FILLED} <= set(found.code.ravel())
    assert {REASONS[code] for code in found.reason[found.code == FILLED]} == set(REASONS)
    for b, at in enumerate(decided):
        for k, side in enumerate((1, -1)):
            slow = slow_trade(path, rules, int(at), side, 0.01, 0.01, QUOTE, (0.02, 0.0))
            assert_same(found, b, k, slow)


def one(bars: list[Bar | None], side: int = 1, behind: float = 0.5, **changes: Any) -> dict[str, Any]:
    """What became of the order that is decided at minute 1, at the known price 100."""
    rules = RULES._replace(**changes)
    found, k = run([QUIET, *bars, *[QUIET] * 8], rules, behind, (0.01, 0.01), 0.0), 0 if side == 1 else 1
    row = {name: getattr(found, name)[2, k].item() for name in Outcomes._fields}
    code = row["code"]
    return row | {"code": REJECTIONS[code] if code >= 0 else code, "reason": REASONS[row["reason"]]}


def test_it_needs_the_market_to_trade_through_it_and_waits_for_its_latency() -> None:
    touched: Bar = (100.0, 100.5, 99.5, 100.0, 1000.0)
    through: Bar = (100.0, 100.5, 99.25, 100.0, 1000.0)
    assert one([QUIET, touched])["code"] == "expired"
    assert one([QUIET, touched], touch_fill_probability=1.0)["code"] == FILLED
    filled = one([QUIET, through])
    assert (filled["code"], filled["entry"], filled["entry_price"]) == (FILLED, 2, 99.5)
    assert one([through, QUIET])["code"] == "expired"  # the minute of the latency fills nothing
    assert one([QUIET, QUIET, QUIET, through])["code"] == "expired"  # and so does one after the patience
    assert one([QUIET, QUIET, QUIET, through], patience=3)["entry"] == 4


def test_what_expired_rested_until_its_patience_ended_and_brought_nothing() -> None:
    found = one([QUIET, QUIET])
    assert [found[name] for name in ("code", "entry", "exit", "filled")] == ["expired", 2, 3, 0.0]
    assert found["entry_price"] == found["exit_price"] == 99.5


def test_a_limit_that_would_take_is_priced_anew_behind_the_open() -> None:
    fallen: Bar = (99.0, 99.25, 98.75, 99.0, 1000.0)
    lower: Bar = (98.75, 99.0, 98.25, 98.75, 1000.0)
    assert one([QUIET, fallen, QUIET])["code"] == "expired"
    assert one([QUIET, fallen, lower])["entry_price"] == 98.5
    risen: Bar = (101.0, 101.75, 101.0, 101.5, 1000.0)
    assert one([QUIET, risen], side=-1)["entry_price"] == 101.5
    assert one([QUIET, risen, QUIET], side=1)["code"] == "expired"  # and not where the market has run away


def test_a_gap_through_the_limit_fills_at_the_nearest_price_traded() -> None:
    gap: Bar = (99.25, 99.25, 98.75, 99.0, 1000.0)
    found = one([QUIET, QUIET, gap])
    assert (found["entry"], found["entry_price"]) == (3, 99.25)


def test_in_the_fills_own_minute_the_stop_counts_and_the_take_profit_does_not() -> None:
    wild: Bar = (100.0, 102.0, 99.25, 100.25, 1000.0)
    found = one([QUIET, wild])
    assert (found["reason"], found["exit"]) == ("time", 4)
    assert found["mfe"] == pytest.approx(100.25 / 99.5 - 1.0)  # of a later minute: the high may lie before the fill
    crash: Bar = (100.0, 102.0, 98.0, 102.0, 1000.0)
    stopped = one([QUIET, crash])
    assert (stopped["reason"], stopped["exit"], stopped["exit_price"]) == ("stop_loss", 2, 99.5 * 0.99)


def test_parts_are_kept_and_the_rest_is_cancelled_by_the_patience_or_by_a_barrier() -> None:
    thin: Bar = (100.0, 100.0, 99.25, 99.5, 100.0 / 99.5 * 0.8)  # half of it is 40 % of the order
    assert one([QUIET, thin, thin])["filled"] == pytest.approx(0.8)
    assert one([QUIET, thin, thin, thin], patience=3)["filled"] == 1.0
    rising: Bar = (100.0, 101.0, 100.0, 101.0, 1000.0)
    found = one([QUIET, thin, rising, thin], patience=5)
    assert found["filled"] == pytest.approx(0.4)
    assert (found["reason"], found["exit"]) == ("take_profit", 3)
    dust: Bar = (100.0, 100.0, 99.25, 99.5, 0.05)
    assert one([QUIET, dust, QUIET])["code"] == "expired"


def test_the_horizon_starts_at_the_first_fill() -> None:
    through: Bar = (100.0, 100.5, 99.25, 100.0, 1000.0)
    found = one([QUIET, QUIET, QUIET, QUIET, through], patience=6)
    assert (found["entry"], found["exit"]) == (5, 7)


def test_a_window_that_ends_before_the_latest_barrier_tells_of_no_order_whatever_became_of_it() -> None:
    through: Bar = (100.0, 100.5, 99.25, 100.0, 1000.0)
    for second in (through, QUIET):
        bars: list[Bar | None] = [QUIET, QUIET, second, QUIET, QUIET, QUIET]
        whole, short = (run(some, RULES, 0.5, (0.01, 0.01), 0.0) for some in (bars, bars[:-1]))
        assert whole.code[2, 0] in (FILLED, EXPIRED)
        assert short.code[2, 0] == -2


def test_the_maker_pays_or_earns_his_fee_and_neither_spread_nor_impact_on_the_way_in() -> None:
    through: Bar = (100.0, 100.5, 99.25, 100.0, 1000.0)
    bars: list[Bar | None] = [QUIET, QUIET, through, *[QUIET] * 8]
    path, decided, width = path_of(grid_of(bars)), np.array([1]), np.array([0.01])
    found = every_trade(path, RULES, decided, width, width, np.array([QUOTE]), Resting(np.array([0.5]), np.zeros(1)))
    made = accounts(path, RULES, found, decided, np.array([1.5]), np.array([0.7]))
    ratio = found.exit_price[0, 0] / 99.5
    assert REASONS[found.reason[0, 0]] == "time"
    assert made.fee[0, 0] == pytest.approx(-1.0 + 5.0 * ratio)
    assert made.half_spread[0, 0] == pytest.approx(1.5 * ratio)
    assert made.impact[0, 0] == pytest.approx(0.7 * ratio)
    assert made.slippage[0, 0] == pytest.approx(-50.0)
