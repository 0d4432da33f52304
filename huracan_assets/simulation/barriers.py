"""Triple barriers on the 1-minute path (AFML chapter 3), for every decision bar and both sides.

The rules, all of them the pessimistic reading of a bar whose inner order is unknown:

- Entry as a market order (`fills.py`) at the open of the first present minute after the latency, if it comes within
  the horizon; else the order is refused. Or, where the rules say so, by a resting limit (`limit_entry.py`).
- A stop is touched at its price (`low <= stop` for a long) and becomes a market order there, or at the open where
  that is already worse.
- A take-profit is a resting limit: it fills if the market trades through it (`high > tp`), at its own price or, where
  the whole minute lies beyond, at the worst price that was traded; at a touch (`high == tp`) by a draw.
- A minute that touches both takes the stop, and the trade says so. The entry minute of a market order counts: all of
  it lies after its open.
- The vertical barrier is the close of the last of `horizon` minutes. Where that minute is missing, the open
  of the next present one decides: stop, take-profit or time.
- An outcome counts only if the path reaches the vertical barrier inside the window, however early a barrier
  was touched: keeping just the quick outcomes of the newest bars would select on the result.

The scan passes over `BLOCK` minutes at a time whose extremes touch nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from huracan_assets.simulation.fills import EXPIRED, FILLED, INCOMPLETE, Rules, draw, enter, leave, order_of, room_for
from huracan_assets.simulation.kernel import inlined, kernel
from huracan_assets.simulation.limit_entry import rest
from huracan_assets.simulation.limit_price import NONE_RESTS, Resting
from huracan_assets.simulation.path import BLOCK, Path

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int8]

REASONS = ("take_profit", "stop_loss", "time", "stop_loss")
TAKE_PROFIT, STOP_LOSS, TIME, STOPPED_FIRST = 0, 1, 2, 3
"""The last is a stop like any other, in a minute that touched the take-profit too: the worse of the two was taken."""
SIDES = (1, -1)


class Outcomes(NamedTuple):
    """Per decision bar and side (m, 2), column 0 long, 1 short; minutes are rows of the path.

    `code` says whether there is an outcome: `FILLED`, `INCOMPLETE`, or the index of one of `REJECTIONS`; without one
    the other columns hold nothing, but that an order that has expired rested from `entry` to `exit` at `entry_price`.
    The exit price is the mean over its fills; `maker_part` is what resting limits
    brought of it, in the quote coin. Excursions are fractions of the entry price in the trade's favour:
    `mae <= gross <= mfe`, `mae <= 0 <= mfe`. In the exit minute of a touch only the fill counts, for what came after
    it was not held.
    """

    code: Codes
    entry: Ints
    exit: Ints
    reason: Codes  # index into REASONS: what closed the position's last part
    filled: Floats  # share of the order
    entry_price: Floats
    exit_price: Floats
    maker_part: Floats
    mfe: Floats
    mae: Floats


def blank_outcomes(shape: tuple[int, ...]) -> Outcomes:
    """Columns to write into."""
    dtypes = {"code": np.int8, "entry": np.int64, "exit": np.int64, "reason": np.int8}
    return Outcomes(**{name: np.empty(shape, dtypes.get(name, np.float64)) for name in Outcomes._fields})


def every_trade(
    path: Path,
    rules: Rules,
    decided: Ints,
    take_profit: Floats,
    stop_loss: Floats,
    quote: Floats,
    resting: Resting = NONE_RESTS,
) -> Outcomes:
    """The outcome of a long and a short at every decision.

    Args:
        decided: the minute that opens at the decision (m,).
        take_profit, stop_loss: barrier distances as fractions of the entry price (m,); NaN: no trade.
        quote: size of the order in the quote coin (m,).
        resting: the limits of the entries, where the rules know a patience.
    """
    shape = (len(decided), len(SIDES))
    found = blank_outcomes(shape)
    if rules.patience:
        _every_limit(path, rules, decided, take_profit, stop_loss, quote, resting, found)
    else:
        _every_trade(path, rules, decided, take_profit, stop_loss, quote, found)
    return found


@kernel
def _every_trade(path: Any, rules: Any, decided: Any, take_profit: Any, stop_loss: Any, quote: Any, out: Any) -> None:
    for b in range(len(decided)):
        for k in range(2):
            trade = _by_market(path, rules, decided[b], 1 - 2 * k, take_profit[b], stop_loss[b], quote[b])
            _write(out, b, k, trade)


@kernel  # a loop of its own: one that knows both kinds of entry runs a seventh slower
def _every_limit(  # type: ignore[no-untyped-def]
    path, rules, decided, take_profit, stop_loss, quote, resting, out
) -> None:
    for b in range(len(decided)):
        for k in range(2):
            limit = resting.behind[b], resting.scale[b]
            _write(
                out, b, k, _by_limit(path, rules, decided[b], 1 - 2 * k, take_profit[b], stop_loss[b], quote[b], *limit)
            )


@inlined
def _write(out: Any, b: Any, k: Any, trade: Any) -> None:
    out.code[b, k], out.entry[b, k], out.exit[b, k], out.reason[b, k], out.filled[b, k] = trade[:5]
    out.entry_price[b, k], out.exit_price[b, k], out.maker_part[b, k] = trade[5:8]
    out.mfe[b, k], out.mae[b, k] = trade[8:]


@inlined
def bracket(path, rules, decided, side, take_profit, stop_loss, quote, resting, b):  # type: ignore[no-untyped-def]
    """One trade with its three barriers, by the limit `b` where limits rest: the columns of `Outcomes` in order."""
    if rules.patience > 0:
        limit = resting.behind[b], resting.scale[b]
        return _by_limit(path, rules, decided, side, take_profit, stop_loss, quote, *limit)
    return _by_market(path, rules, decided, side, take_profit, stop_loss, quote)


@inlined
def _by_market(path, rules, decided, side, take_profit, stop_loss, quote):  # type: ignore[no-untyped-def]
    if not (take_profit > 0 and stop_loss > 0):
        return _nothing(INCOMPLETE)
    code, start, filled = enter(path, rules, decided, side, quote)
    if code != FILLED:
        return _nothing(code)
    price = path.open[start]
    entry, barriers = (start, start, filled, price, price, start, price, price), (take_profit, stop_loss)
    return _until_exit(path, rules, order_of(path, decided, side), side, quote, entry, barriers)


@inlined
def _by_limit(  # type: ignore[no-untyped-def]
    path, rules, decided, side, take_profit, stop_loss, quote, behind, scale
):
    if not (take_profit > 0 and stop_loss > 0):
        return _nothing(INCOMPLETE)
    found = rest(path, rules, decided, side, take_profit, stop_loss, quote, behind, scale)
    code, entry, barriers = found[0], found[1:], (take_profit, stop_loss)
    if code == EXPIRED:
        return code, entry[0], entry[1], -1, 0.0, entry[3], entry[3], 0.0, 0.0, 0.0
    if code != FILLED:
        return _nothing(code)
    return _until_exit(path, rules, order_of(path, decided, side), side, quote, entry, barriers)


@inlined
def _nothing(code: Any) -> Any:
    return code, -1, -1, -1, 0.0, np.nan, np.nan, np.nan, np.nan, np.nan


@inlined
def _until_exit(path, rules, order, side, quote, entry, barriers):  # type: ignore[no-untyped-def]
    """What becomes of an entry.

    Args:
        entry: minutes of its first and of its last fill, share filled, its price, the price about which the barriers
            stand, the minute in which exits begin, and the extremes that were held before.
    """
    start, spent, filled, price, base, begin, high, low = entry
    n, vertical = len(path.open), start + rules.horizon - 1
    if vertical >= n or path.following[vertical] >= n:
        return _nothing(INCOMPLETE)
    target, stop, quantity = (
        base * (1.0 + side * barriers[0]),
        base * (1.0 - side * barriers[1]),
        quote * filled / price,
    )
    exit_, reason, maker, taker, high, low = _held(
        path, rules, order, side, spent, begin, vertical, target, stop, quantity, high, low
    )
    if exit_ >= n:
        return _nothing(INCOMPLETE)
    exit_price = maker + taker
    gross = side * (exit_price / price - 1.0)
    up, down = side * (high / price - 1.0), side * (low / price - 1.0)
    mfe, mae = max(0.0, up, down, gross), min(0.0, up, down, gross)
    return FILLED, start, exit_, reason, filled, price, exit_price, maker, mfe, mae


@inlined
def _held(  # type: ignore[no-untyped-def]
    path, rules, order, side, start, begin, vertical, target, stop, quantity, high, low
):
    """From `begin` to the last fill: its minute, the reason, what makers and takers brought, the extremes.

    `start` is the minute whose volume the entry took; `high` and `low` are the extremes that were held before.
    """
    lower, upper = (stop, target) if side > 0 else (target, stop)
    opens, highs, lows = path.open, path.high, path.low
    left, maker, spent = 1.0, 0.0, -1
    j = begin
    while True:
        j, high, low = _next_touch(path, j, vertical, lower, upper, high, low)
        if j > vertical:
            break
        worst, best = (lows[j], highs[j]) if side > 0 else (highs[j], lows[j])
        if side * worst <= side * stop:
            fill = min(opens[j], stop) if side > 0 else max(opens[j], stop)
            reason = STOPPED_FIRST if side * best >= side * target else STOP_LOSS
            return _left(path, rules, j, fill, start, quantity, left, reason, maker, high, low)
        if side * best > side * target or draw(rules.seed, order, path.epoch + j) < rules.touch_fill_probability:
            room = room_for(path, rules, j, start, quantity)
            taken = left if room >= left else room
            maker += taken * (max(target, lows[j]) if side > 0 else min(target, highs[j]))
            if room >= left:
                return j, TAKE_PROFIT, maker, 0.0, high, low
            left -= taken
            spent = j
        high, low = max(high, highs[j]), min(low, lows[j])
        j += 1
    last = path.following[vertical]
    if last == spent:  # the limit has taken all the room there was in the last minute
        last = path.following[vertical + 1]
        if last >= len(opens):
            return last, TIME, maker, 0.0, high, low
        return _left(path, rules, last, opens[last], start, quantity, left, TIME, maker, high, low)
    if last == vertical:
        return _left(path, rules, last, path.close[last], start, quantity, left, TIME, maker, high, low)
    opened = opens[last]
    if side * opened > side * target and room_for(path, rules, last, start, quantity) >= left:
        return last, TAKE_PROFIT, maker + left * opened, 0.0, high, low
    reason = STOP_LOSS if side * opened <= side * stop else TIME
    return _left(path, rules, last, opened, start, quantity, left, reason, maker, high, low)


@inlined
def _left(  # type: ignore[no-untyped-def]
    path, rules, minute, price, start, quantity, left, reason, maker, high, low
):
    """Close what is left at the market."""
    exit_, taker, higher, lower = leave(path, rules, minute, price, start, quantity, left)
    return exit_, reason, maker, taker, max(high, higher), min(low, lower)


@inlined
def _next_touch(path: Any, j: Any, last: Any, lower: Any, upper: Any, high: Any, low: Any) -> Any:
    """The first minute of [j, last] that reaches a price, `last` + 1 where none does; the extremes before it."""
    while j <= last:
        k, edge = j // BLOCK, (j | (BLOCK - 1)) + 1
        if j % BLOCK == 0:
            while j + BLOCK <= last + 1 and (path.block_low[k] > lower) & (path.block_high[k] < upper):
                high = max(high, path.block_high[k])
                low = min(low, path.block_low[k])
                k += 1
                j += BLOCK
            if j > last:
                break
            edge = j + BLOCK
        if edge <= last + 1:
            highest, lowest, edge = path.rest_high[j], path.rest_low[j], edge
        elif j % BLOCK == 0:
            highest, lowest, edge = path.past_high[last], path.past_low[last], last + 1
        else:
            highest, lowest, edge = np.inf, -np.inf, last + 1
        if (lowest > lower) & (highest < upper):
            high, low, j = max(high, highest), min(low, lowest), edge
            continue
        while j < edge:
            if (path.low[j] <= lower) | (path.high[j] >= upper):
                return j, high, low
            high = path.high[j] if path.high[j] > high else high
            low = path.low[j] if path.low[j] < low else low
            j += 1
    return j, high, low
