"""A long and a short from every one of 216,000 minutes, held for up to 240, against a vectorised numpy loop over lags.

One thread, in its CPU seconds. Both sides make the same columns (exit, reason, exit price, best and worst excursion) of
the same 432,000 trades, and agree on them; a sample of the trades is held, bit for bit, against a plain loop written
from the rules. The numpy loop, like ours, takes entries wherever they are. The market is synthetic: Student t(4)
returns, no minute absent, volume without end.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huracan_assets.settings import read_settings
from huracan_assets.simulation.barriers import (
    REASONS,
    SIDES,
    STOP_LOSS,
    STOPPED_FIRST,
    TAKE_PROFIT,
    TIME,
    Outcomes,
    every_trade,
)
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.fills import FILLED, Rules, rules_of
from huracan_assets.simulation.path import Path, path_of
from huracan_assets_tests.benchmarks.harness import benchmark
from huracan_assets_tests.benchmarks.one_thread import cpu_seconds
from huracan_assets_tests.simulation.random_path import student_grid
from huracan_assets_tests.simulation.slow_simulator import SlowTrade, slow_trade

MINUTES, HORIZON = 216_000, 240
NARROW, WIDE = (0.005, 0.003), (0.02, 0.015)
QUOTE = 1_250.0
SAMPLE = 997  # every so many bars
Floats = NDArray[np.float64]


@cache
def _market() -> tuple[Path, Rules]:
    simulation = read_settings("local").simulation.model_copy(update={"horizon_minutes": HORIZON})
    return path_of(student_grid(MINUTES, seed=1)), rules_of(simulation, Costs.of(simulation))


def _ours(barriers: tuple[float, float]) -> Outcomes:
    path, rules = _market()
    profit, loss = (np.full(MINUTES, width) for width in barriers)
    return every_trade(path, rules, np.arange(MINUTES), profit, loss, np.full(MINUTES, QUOTE))


def _lag_loop(barriers: tuple[float, float]) -> dict[str, NDArray[Any]]:
    """Exit, reason, exit price, mfe and mae (n, 2) of the entries at minute 1 and later that reach their horizon."""
    entry = np.arange(1, MINUTES - HORIZON + 1)
    found = {name: np.empty((len(entry), 2)) for name in ("exit_price", "mfe", "mae")}
    found |= {"exit": np.empty((len(entry), 2), np.int64), "reason": np.empty((len(entry), 2), np.int8)}
    for k, side in enumerate(SIDES):
        _lag_side(barriers, side, entry, {name: column[:, k] for name, column in found.items()})
    return found


def _lag_side(
    barriers: tuple[float, float], side: int, entry: NDArray[np.int64], found: dict[str, NDArray[Any]]
) -> None:
    """All lags of some entries, whatever they are; what has left is dropped as soon as half of them have."""
    path, _ = _market()
    price = path.open[entry]
    target, stop = price * (1.0 + side * barriers[0]), price * (1.0 - side * barriers[1])
    lower, upper = (stop, target) if side > 0 else (target, stop)
    high, low, lower, upper = price.copy(), price.copy(), lower.copy(), upper.copy()
    here, left = np.arange(len(entry)), len(entry)
    for lag in range(HORIZON):
        minute = entry[here] + lag
        top, bottom = path.high[minute], path.low[minute]
        gone = np.flatnonzero((bottom <= lower) | (top >= upper))
        if len(gone):
            out, at = here[gone], minute[gone]
            worst, best = (bottom[gone], top[gone]) if side > 0 else (top[gone], bottom[gone])
            stopped = side * worst <= side * stop[out]
            assert (stopped | (side * best > side * target[out])).all(), "a limit was touched and no more"
            gapped = side * np.minimum(side * path.open[at], side * stop[out])
            found["exit_price"][out] = np.where(stopped, gapped, side * np.maximum(side * target[out], side * worst))
            found["exit"][out], found["reason"][out] = at, np.where(stopped, STOP_LOSS, TAKE_PROFIT)
            found["mfe"][out], found["mae"][out] = high[gone], low[gone]
            lower[gone], upper[gone] = -np.inf, np.inf
            left -= len(gone)
            if 2 * left < len(here):
                stay = np.isfinite(upper)
                here, lower, upper, high, low = here[stay], lower[stay], upper[stay], high[stay], low[stay]
                top, bottom = top[stay], bottom[stay]
        np.maximum(high, top, out=high)
        np.minimum(low, bottom, out=low)
    held = np.isfinite(upper)
    here, last = here[held], entry[here[held]] + HORIZON - 1
    found["exit"][here], found["exit_price"][here], found["reason"][here] = last, path.close[last], TIME
    found["mfe"][here], found["mae"][here] = high[held], low[held]
    gross = side * (found["exit_price"] / price - 1.0)
    ups = [side * (found[name] / price - 1.0) for name in ("mfe", "mae")]
    found["mfe"][:] = np.maximum(np.maximum(0.0, np.maximum(*ups)), gross)
    found["mae"][:] = np.minimum(np.minimum(0.0, np.minimum(*ups)), gross)


@cache
def _agree(barriers: tuple[float, float]) -> None:
    """Both sides say the same, and a sample is what a plain loop says.

    Raises:
        AssertionError: they differ.
    """
    ours, theirs = _ours(barriers), _lag_loop(barriers)
    n = MINUTES - HORIZON
    assert (ours.code[:n] == FILLED).all()
    assert (ours.code[n:] != FILLED).all()
    told = ours._replace(reason=np.where(ours.reason == STOPPED_FIRST, STOP_LOSS, ours.reason))
    for name, column in theirs.items():
        np.testing.assert_array_equal(getattr(told, name)[:n], column, err_msg=name)
    path, rules = _market()
    for b in range(0, n, SAMPLE):
        for k, side in enumerate(SIDES):
            slow = slow_trade(path, rules, b, side, *barriers, QUOTE)
            assert isinstance(slow, SlowTrade)
            fast = [getattr(ours, name)[b, k] for name in ("exit", "exit_price", "mfe", "mae")]
            assert [slow.exit, slow.exit_price, slow.mfe, slow.mae] == fast
            assert slow.reason == REASONS[ours.reason[b, k]]


def _rate(barriers: tuple[float, float]) -> float:
    _agree(barriers)
    return 2 * MINUTES / cpu_seconds(lambda: _ours(barriers))


def _lag_rate(barriers: tuple[float, float]) -> float:
    _market()
    return 2 * MINUTES / cpu_seconds(lambda: _lag_loop(barriers))


@benchmark(unit="trades/s", bound=8.0, better="higher", peer=("numpy loop over lags", lambda: _lag_rate(NARROW)))
def every_possible_trade_narrow() -> float:
    """Trades a second with barriers at 0.5 % and 0.3 %: most are touched within the hour."""
    return _rate(NARROW)


@benchmark(unit="trades/s", bound=25.0, better="higher", peer=("numpy loop over lags", lambda: _lag_rate(WIDE)))
def every_possible_trade_wide() -> float:
    """Trades a second with barriers at 2 % and 1.5 %: most are held to the vertical barrier."""
    return _rate(WIDE)
