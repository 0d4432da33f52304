"""What who is long from one decision bar to the next earns: the market that PPO trades."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huracan_assets.simulation.trade_market import TradeMarket

Floats = NDArray[np.float64]


def fill_returns(market: TradeMarket, unknown: NDArray[np.bool_], decision_minutes: int) -> Floats:
    """Log return in bps from the fill of each bar to the fill of the next, (n,); NaN at a gap and at the last bar.

    The funding that a long pays on the way is taken off, which is what a short is paid: right for both sides. As in
    `accounts.py`, it is that of the minutes after the first fill's and up to the second's.

    A fill is that of a market order in the simulator, in its own minute; one that the minute's volume fills in part
    counts as a fill. Bars that are not `decision_minutes` apart have a gap between them, and so have bars whose order
    is refused, or with a minute between them that nobody knows.

    Args:
        market: the minutes, and the n bars.
        unknown: minutes of the market of which nobody knows what happened, (m,).
    """
    decided, price, minutes = market.decided, market.entry_prices(), len(unknown)
    rows = decided + market.rules.latency
    before = np.concatenate([[0], np.cumsum(unknown)])
    begin, end = (np.clip(edge, 0, minutes) for edge in (decided, np.append(rows[1:], rows[-1:])))
    regular = (np.diff(rows, append=rows[-1:]) == decision_minutes) & (before[end] == before[begin])
    following = np.append(price[1:], np.nan)
    held = np.searchsorted(rows, market.path.funding_minute) - 1
    paid = np.bincount(held[held >= 0], market.path.funding_rate[held >= 0], minlength=len(rows))
    return np.where(regular, (np.log(following / price) - paid) * 1e4, np.nan)
