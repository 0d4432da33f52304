"""The simulator again as a plain loop written from its rules, minute by minute, with every fill on a tape."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from huracan_assets.simulation.fills import ENTRY_DRAW, Rules, draw
from huracan_assets.simulation.path import Path


@dataclass
class SlowTrade:
    """What the loop saw; `tape` has (minute, price, share of the position) of every exit fill.

    `double` says whether it was stopped in a minute that touched both barriers. `spent` is the minute of the entry's
    last fill, `base` the price about which the barriers stand, `bought` has (minute, price, share of the order) of
    every fill of a limit.
    """

    entry: int
    entry_price: float
    filled: float
    exit: int = -1
    reason: str = ""
    maker_part: float = 0.0
    taker_part: float = 0.0
    seen: list[float] = field(default_factory=list)
    tape: list[tuple[int, float, float]] = field(default_factory=list)
    side: int = 1
    spent: int = -1
    base: float = 0.0
    bought: list[tuple[int, float, float]] = field(default_factory=list)
    double: bool = False

    @property
    def exit_price(self) -> float:
        """Mean over the fills."""
        return self.maker_part + self.taker_part

    @property
    def mfe(self) -> float:
        """Best excursion."""
        return max(0.0, *self._moves())

    @property
    def mae(self) -> float:
        """Worst excursion."""
        return min(0.0, *self._moves())

    def _moves(self) -> list[float]:
        return [self.side * (price / self.entry_price - 1.0) for price in (*self.seen, self.exit_price)]


def slow_entry(path: Path, rules: Rules, decided: int, side: int, quote: float) -> SlowTrade | str | None:
    """The entry; the reason why it was refused; None where the path is too short to tell."""
    n, first = len(path.open), decided + rules.latency
    if first < 0 or first >= n:
        return None
    start = first
    while start < n and not path.open[start] > 0:
        start += 1
    if start >= first + rules.horizon:
        return "outage"
    if start >= n:
        return None
    order = 2 * (path.epoch + decided) + (side < 0)
    if rules.fill_probability < 1.0 and draw(rules.seed, order, ENTRY_DRAW) >= rules.fill_probability:
        return "missed"
    room = rules.participation * float(path.volume[start]) * float(path.open[start])
    if room <= 0.0:
        return "no_volume"
    filled = min(1.0, room / quote)
    if filled * quote < rules.minimum_notional:
        return "below_minimum"
    opened = float(path.open[start])
    return SlowTrade(start, opened, filled, side=side, spent=start, base=opened)


def slow_trade(
    path: Path,
    rules: Rules,
    decided: int,
    side: int,
    profit: float,
    loss: float,
    quote: float,
    limit: tuple[float, float] = (0.0, 0.0),
) -> SlowTrade | str | None:
    """One trade with its three barriers; why it was refused; None where the path does not hold all of it.

    `limit` has how far behind the market the entry's limit stands, and 10^decimals of a price.
    """
    if not (profit > 0 and loss > 0):
        return None
    if rules.patience:
        order = SlowLimit(path, rules, decided, side, quote, limit)
        trade = order.rest(profit, loss)
    else:
        trade = slow_entry(path, rules, decided, side, quote)
    if not isinstance(trade, SlowTrade):
        return trade
    n, end = len(path.open), trade.entry + rules.horizon - 1
    if end >= n or not any(path.open[j] > 0 for j in range(end, n)):
        return None
    exits = _Exits(path, rules, trade, end, quote, 2 * (path.epoch + decided) + (side < 0), profit, loss)
    begin = trade.entry if not rules.patience else order.begin
    if begin > end:  # all of its time went by while it was filled
        begin = exits.blind = end
    for j in range(begin, n):
        if path.open[j] > 0 and exits.minute(j):
            return trade
    return None


class _Exits:
    """The minutes of an open trade, one after the other."""

    def __init__(
        self,
        path: Path,
        rules: Rules,
        trade: SlowTrade,
        end: int,
        quote: float,
        order: int,
        profit: float,
        loss: float,
    ) -> None:
        self.path, self.rules, self.trade, self.end, self.order = path, rules, trade, end, order
        base, side = trade.base, trade.side
        self.target, self.stop = base * (1.0 + side * profit), base * (1.0 - side * loss)
        self.quantity = quote * trade.filled / trade.entry_price
        self.blind = -1
        self.left, self.selling = 1.0, False

    def minute(self, j: int) -> bool:
        """Live through one minute; whether nothing is left."""
        trade, taken_by_entry = self.trade, 1.0 if j == self.trade.spent else 0.0
        room = max(0.0, self.rules.participation * float(self.path.volume[j]) / self.quantity - taken_by_entry)
        fill, maker = self._fill(j, room)
        if fill is not None:
            taken = min(self.left, room)
            trade.maker_part += taken * fill if maker else 0.0
            trade.taker_part += 0.0 if maker else taken * fill
            trade.tape.append((j, fill, taken))
            if room >= self.left:
                trade.exit, trade.reason = j, "take_profit" if maker else trade.reason
                if trade.reason == "time" and j == self.end != self.blind:
                    trade.seen += [float(self.path.high[j]), float(self.path.low[j])]
                return True
            self.left -= taken
        if j <= self.end or self.selling:
            trade.seen += [float(self.path.high[j]), float(self.path.low[j])]
        if maker and j == self.end:
            self.selling, trade.reason = True, "time"
        return False

    def _fill(self, j: int, room: float) -> tuple[float | None, bool]:
        """The price of this minute's fill, None without one, and whether a resting limit makes it."""
        opened, high, low, close = (float(leg[j]) for leg in self.path[:4])
        if j > self.end:
            high = low = close = opened
        long, trade = self.trade.side > 0, self.trade
        if self.selling:
            return opened, False
        if (low <= self.stop) if long else (high >= self.stop):
            self.selling, trade.reason = True, "stop_loss"
            trade.double = high >= self.target if long else low <= self.target
            return (min(opened, self.stop) if long else max(opened, self.stop)), False
        if self._limit_filled(j, high if long else low):
            # After the vertical barrier nothing rests any longer: what is not filled at once goes to the market.
            if j <= self.end or room >= self.left:
                return (max(self.target, low) if long else min(self.target, high)), True
            self.selling, trade.reason = True, "time"
            return opened, False
        if j >= self.end:
            self.selling, trade.reason = True, "time"
            return close, False
        return None, False

    def _limit_filled(self, j: int, best: float) -> bool:
        if j == self.blind:
            return False
        if self.trade.side * best > self.trade.side * self.target:
            return True
        touched = best == self.target and j <= self.end
        return touched and draw(self.rules.seed, self.order, self.path.epoch + j) < self.rules.touch_fill_probability


