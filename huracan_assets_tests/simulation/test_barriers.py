"""The barrier kernel against a slow loop written from the rules, and against paths one can read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.simulation.barriers import REASONS, BarrierOutcomes, barrier_outcomes

NAN = float("nan")
Bar = tuple[float, float, float, float]


def first_and_end(bars: list[Bar | None], entry_from: int, horizon: int) -> tuple[int, int] | None:
    """The entry minute and the vertical barrier, where the window holds both."""
    if entry_from < 0:
        return None
    for start in range(entry_from, min(entry_from + horizon, len(bars))):
        if bars[start]:
            end = start + horizon - 1
            return (start, end) if any(bars[end:]) else None
    return None


def oracle(
    bars: list[Bar | None], entry_from: int, up: float, down: float, horizon: int, side: int
) -> tuple[Any, ...] | None:
    """(entry, exit, entry price, exit price, reason, best, worst) of one trade, read minute by minute."""
    span = first_and_end(bars, entry_from, horizon)
    if span is None or np.isnan(up) or np.isnan(down):
        return None
    start, end = span
    price = (bars[start] or (NAN,))[0]
    target, stop = price * (1.0 + side * up), price * (1.0 - side * down)
    seen = [0.0]
    for i in range(start, len(bars)):
        bar = bars[i]
        if bar is None:
            continue
        open_, high, low, close = bar if i <= end else (bar[0],) * 4
        fill, reason = None, ""
        if low <= stop if side == 1 else high >= stop:
            fill, reason = (min(open_, stop) if side == 1 else max(open_, stop)), "stop_loss"
        elif high > target if side == 1 else low < target:
            fill, reason = target, "take_profit"
        elif i >= end:
            fill, reason = close, "time"
        if reason in ("", "time") and i <= end:
            seen += [side * (high / price - 1.0), side * (low / price - 1.0)]
        if fill is not None:
            seen.append(side * (fill / price - 1.0))
            return start, i, price, fill, reason, max(seen), min(seen)
    raise AssertionError("a complete window ended without an exit")


def run(
    bars: list[Bar | None], entry_from: list[int], up: list[float], down: list[float], horizon: int
) -> BarrierOutcomes:
    table = np.array([bar if bar else (NAN,) * 4 for bar in bars], np.float64).reshape(-1, 4)
    columns = [np.ascontiguousarray(table[:, k]) for k in range(4)]
    return barrier_outcomes(
        (columns[0], columns[1], columns[2], columns[3]),
        np.isfinite(table[:, 0]),
        np.array(entry_from, np.int64),
        np.array(up),
        np.array(down),
        horizon,
    )


def one(
    bars: list[Bar | None], side: int, up: float = 0.01, down: float = 0.01, horizon: int = 3
) -> tuple[Any, ...] | None:
    found = run(bars, [0], [up], [down], horizon)
    k = 0 if side == 1 else 1
    if found.entry[0] < 0:
        return None
    return int(found.exit[0, k]), float(found.exit_price[0, k]), REASONS[found.reason[0, k]]


@st.composite
def markets(draw: st.DrawFn) -> list[Bar | None]:
    """Ticks on a coarse lattice, so that touches, exact ties, jumps and gaps are all common."""
    bars: list[Bar | None] = []
    last = 100.0
    for _ in range(draw(st.integers(1, 40))):
        jump, up, down, body = (draw(st.integers(*span)) for span in ((-2, 2), (0, 3), (0, 3), (0, 100)))
        open_ = last + 0.5 * jump
        high, low = open_ + 0.5 * up, open_ - 0.5 * down
        last = low + (high - low) * body / 100
        bars.append(None if draw(st.integers(0, 5)) == 0 else (open_, high, low, last))
    return bars


@settings(max_examples=400, deadline=None)
@given(data=st.data(), bars=markets(), horizon=st.integers(1, 12))
def test_the_kernel_is_the_slow_loop_on_every_path(data: st.DataObject, bars: list[Bar | None], horizon: int) -> None:
    width = st.sampled_from([0.005, 0.01, 0.015, 0.02, NAN])
    starts = list(range(-1, len(bars) + 1))
    ups = data.draw(st.lists(width, min_size=len(starts), max_size=len(starts)))
    downs = data.draw(st.lists(width, min_size=len(starts), max_size=len(starts)))
    found = run(bars, starts, ups, downs, horizon)
    for b, start in enumerate(starts):
        for k, side in enumerate((1, -1)):
            expected = oracle(bars, start, ups[b], downs[b], horizon, side)
            if expected is None:
                assert found.entry[b] == -1
                continue
            got = (
                found.entry[b], found.exit[b, k], found.entry_price[b], found.exit_price[b, k],
                REASONS[found.reason[b, k]], found.mfe[b, k], found.mae[b, k],
            )  # fmt: skip
            assert got == expected


QUIET: Bar = (100.0, 100.5, 99.5, 100.0)


def test_a_limit_needs_the_market_to_trade_through_it_while_a_stop_fills_at_a_touch() -> None:
    touched: Bar = (100.0, 101.0, 99.5, 100.0)
    assert one([QUIET, touched, QUIET], side=1) == (2, 100.0, "time")
    assert one([QUIET, touched, QUIET], side=-1) == (1, 101.0, "stop_loss")
    through: Bar = (100.0, 101.01, 99.5, 100.0)
    assert one([QUIET, through, QUIET], side=1) == (1, 101.0, "take_profit")


def test_a_minute_that_touches_both_barriers_takes_the_stop() -> None:
    wild: Bar = (100.0, 102.0, 98.0, 101.0)
    assert one([wild, QUIET, QUIET], side=1) == (0, 99.0, "stop_loss")
    assert one([wild, QUIET, QUIET], side=-1) == (0, 101.0, "stop_loss")


def test_a_stop_gapped_through_fills_at_the_worse_open_but_a_limit_never_better_than_its_price() -> None:
    crash: Bar = (97.0, 97.5, 96.0, 97.0)
    assert one([QUIET, crash, QUIET], side=1) == (1, 97.0, "stop_loss")
    assert one([QUIET, crash, QUIET], side=-1) == (1, 99.0, "take_profit")


def test_a_missing_vertical_minute_leaves_the_exit_to_the_next_present_open() -> None:
    later: Bar = (100.25, 105.0, 95.0, 100.0)
    assert one([QUIET, QUIET, None, None, later], side=1) == (4, 100.25, "time")
    assert one([QUIET, QUIET, None, None, (98.0, 98.0, 98.0, 98.0)], side=1) == (4, 98.0, "stop_loss")


def test_a_missing_entry_minute_moves_the_entry_within_the_horizon_only() -> None:
    found = run([None, None, QUIET, QUIET, QUIET, QUIET], [0, 1], [0.01] * 2, [0.01] * 2, 3)
    assert found.entry.tolist() == [2, 2]
    found = run([None, None, None, QUIET, QUIET, QUIET], [0, 1], [0.01] * 2, [0.01] * 2, 3)
    assert found.entry.tolist() == [-1, 3]


def test_an_early_touch_does_not_make_an_outcome_whose_horizon_leaves_the_window() -> None:
    crash: Bar = (97.0, 97.5, 96.0, 97.0)
    assert one([QUIET, crash, QUIET], side=1) is not None
    assert one([QUIET, crash], side=1) is None


@pytest.mark.parametrize("cut", [20, 35, 60])
def test_a_longer_window_never_changes_an_outcome(cut: int) -> None:
    rng = np.random.default_rng(cut)
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.004, 80)))
    bars: list[Bar | None] = [(c, c * 1.002, c * 0.998, c * 1.001) for c in closes.tolist()]
    starts = list(range(80))
    whole = run(bars, starts, [0.01] * 80, [0.01] * 80, 10)
    short = run(bars[:cut], starts, [0.01] * 80, [0.01] * 80, 10)
    kept = short.entry >= 0
    assert kept.sum() == cut - 9
    np.testing.assert_array_equal(short.exit[kept], whole.exit[kept])
    np.testing.assert_array_equal(short.exit_price[kept], whole.exit_price[kept])
