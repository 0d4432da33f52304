"""The simulator again as a plain loop written from its rules, minute by minute, with every fill on a tape."""

from __future__ import annotations

from dataclasses import dataclass, field

from huracan_assets.simulation.fills import ENTRY_DRAW, Rules, draw
from huracan_assets.simulation.path import Path


@dataclass
class SlowTrade:
    """What the loop saw; `tape` has (minute, price, share of the position) of every exit fill."""

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
    return SlowTrade(start, float(path.open[start]), filled, side=side)


def slow_trade(
    path: Path, rules: Rules, decided: int, side: int, profit: float, loss: float, quote: float
) -> SlowTrade | str | None:
    """One trade with its three barriers; why it was refused; None where the path does not hold all of it."""
    trade = slow_entry(path, rules, decided, side, quote) if profit > 0 and loss > 0 else None
    if not isinstance(trade, SlowTrade):
        return trade
    n, end = len(path.open), trade.entry + rules.horizon - 1
    if end >= n or not any(path.open[j] > 0 for j in range(end, n)):
        return None
    exits = _Exits(path, rules, trade, end, quote, 2 * (path.epoch + decided) + (side < 0), profit, loss)
    for j in range(trade.entry, n):
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
        price, side = trade.entry_price, trade.side
        self.target, self.stop = price * (1.0 + side * profit), price * (1.0 - side * loss)
        self.quantity = quote * trade.filled / price
        self.left, self.selling = 1.0, False

    def minute(self, j: int) -> bool:
        """Live through one minute; whether nothing is left."""
        trade, taken_by_entry = self.trade, 1.0 if j == self.trade.entry else 0.0
        room = max(0.0, self.rules.participation * float(self.path.volume[j]) / self.quantity - taken_by_entry)
        fill, maker = self._fill(j, room)
        if fill is not None:
            taken = min(self.left, room)
            trade.maker_part += taken * fill if maker else 0.0
            trade.taker_part += 0.0 if maker else taken * fill
            trade.tape.append((j, fill, taken))
            if room >= self.left:
                trade.exit, trade.reason = j, "take_profit" if maker else trade.reason
                if trade.reason == "time" and j == self.end:
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
        if self.trade.side * best > self.trade.side * self.target:
            return True
        touched = best == self.target and j <= self.end
        return touched and draw(self.rules.seed, self.order, self.path.epoch + j) < self.rules.touch_fill_probability
