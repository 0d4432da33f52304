"""One position at a time through the simulator, within the limits that earlier trades leave.

The walk simulates a trade where it is taken and no other. Times are minutes since the market's first midnight.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from huracan_assets.settings import DecisionSettings
from huracan_assets.simulation.accounts import Accounts, account_of
from huracan_assets.simulation.barriers import Outcomes, blank_outcomes, bracket
from huracan_assets.simulation.fills import EXPIRED, FILLED, INCOMPLETE, Rules
from huracan_assets.simulation.kernel import kernel
from huracan_assets.simulation.path import Path
from huracan_assets.simulation.trade_market import Orders

Floats = NDArray[np.float64]

LIMITS = ("exposure", "drawdown", "cool_down", "daily_loss")
EXPOSURE, DRAWDOWN, COOL_DOWN, DAILY_LOSS = 0, 1, 2, 3
WITHIN = -1
MINUTES_PER_DAY = 1440


class Bounds(NamedTuple):
    """The limits of a book: minutes, and bps of the whole position."""

    cool_down: int
    max_daily_loss_bps: float
    max_drawdown_bps: float


class Walk(NamedTuple):
    """Per order (m,): the limit that refused it or `WITHIN`, then `Outcomes` and `Accounts` of those that were sent."""

    limit: NDArray[np.int8]
    outcomes: Outcomes
    accounts: Accounts

    @property
    def taken(self) -> NDArray[np.bool_]:
        """Which orders became trades (m,)."""
        return np.asarray((self.limit == WITHIN) & (self.outcomes.code == FILLED))


def walk(path: Path, rules: Rules, orders: Orders, limits: DecisionSettings) -> Walk:
    """Send the orders in their order, one position at a time."""
    m = len(orders.decided)
    accounts = Accounts(*(np.full(m, np.nan) for _ in Accounts._fields))
    found = Walk(np.full(m, WITHIN, np.int8), blank_outcomes((m,)), accounts)
    found.outcomes.code[:] = INCOMPLETE
    bounds = Bounds(limits.cool_down_minutes, limits.max_daily_loss_bps, limits.max_drawdown_bps)
    _walk(path, rules, orders, bounds, found.limit, found.outcomes, found.accounts)
    return found


@kernel
def _walk(path: Any, rules: Any, orders: Any, bounds: Any, limit: Any, found: Any, made: Any) -> None:
    free_at, cool_until, today = -1, -1, -1
    equity, peak, of_today = 0.0, 0.0, 0.0
    for b in range(len(orders.decided)):
        now = orders.decided[b]
        lost = of_today if today == now // MINUTES_PER_DAY else 0.0
        if now < free_at:
            limit[b] = EXPOSURE
        elif peak - equity >= bounds.max_drawdown_bps:
            limit[b] = DRAWDOWN
        elif now < cool_until:
            limit[b] = COOL_DOWN
        elif lost <= -bounds.max_daily_loss_bps:
            limit[b] = DAILY_LOSS
        if limit[b] != WITHIN:
            continue
        side, quote = orders.side[b], orders.quote[b]
        trade = bracket(path, rules, now, side, orders.take_profit[b], orders.stop_loss[b], quote, orders.resting, b)
        found.code[b] = trade[0]
        if trade[0] == EXPIRED:  # while a limit rests no other order is sent
            free_at = trade[2] + 1
        if trade[0] != FILLED:
            continue
        _, found.entry[b], found.exit[b], found.reason[b], found.filled[b] = trade[:5]
        found.entry_price[b], found.exit_price[b], found.maker_part[b], found.mfe[b], found.mae[b] = trade[5:]
        fills = trade[1], trade[2], trade[4], trade[5], trade[6], trade[7]
        account = account_of(path, rules, now, side, *fills, orders.half_spread_bps[b], orders.impact_bps[b])
        made.gross[b], made.fee[b], made.half_spread[b], made.impact[b] = account[:4]
        made.funding[b], made.net[b], made.slippage[b] = account[4:]
        brought = account[5] * trade[4] * orders.share[b]
        free_at, day = trade[2] + 1, trade[2] // MINUTES_PER_DAY
        equity += brought
        peak = max(peak, equity)
        of_today = (of_today if day == today else 0.0) + brought
        today = day
        if brought < 0.0:
            cool_until = free_at + bounds.cool_down
