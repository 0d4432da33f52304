"""How an order is filled on the 1-minute path, and what refuses it.

- A market order is filled from the open of the first present minute after its latency, at most a share of that
  minute's volume. An entry takes what it gets there and cancels the rest; an exit goes on at the opens of the
  minutes that follow until nothing is left.
- A resting limit is filled where the market trades through its price, and where it only touches it with a
  probability. The draw is a hash of the seed, the order and the minute: it hangs on nothing else, so a rerun draws
  the same and a higher probability fills whatever a lower one fills.
- An entry by a limit is told in `limit_entry.py`.
- An order is refused while the venue is silent, in a minute without volume, below the smallest notional that could
  be closed again, and with the probability that orders are missed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from huracan_assets.settings import SimulationSettings
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.kernel import inlined, kernel
from huracan_assets.simulation.path import Path

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

REJECTIONS = ("outage", "missed", "no_volume", "below_minimum", "expired")
OUTAGE, MISSED, NO_VOLUME, BELOW_MINIMUM, EXPIRED = 0, 1, 2, 3, 4
FILLED, INCOMPLETE = -1, -2
"""Codes of an order beside its rejections: filled, and a path or history that is too short to tell."""

ENTRY_DRAW = -1
_GOLDEN, _MIX_1, _MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


class Rules(NamedTuple):
    """What the venue allows and takes; shares and probabilities are fractions, fees bps of a fill's notional."""

    latency: int  # minutes
    horizon: int  # minutes to the vertical barrier
    participation: float  # most of a minute's volume that one order takes
    touch_fill_probability: float
    fill_probability: float
    minimum_notional: float  # quote coin
    taker_fee_bps: float
    maker_fee_bps: float
    seed: int
    patience: int = 0  # minutes for which the limit of an entry rests; 0: entries are market orders
    offset: float = 0.0  # of that limit from the last known price, in half spreads


def rules_of(simulation: SimulationSettings, costs: Costs) -> Rules:
    """The rules of the settings under the costs in force: where depth is shocked, minutes hold less volume."""
    return Rules(
        simulation.latency_minutes,
        simulation.horizon_minutes,
        simulation.participation_max * costs.depth_multiple,
        simulation.touch_fill_probability,
        simulation.fill_probability,
        simulation.minimum_notional_usdt,
        costs.taker_fee_bps,
        costs.maker_fee_bps,
        simulation.fill_seed,
        patience_of(simulation),
        simulation.limit_offset_half_spreads,
    )


def patience_of(simulation: SimulationSettings) -> int:
    """Minutes for which the limit of an entry rests; 0 where entries are market orders."""
    return simulation.limit_patience_minutes if simulation.entry == "limit" else 0


@inlined
def draw(seed: Any, order: Any, minute: Any) -> Any:
    """A number in [0, 1) of this seed, order and minute (SplitMix64 of Steele, Lea & Flood 2014, once for each)."""
    state = _mixed(np.uint64(seed))
    state = _mixed(state ^ np.uint64(order))
    state = _mixed(state ^ np.uint64(minute))
    return np.float64(state >> _S11) * 2.0**-53


@inlined
def _mixed(state: Any) -> Any:
    state = state + _GOLDEN
    state = (state ^ (state >> _S30)) * _MIX_1
    state = (state ^ (state >> _S27)) * _MIX_2
    return state ^ (state >> _S31)


@inlined
def order_of(path: Any, decided: Any, side: Any) -> Any:
    """The number of the order of a decision: its minute since 1970, and its side."""
    return 2 * (path.epoch + decided) + (1 if side < 0 else 0)


@inlined
def enter(path: Any, rules: Any, decided: Any, side: Any, quote: Any) -> Any:
    """A market order of `quote` that was decided at the open of the minute `decided`.

    Returns:
        code (`FILLED`, `INCOMPLETE` or a rejection), minute of the fill, share that was filled.
    """
    n = len(path.open)
    first = decided + rules.latency
    if first < 0 or first >= n:
        return INCOMPLETE, -1, 0.0
    start = path.following[first]
    if start >= first + rules.horizon:
        return OUTAGE, -1, 0.0
    if start >= n:
        return INCOMPLETE, -1, 0.0
    if rules.fill_probability < 1.0:
        order = order_of(path, decided, side)
        if draw(rules.seed, order, ENTRY_DRAW) >= rules.fill_probability:
            return MISSED, start, 0.0
    room = rules.participation * path.volume[start] * path.open[start]
    if room <= 0.0:
        return NO_VOLUME, start, 0.0
    filled = 1.0 if room >= quote else room / quote
    if filled * quote < rules.minimum_notional:
        return BELOW_MINIMUM, start, 0.0
    return FILLED, start, filled


def entries(path: Path, rules: Rules, decided: Ints, quote: float) -> tuple[Ints, Floats]:
    """Minute and filled share of a market order to buy `quote` at each decision, both (m,); -1 and 0 without a fill."""
    minute, filled = np.full(len(decided), -1, np.int64), np.zeros(len(decided))
    _entries(path, rules, decided, quote, minute, filled)
    return minute, filled


@kernel
def _entries(path: Any, rules: Any, decided: Any, quote: Any, minute: Any, filled: Any) -> None:
    for b in range(len(decided)):
        code, start, share = enter(path, rules, decided[b], 1, quote)
        if code == FILLED:
            minute[b], filled[b] = start, share


@inlined
def room_for(path: Any, rules: Any, minute: Any, start: Any, quantity: Any) -> Any:
    """The share of a position of `quantity` (base coin) that a minute's volume can take; the entry took its own."""
    share = rules.participation * path.volume[minute] / quantity
    if minute == start:
        share -= 1.0
    return max(share, 0.0)


@inlined
def leave(path: Any, rules: Any, minute: Any, price: Any, start: Any, quantity: Any, left: Any) -> Any:
    """A market order for the share `left` of a position, from `price` in `minute` on.

    Returns:
        the last fill's minute (n where the path ends before), sum of share x price, highest and lowest price of the
        minutes through which a rest was held.
    """
    n, value, high, low = len(path.open), 0.0, -np.inf, np.inf
    while True:
        room = room_for(path, rules, minute, start, quantity)
        taken = left if room >= left else room
        value += taken * price
        if room >= left:
            return minute, value, high, low
        left -= taken
        high, low = max(high, path.high[minute]), min(low, path.low[minute])
        minute = path.following[minute + 1]
        if minute >= n:
            return n, value, high, low
        price = path.open[minute]
