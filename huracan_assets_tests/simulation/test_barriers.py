"""The barrier kernel against a slow loop written from the rules, and against paths one can read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.simulation.barriers import REASONS, STOPPED_FIRST, Outcomes, every_trade
from huracan_assets.simulation.fills import FILLED, INCOMPLETE, REJECTIONS, Rules
from huracan_assets.simulation.path import path_of
from huracan_assets.simulation.trade_market import double_touches
from huracan_assets_tests.simulation.random_path import NAN, Bar, grid_of, lattice, student_grid
from huracan_assets_tests.simulation.slow_simulator import SlowTrade, slow_trade

RULES = Rules(
    latency=0,
    horizon=3,
    participation=0.5,
    touch_fill_probability=0.0,
    fill_probability=1.0,
    minimum_notional=10.0,
    taker_fee_bps=5.0,
    maker_fee_bps=2.0,
    seed=7,
)
QUOTE = 100.0  # a unit of the lattice's coin


def run(bars: list[Bar | None], decided: list[int], up: list[float], down: list[float], rules: Rules) -> Outcomes:
    quote = np.full(len(decided), QUOTE)
    return every_trade(path_of(grid_of(bars)), rules, np.array(decided), np.array(up), np.array(down), quote)


def assert_same(found: Outcomes, b: int, k: int, slow: SlowTrade | str | None) -> None:
    """The kernel's trade is the slow loop's, to the bit."""
    if not isinstance(slow, SlowTrade):
        assert found.code[b, k] == (INCOMPLETE if slow is None else REJECTIONS.index(slow))
        return
    assert found.code[b, k] == FILLED
    got = [getattr(found, name)[b, k] for name in Outcomes._fields if name not in ("code", "reason")]
    assert REASONS[found.reason[b, k]] == slow.reason
    assert (found.reason[b, k] == STOPPED_FIRST) == slow.double
    assert got == [
        slow.entry,
        slow.exit,
        slow.filled,
        slow.entry_price,
        slow.exit_price,
        slow.maker_part,
        slow.mfe,
        slow.mae,
    ]


@settings(max_examples=120, deadline=None)
@given(
    data=st.data(),
    bars=lattice(),
    horizon=st.integers(1, 40),
    latency=st.integers(0, 3),
    participation=st.sampled_from([0.5, 0.02]),
    chances=st.sampled_from([(1.0, 0.0), (1.0, 0.5), (0.5, 1.0)]),
)
def test_the_kernel_is_the_slow_loop_on_every_path(
    data: st.DataObject,
    bars: list[Bar | None],
    horizon: int,
    latency: int,
    participation: float,
    chances: tuple[float, float],
) -> None:
    """Gaps, ties, jumps, thin and empty minutes, double touches, vertical barriers, partial fills, refusals."""
    rules = RULES._replace(
        horizon=horizon,
        latency=latency,
        participation=participation,
        fill_probability=chances[0],
        touch_fill_probability=chances[1],
    )
    width = st.sampled_from([0.005, 0.01, 0.015, 0.02, 0.05, NAN])
    decided = list(range(-1, len(bars) + 1))
    ups = data.draw(st.lists(width, min_size=len(decided), max_size=len(decided)))
    downs = data.draw(st.lists(width, min_size=len(decided), max_size=len(decided)))
    found, path = run(bars, decided, ups, downs, rules), path_of(grid_of(bars))
    for b, at in enumerate(decided):
        for k, side in enumerate((1, -1)):
            assert_same(found, b, k, slow_trade(path, rules, at, side, ups[b], downs[b], QUOTE))


@pytest.mark.parametrize("width", [0.003, 0.02])
def test_long_paths_pass_whole_blocks_without_missing_a_touch(width: float) -> None:
    path, rules = path_of(student_grid(6_000, seed=3)), RULES._replace(horizon=240, latency=1)
    decided = np.arange(0, 6_000, 7)
    bound, quote = np.full(len(decided), width), np.full(len(decided), QUOTE)
    found = every_trade(path, rules, decided, bound, bound, quote)
    assert len({REASONS[code] for code in found.reason[found.code == FILLED]}) >= 2
    for b, at in enumerate(decided):
        for k, side in enumerate((1, -1)):
            assert_same(found, b, k, slow_trade(path, rules, int(at), side, width, width, QUOTE))


QUIET: Bar = (100.0, 100.5, 99.5, 100.0, 1000.0)


def one(bars: list[Bar | None], side: int, up: float = 0.01, **changes: Any) -> tuple[int, float, str] | None:
    found, k = run(bars, [0], [up], [0.01], RULES._replace(**changes)), 0 if side == 1 else 1
    if found.code[0, k] != FILLED:
        return None
    return int(found.exit[0, k]), float(found.exit_price[0, k]), REASONS[found.reason[0, k]]


def test_a_limit_needs_the_market_to_trade_through_it_while_a_stop_fills_at_a_touch() -> None:
    touched: Bar = (100.0, 101.0, 99.5, 100.0, 1000.0)
    assert one([QUIET, touched, QUIET], side=1) == (2, 100.0, "time")
    assert one([QUIET, touched, QUIET], side=-1) == (1, 101.0, "stop_loss")
    through: Bar = (100.0, 101.01, 99.5, 100.0, 1000.0)
    assert one([QUIET, through, QUIET], side=1) == (1, 101.0, "take_profit")
    assert one([QUIET, touched, QUIET], side=1, touch_fill_probability=1.0) == (1, 101.0, "take_profit")


def test_a_minute_that_touches_both_barriers_takes_the_stop() -> None:
    wild: Bar = (100.0, 102.0, 98.0, 101.0, 1000.0)
    assert one([wild, QUIET, QUIET], side=1) == (0, 99.0, "stop_loss")
    assert one([wild, QUIET, QUIET], side=-1) == (0, 101.0, "stop_loss")


def test_double_touches_are_counted_and_neither_single_ones_nor_those_that_never_traded() -> None:
    wild: Bar = (100.0, 102.0, 98.0, 101.0, 1000.0)
    exact: Bar = (100.0, 101.0, 99.0, 100.0, 1000.0)
    fall: Bar = (100.0, 100.5, 98.0, 99.0, 1000.0)
    dry: Bar = (100.0, 102.0, 98.0, 101.0, 0.0)
    for first, count in ((wild, 2), (exact, 2), (fall, 0), (QUIET, 0), (dry, 0)):
        assert double_touches(run([first, QUIET, QUIET], [0], [0.01], [0.01], RULES)) == count


def test_a_stop_gapped_through_fills_at_the_worse_open_and_a_limit_at_the_worst_price_traded() -> None:
    crash: Bar = (97.0, 97.5, 96.0, 97.0, 1000.0)
    assert one([QUIET, crash, QUIET], side=1) == (1, 97.0, "stop_loss")
    assert one([QUIET, crash, QUIET], side=-1) == (1, 97.5, "take_profit")


def test_a_missing_vertical_minute_leaves_the_exit_to_the_next_present_open() -> None:
    later: Bar = (100.25, 105.0, 95.0, 100.0, 1000.0)
    assert one([QUIET, QUIET, None, None, later], side=1) == (4, 100.25, "time")
    assert one([QUIET, QUIET, None, None, (98.0, 98.0, 98.0, 98.0, 9.0)], side=1) == (4, 98.0, "stop_loss")


def test_a_missing_entry_minute_moves_the_entry_within_the_horizon_only() -> None:
    found = run([None, None, QUIET, QUIET, QUIET, QUIET], [0, 1], [0.01] * 2, [0.01] * 2, RULES)
    assert found.entry[:, 0].tolist() == [2, 2]
    found = run([None, None, None, QUIET, QUIET, QUIET], [0, 1], [0.01] * 2, [0.01] * 2, RULES)
    assert found.entry[:, 0].tolist() == [-1, 3]
    assert REJECTIONS[found.code[0, 0]] == "outage"


def test_an_early_touch_does_not_make_an_outcome_whose_horizon_leaves_the_window() -> None:
    crash: Bar = (97.0, 97.5, 96.0, 97.0, 1000.0)
    assert one([QUIET, crash, QUIET], side=1) is not None
    assert one([QUIET, crash], side=1) is None


def test_a_thin_minute_fills_a_part_of_the_entry_and_an_exit_goes_on_until_all_is_sold() -> None:
    thin: Bar = (100.0, 100.5, 99.5, 100.0, 0.8)  # half of it is 40 % of the order
    found = run([thin, QUIET, QUIET], [0], [0.01], [0.01], RULES)
    assert found.filled[0].tolist() == [0.4, 0.4]
    last: Bar = (100.0, 100.5, 99.5, 100.0, 0.5)  # takes a quarter of the position
    after: Bar = (99.75, 100.0, 99.75, 100.0, 1000.0)
    assert one([QUIET, QUIET, last, after], side=1) == (3, 0.25 * 100.0 + 0.75 * 99.75, "time")
    assert one([QUIET, QUIET, last], side=1) is None


@pytest.mark.parametrize("cut", [20, 35, 60])
def test_a_longer_window_never_changes_an_outcome(cut: int) -> None:
    rng = np.random.default_rng(cut)
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.004, 80)))
    bars: list[Bar | None] = [(c, c * 1.002, c * 0.998, c * 1.001, 1000.0) for c in closes.tolist()]
    starts, rules = list(range(80)), RULES._replace(horizon=10)
    whole = run(bars, starts, [0.01] * 80, [0.01] * 80, rules)
    short = run(bars[:cut], starts, [0.01] * 80, [0.01] * 80, rules)
    kept = short.code == FILLED
    assert kept.sum() == 2 * (cut - 9)
    np.testing.assert_array_equal(short.exit[kept], whole.exit[kept])
    np.testing.assert_array_equal(short.exit_price[kept], whole.exit_price[kept])
