"""What a trade brought and what it cost, kind by kind, in bps of its entry's notional."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from huracan_assets.simulation.barriers import Outcomes
from huracan_assets.simulation.fills import FILLED, Rules
from huracan_assets.simulation.kernel import inlined, kernel
from huracan_assets.simulation.path import Path

Floats = NDArray[np.float64]


class Accounts(NamedTuple):
    """Per decision and side (m, 2), bps of the entry's notional; NaN where there is no outcome.

    Net is gross less fee, half spread, impact and funding. Fees are negative where rebates outweigh them. Slippage is
    what the entry lost against the last price known at the decision: the market's move until the fill and, of a market
    order, half the spread and the impact. An entry by a limit pays the maker's fee and neither of the two.
    """

    gross: Floats
    fee: Floats
    half_spread: Floats
    impact: Floats
    funding: Floats
    net: Floats
    slippage: Floats


def accounts(
    path: Path, rules: Rules, found: Outcomes, decided: NDArray[np.int64], half_spread: Floats, impact: Floats
) -> Accounts:
    """The accounts of every trade.

    Args:
        found: the outcomes (m, 2) of the decisions `decided` (m,).
        half_spread, impact: of a market order for the whole order, in bps (m,).
    """
    made = Accounts(*(np.full(found.code.shape, np.nan) for _ in Accounts._fields))
    _accounts(path, rules, found, decided, half_spread, impact, made)
    return made


@kernel
def _accounts(path: Any, rules: Any, found: Any, decided: Any, half_spread: Any, impact: Any, out: Any) -> None:
    for b in range(len(decided)):
        for k in range(2):
            if found.code[b, k] != FILLED:
                continue
            fills = found.entry[b, k], found.exit[b, k], found.filled[b, k], found.entry_price[b, k]
            prices = found.exit_price[b, k], found.maker_part[b, k]
            account = account_of(path, rules, decided[b], 1 - 2 * k, *fills, *prices, half_spread[b], impact[b])
            out.gross[b, k], out.fee[b, k], out.half_spread[b, k], out.impact[b, k] = account[:4]
            out.funding[b, k], out.net[b, k], out.slippage[b, k] = account[4:]


@inlined
def account_of(  # type: ignore[no-untyped-def]
    path, rules, decided, side, entry, exit_, filled, entry_price, exit_price, maker_part, half_spread, impact
):
    """The columns of `Accounts` of one trade, in their order.

    A leg's cost is taken on that leg's notional. The impact is that of what was filled; both legs are of one size.
    """
    ratio, maker = exit_price / entry_price, maker_part / entry_price
    taker = (exit_price - maker_part) / entry_price
    gross = side * (ratio - 1.0) * 1e4
    moved = impact * np.sqrt(filled)
    entry_fee, crossed = (rules.maker_fee_bps, 0.0) if rules.patience > 0 else (rules.taker_fee_bps, 1.0)
    fee = entry_fee + rules.taker_fee_bps * taker + rules.maker_fee_bps * maker
    spread, impacts = half_spread * crossed + half_spread * taker, moved * crossed + moved * taker
    paid = side * 1e4 * _funding(path, entry, exit_)
    net = gross - (fee + spread + impacts) - paid
    seen = _last_close(path, decided)
    slipped = side * (entry_price / seen - 1.0) * 1e4 + half_spread * crossed + moved * crossed
    return gross, fee, spread, impacts, paid, net, slipped


@inlined
def _funding(path: Any, entry: Any, exit_: Any) -> Any:
    """Sum of the rates of the funding minutes after the entry's and up to the exit's.

    A position entered at the funding minute's own open was not held before it, one known closed at its close was. A
    position that was closed in parts is charged as a whole until its last part.
    """
    total = 0.0
    for i in range(np.searchsorted(path.funding_minute, entry, side="right"), len(path.funding_minute)):
        if path.funding_minute[i] > exit_:
            break
        total += path.funding_rate[i]
    return total


@inlined
def _last_close(path: Any, decided: Any) -> Any:
    """The close of the last present minute before a decision; the conditions see to it that there is one."""
    i = decided - 1
    while i > 0 and not path.close[i] > 0:
        i -= 1
    return path.close[i]