class SlowLimit:
    """A limit that rests, minute by minute; `begin` is the minute in which the first exit may be."""

    def __init__(
        self, path: Path, rules: Rules, decided: int, side: int, quote: float, limit: tuple[float, float]
    ) -> None:
        self.path, self.rules, self.decided, self.side, self.quote = path, rules, decided, side, quote
        self.behind, self.scale = limit
        self.begin = -1

    def rest(self, profit: float, loss: float) -> SlowTrade | str | None:
        """What it became."""
        path, rules, n = self.path, self.rules, len(self.path.open)
        first = self.decided + rules.latency
        end = first + rules.patience - 1
        latest = end + rules.horizon - 1  # the vertical barrier of a fill in the last minute
        known = [j for j in range(min(self.decided, n)) if path.open[j] > 0]
        if first < 0 or not known or latest >= n or not any(path.open[j] > 0 for j in range(latest, n)):
            return None
        minutes = [j for j in range(first, end + 1) if path.open[j] > 0]
        if not minutes:
            return "outage"
        self.order = 2 * (path.epoch + self.decided) + (self.side < 0)
        if rules.fill_probability < 1.0 and draw(rules.seed, self.order, ENTRY_DRAW) >= rules.fill_probability:
            return "missed"
        if self.quote < rules.minimum_notional:
            return "below_minimum"
        self.price = self._price(known[-1], minutes[0])
        self.target = self.price * (1.0 + self.side * profit)
        self.stop = self.price * (1.0 - self.side * loss)
        trade = SlowTrade(-1, self.price, 0.0, side=self.side, base=self.price)
        for j in minutes:
            if trade.bought and j > trade.entry + rules.horizon - 1:
                break
            if self._minute(trade, j):
                break
        else:
            self.begin = end + 1
        return trade if trade.bought and trade.filled * self.quote >= rules.minimum_notional else "expired"

    def _price(self, known: int, arrived: int) -> float:
        seen = float(self.path.close[known]), float(self.path.open[arrived])
        price = min(seen) - self.behind if self.side > 0 else max(seen) + self.behind
        return float(np.floor(price * self.scale + 0.5)) / self.scale if self.scale else price

    def _minute(self, trade: SlowTrade, j: int) -> bool:
        """Live through one minute; whether nothing rests any longer."""
        high, low, close = (float(leg[j]) for leg in self.path[1:4])
        long, had = self.side > 0, bool(trade.bought)
        self.begin = j
        stopped = low <= self.stop if long else high >= self.stop
        if had and not stopped and (high >= self.target if long else low <= self.target):
            return True
        self._fill(trade, j, high, low)
        if stopped and trade.bought:
            return True
        if trade.bought:
            trade.seen += [high, low] if had else [trade.bought[0][1], low if long else high, close]
        self.begin = j + 1
        return trade.filled == 1.0

    def _fill(self, trade: SlowTrade, j: int, high: float, low: float) -> None:
        worst = low if self.side > 0 else high
        if worst == self.price:
            if draw(self.rules.seed, self.order, self.path.epoch + j) >= self.rules.touch_fill_probability:
                return
        elif worst > self.price if self.side > 0 else worst < self.price:
            return
        at = min(self.price, high) if self.side > 0 else max(self.price, low)
        room = self.rules.participation * float(self.path.volume[j]) * at / self.quote
        if room <= 0.0:
            return
        left = 1.0 - trade.filled
        taken = min(left, room)
        if not trade.bought:
            trade.entry, trade.entry_price = j, at
        elif at != trade.entry_price:
            base = trade.filled / trade.entry_price + taken / at
            trade.entry_price = (trade.filled + taken) / base
        trade.filled = 1.0 if room >= left else trade.filled + taken
        trade.spent = j
        trade.bought.append((j, at, taken))
