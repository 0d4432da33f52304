"""One position at a time over 216,000 minutes, against vectorbt's `from_order_func` with an equal trade list.

One thread, in its CPU seconds. A signal each 15 minutes; the entry at the open a minute later, out at a stop or a
take-profit inside a minute, or after 120 minutes at the close; fees on both legs. Both make the same trades: minutes,
sides and prices are compared to the bit, fees to rounding. What vectorbt has no word for (partial fills, thin minutes,
impact, funding, the limits of a book) is ours alone, and silent here by its figures and not by other code.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import njit

from huracan_assets.settings import DecisionSettings, read_settings
from huracan_assets.shadow.sequential import Walk, walk
from huracan_assets.simulation.fills import Rules
from huracan_assets.simulation.path import Path, path_of
from huracan_assets.simulation.trade_market import Orders
from huracan_assets_tests.benchmarks.harness import benchmark
from huracan_assets_tests.benchmarks.one_thread import cpu_seconds
from huracan_assets_tests.simulation.random_path import student_grid

MINUTES, HORIZON, EVERY, LATENCY = 216_000, 120, 15, 1
PROFIT, LOSS, FEE = 0.01, 0.008, 0.0005  # further than a minute goes: vectorbt has one order a row
POSITION = 1_250.0


@cache
def _market() -> tuple[Path, Rules, Orders, DecisionSettings]:
    fee = FEE * 1e4
    rules = Rules(LATENCY, HORIZON, 1.0, 0.0, 1.0, 0.0, fee, fee, 0)
    # The last decision is one whose horizon lies inside the window: vectorbt would leave a position open.
    decided = np.arange(EVERY, MINUTES - HORIZON - LATENCY, EVERY)
    one = np.ones(len(decided))
    side = np.random.default_rng(2).choice([-1, 1], len(decided)).astype(np.int8)
    orders = Orders(decided, side, one * POSITION, one, one * PROFIT, one * LOSS, one * 0.0, one * 0.0)
    unlimited = {"cool_down_minutes": 0, "max_daily_loss_bps": 1e12, "max_drawdown_bps": 1e12}
    limits = read_settings("local").decision.model_copy(update=unlimited)
    return path_of(student_grid(MINUTES, seed=1)), rules, orders, limits


def _ours() -> Walk:
    return walk(*_market())


@cache
def _order_func() -> Any:
    """vectorbt's view of one row: enter, leave or wait."""
    from vectorbt.portfolio import nb
    from vectorbt.portfolio.enums import NoOrder

    @njit
    def order_func(c, opened, high, low, close, signal, held):  # type: ignore[no-untyped-def]
        """`held`: entry minute, side, target and stop of the open position, and when the book was last free."""
        i = c.i
        if c.position_now == 0.0:
            if i < LATENCY or signal[i - LATENCY] == 0 or i - LATENCY < held[4]:
                return NoOrder
            side, price = signal[i - LATENCY], opened[i]
            held[0], held[1] = i, side
            held[2], held[3] = price * (1.0 + side * PROFIT), price * (1.0 - side * LOSS)
            return nb.order_nb(size=side * POSITION / price, price=price, fees=FEE)
        side, target, stop = held[1], held[2], held[3]
        worst, best = (low[i], high[i]) if side > 0 else (high[i], low[i])
        if side * worst <= side * stop:
            price = min(opened[i], stop) if side > 0 else max(opened[i], stop)
        elif side * best > side * target:
            price = max(target, low[i]) if side > 0 else min(target, high[i])
        elif i == held[0] + HORIZON - 1:
            price = close[i]
        else:
            return NoOrder
        held[4] = i + 1
        return nb.order_nb(size=-c.position_now, price=price, fees=FEE)

    return order_func


def _vectorbt() -> Any:
    """The portfolio of the same orders."""
    import vectorbt as vbt

    path, _, orders, _ = _market()
    signal = np.zeros(MINUTES, np.int64)
    signal[orders.decided] = orders.side
    arguments = (path.open, path.high, path.low, path.close, signal, np.zeros(5))
    return vbt.Portfolio.from_order_func(path.close, _order_func(), *arguments, init_cash=1e12, max_orders=MINUTES // 4)


@cache
def _agree() -> None:
    """Both made the same trades.

    Raises:
        AssertionError: they did not.
    """
    found, records = _ours(), _vectorbt().order_records
    taken = found.taken
    entered, left = records[0::2], records[1::2]
    assert taken.sum() > 1_000
    for theirs, ours in (
        (entered["idx"], found.outcomes.entry),
        (left["idx"], found.outcomes.exit),
        (entered["price"], found.outcomes.entry_price),
        (left["price"], found.outcomes.exit_price),
    ):
        np.testing.assert_array_equal(theirs, ours[taken])
    np.testing.assert_array_equal(np.where(entered["side"] == 0, 1, -1), _market()[2].side[taken])
    fees = (entered["fees"] + left["fees"]) / POSITION * 1e4
    np.testing.assert_allclose(fees, found.accounts.fee[taken], rtol=1e-9)


def _vectorbt_rate() -> float:
    _agree()
    return MINUTES / cpu_seconds(_vectorbt)


@benchmark(unit="bars/s", bound=40.0, better="higher", peer=("vectorbt from_order_func", _vectorbt_rate))
def sequential_simulator() -> float:
    """Minutes a second of the ledger's walk, each trade with its costs by kind and its extremes."""
    _agree()
    return MINUTES / cpu_seconds(_ours)
