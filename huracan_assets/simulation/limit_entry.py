"""An entry by a post-only limit that rests for some minutes, as a maker can honestly claim it from minute bars.

- It is priced at the decision (`limit_price.py`), rests from the open of the first present minute after the latency
  and for `patience` minutes. Nothing fills it earlier, and the draw that misses an order misses it too.
- A minute that trades through its price fills it, one that only touches it by a draw; at its own price or, where the
  whole minute lies beyond, at the price nearest to it that was traded; at most a share of the minute's volume.
- What was filled is kept. The rest is cancelled when the patience is over, or when a barrier is reached. An order of
  which less than the smallest notional was filled counts as unfilled: it has expired, and brought nothing.
- The barriers stand about the limit's price from the first fill on. What the market did before a fill in the fill's
  own minute is not known: the stop counts there and the take-profit does not, nor any favour but that of the close.
- An order counts only if the path holds the latest end that it could have, whether or not it was filled: to keep
  those that came to an end sooner would select on the result.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from huracan_assets.simulation.fills import (
    BELOW_MINIMUM,
    ENTRY_DRAW,
    EXPIRED,
    FILLED,
    INCOMPLETE,
    MISSED,
    OUTAGE,
    draw,
    order_of,
)
from huracan_assets.simulation.kernel import inlined
from huracan_assets.simulation.limit_price import limit_price


@inlined
def arrive(path: Any, rules: Any, decided: Any, side: Any, quote: Any) -> Any:
    """What becomes of a limit until it rests.

    Returns:
        code (`FILLED` where it rests), the minute from whose open on it does, the last minute of its patience, and
        that of the last price known at the decision.
    """
    n, first = len(path.open), decided + rules.latency
    end = first + rules.patience - 1
    latest = end + rules.horizon - 1
    if first < 0 or latest >= n or path.following[latest] >= n:
        return INCOMPLETE, -1, -1, -1
    seen = min(decided, n) - 1
    while seen >= 0 and not path.close[seen] > 0:
        seen -= 1
    if seen < 0:
        return INCOMPLETE, -1, -1, -1
    arrived = path.following[first]
    if arrived > end:
        return OUTAGE, -1, -1, -1
    if rules.fill_probability < 1.0 and draw(rules.seed, order_of(path, decided, side), ENTRY_DRAW) >= (
        rules.fill_probability
    ):
        return MISSED, -1, -1, -1
    if quote < rules.minimum_notional:
        return BELOW_MINIMUM, -1, -1, -1
    return FILLED, arrived, end, seen


@inlined
def rest(  # type: ignore[no-untyped-def]
    path, rules, decided, side, take_profit, stop_loss, quote, behind, scale
):
    """A resting limit of `quote` that was decided at the open of the minute `decided`.

    Returns:
        code (`FILLED`, `INCOMPLETE` or a rejection), minutes of the first and of the last fill, share filled, its mean
        price, the limit's price, the minute from which on exits are looked for, and the highest and the lowest price
        that were held before it. Of an expired order the first minute is that in which it came to rest, the last one
        that of its end.
    """
    code, arrived, end, seen = arrive(path, rules, decided, side, quote)
    if code != FILLED:
        return code, -1, -1, 0.0, np.nan, np.nan, -1, np.nan, np.nan
    order, limit = order_of(path, decided, side), limit_price(path, seen, arrived, side, behind, scale)
    target, stop = limit * (1.0 + side * take_profit), limit * (1.0 - side * stop_loss)
    start, spent, filled, price, high, low = -1, -1, 0.0, limit, limit, limit
    j = arrived
    while j <= end and filled < 1.0 and not (start >= 0 and j >= start + rules.horizon):
        worst, best = (path.low[j], path.high[j]) if side > 0 else (path.high[j], path.low[j])
        stopped = side * worst <= side * stop
        if start >= 0 and not stopped and side * best >= side * target:
            break
        at, room = _offered(path, rules, order, side, limit, j, quote)
        if room > 0.0:
            if start < 0:
                start, price, high, low = j, at, at, at
            filled, price = _added(filled, price, room, at)
            spent = j
        if start >= 0 and stopped:
            break
        if start >= 0 and path.open[j] > 0:
            favour = path.close[j] if j == start else best
            high, low = max(high, favour, worst), min(low, favour, worst)
        j += 1
    if start < 0 or filled * quote < rules.minimum_notional:
        return EXPIRED, arrived, end, 0.0, limit, limit, -1, limit, limit
    return FILLED, start, spent, filled, price, limit, j, high, low


@inlined
def _offered(path: Any, rules: Any, order: Any, side: Any, limit: Any, j: Any, quote: Any) -> Any:
    """At what price a minute would fill the limit, and how large a share of the order; no share where it does not.

    An absent minute compares with nothing, and offers nothing.
    """
    worst = path.low[j] if side > 0 else path.high[j]
    through = side * worst < side * limit
    if not through and worst == limit:
        through = draw(rules.seed, order, path.epoch + j) < rules.touch_fill_probability
    at = min(limit, path.high[j]) if side > 0 else max(limit, path.low[j])
    return at, rules.participation * path.volume[j] * at / quote if through else 0.0


@inlined
def _added(filled: Any, price: Any, room: Any, at: Any) -> Any:
    """Share and mean price after what a minute adds to them; equal prices are their own mean."""
    whole = room >= 1.0 - filled
    taken = 1.0 - filled if whole else room
    if filled > 0.0 and at != price:
        price = (filled + taken) / (filled / price + taken / at)
    return 1.0 if whole else filled + taken, price
