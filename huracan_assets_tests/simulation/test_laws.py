"""Laws of the simulator on random paths with ties, jumps, gaps, thin minutes and minutes without volume."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.market.grid import MinuteGrid
from huracan_assets.simulation.accounts import Accounts, accounts
from huracan_assets.simulation.barriers import Outcomes, every_trade
from huracan_assets.simulation.fills import FILLED, REJECTIONS, Rules, draw, entries
from huracan_assets.simulation.path import Path, path_of
from huracan_assets_tests.shadow.trades import of_size, random_night
from huracan_assets_tests.simulation.random_path import Bar, grid_of, lattice
from huracan_assets_tests.simulation.slow_simulator import SlowTrade, slow_trade

QUOTE = 100.0
RULES = Rules(1, 8, 0.02, 0.5, 1.0, 0.01, 5.0, 2.0, 7)
FUNDING = (np.array([3, 9, 20]), np.array([1e-4, -3e-4, 2e-4]))
widths = st.sampled_from([0.0031, 0.0077, 0.0131])  # between the ticks of the lattice
paths = lattice(40)


def path_with_funding(bars: list[Bar | None]) -> Path:
    return path_of(grid_of(bars))._replace(funding_minute=FUNDING[0], funding_rate=FUNDING[1])


def traded(path: Path, rules: Rules, width: float, half: float = 1.5, impact: float = 0.7) -> tuple[Outcomes, Accounts]:
    """A long and a short at every minute."""
    decided = np.arange(len(path.open))
    one = np.ones(len(decided))
    found = every_trade(path, rules, decided, one * width, one * width, one * QUOTE)
    return found, accounts(path, rules, found, decided, one * half, one * impact)


@settings(max_examples=60, deadline=None)
@given(bars=paths, width=widths, more=st.floats(0.0, 50.0), which=st.sampled_from(["taker", "maker", "half", "impact"]))
def test_a_higher_fee_spread_or_impact_never_raises_what_a_trade_brings(
    bars: list[Bar | None], width: float, more: float, which: str
) -> None:
    path = path_with_funding(bars)
    plain, dear, cost = RULES, RULES, {"half": 1.5, "impact": 0.7}
    if which in ("taker", "maker"):
        dear = RULES._replace(**{f"{which}_fee_bps": getattr(RULES, f"{which}_fee_bps") + more})
    else:
        cost[which] += more
    (found, cheap), (again, paid) = traded(path, plain, width), traded(path, dear, width, **cost)
    for name in Outcomes._fields:
        np.testing.assert_array_equal(getattr(found, name), getattr(again, name))
    kept = found.code == FILLED
    assert (paid.net[kept] <= cheap.net[kept] + 1e-9).all()
    np.testing.assert_array_equal(paid.gross[kept], cheap.gross[kept])


@settings(max_examples=60, deadline=None)
@given(bars=paths, width=widths)
def test_cash_and_position_are_conserved_and_every_fill_lies_in_its_minute(
    bars: list[Bar | None], width: float
) -> None:
    """Each fill is booked by itself: the position ends at nothing, and the cash is the net to 1e-9 of the notional."""
    path, half, impact = path_with_funding(bars), 1.5, 0.7
    found, made = traded(path, RULES, width, half, impact)
    for b, k in np.argwhere(found.code == FILLED):
        side = 1 - 2 * int(k)
        slow = slow_trade(path, RULES, int(b), side, width, width, QUOTE)
        assert isinstance(slow, SlowTrade)
        quantity = slow.filled * QUOTE / slow.entry_price
        moved = impact * np.sqrt(slow.filled)
        market_order = (RULES.taker_fee_bps + half + moved) / 1e4
        position, notional = side * quantity, quantity * slow.entry_price
        cash = -position * slow.entry_price - notional * market_order
        assert slow.entry >= b + RULES.latency
        assert path.low[slow.entry] <= slow.entry_price <= path.high[slow.entry]
        for place, (minute, price, share) in enumerate(slow.tape):
            assert minute >= slow.entry
            assert path.low[minute] <= price <= path.high[minute]
            maker = slow.maker_part > 0 and sum(s * p for _, p, s in slow.tape[: place + 1]) <= slow.maker_part + 1e-9
            amount = share * quantity
            position -= side * amount
            cash += side * amount * price - amount * price * (RULES.maker_fee_bps / 1e4 if maker else market_order)
        rates = [rate for at, rate in zip(*FUNDING, strict=True) if slow.entry < at <= slow.exit]
        cash -= side * notional * sum(rates)
        assert abs(position) < 1e-9
        assert abs(cash / notional - made.net[b, k] / 1e4) < 1e-9


def mirrored(bars: list[Bar | None], around: float) -> list[Bar | None]:
    twice = 2.0 * around
    return [bar and (twice - bar[0], twice - bar[2], twice - bar[1], twice - bar[3], bar[4]) for bar in bars]


@settings(max_examples=60, deadline=None)
@given(bars=paths, width=widths, at=st.integers(0, 20))
def test_before_costs_a_short_is_a_long_in_the_mirror(bars: list[Bar | None], width: float, at: int) -> None:
    """Prices mirrored at the entry's. Touches draw by the side of an order, so they are left out."""
    rules, path = RULES._replace(touch_fill_probability=0.0, participation=1e3), path_of(grid_of(bars))
    found, made = traded(path, rules, width)
    if at >= len(bars) or found.code[at, 0] != FILLED:
        return
    other, seen = traded(path_of(grid_of(mirrored(bars, found.entry_price[at, 0]))), rules, width)
    for side, opposite in ((0, 1), (1, 0)):
        assert other.exit[at, opposite] == found.exit[at, side]
        assert other.reason[at, opposite] == found.reason[at, side]
        np.testing.assert_allclose(seen.gross[at, opposite], made.gross[at, side], rtol=0, atol=1e-8)
    if found.reason[at].tolist() == [2, 2]:
        assert made.gross[at, 0] == -made.gross[at, 1]


@settings(max_examples=60, deadline=None)
@given(bars=paths, width=widths, latency=st.integers(0, 4), later=st.integers(1, 4))
def test_latency_never_moves_a_fill_to_an_earlier_minute(
    bars: list[Bar | None], width: float, latency: int, later: int
) -> None:
    path = path_of(grid_of(bars))
    soon, late = (traded(path, RULES._replace(latency=l_), width)[0] for l_ in (latency, latency + later))
    both = (soon.code == FILLED) & (late.code == FILLED)
    assert (late.entry[both] >= soon.entry[both]).all()
    assert (soon.entry >= np.arange(len(bars))[:, None] + latency)[soon.code == FILLED].all()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), width=widths, latency=st.integers(0, 4), later=st.integers(1, 6))
def test_where_waiting_is_never_better_latency_never_raises_what_a_trade_brings(
    seed: int, width: float, latency: int, later: int
) -> None:
    """A price that rises ever more slowly: each later window of the same length holds a smaller move.

    On a path that turns, waiting may well be better, and no such law can hold.
    """
    steps = np.sort(np.random.default_rng(seed).exponential(4e-4, 60))[::-1]
    edge = 100.0 * np.exp(np.concatenate([[0.0], np.cumsum(steps)]))
    bars: list[Bar | None] = [(a, b, a, b, 1e6) for a, b in zip(edge[:-1].tolist(), edge[1:].tolist(), strict=True)]
    path = path_of(grid_of(bars))
    (soon, early), (late, waited) = (
        traded(path, RULES._replace(latency=l_), width) for l_ in (latency, latency + later)
    )
    both = (soon.code[:, 0] == FILLED) & (late.code[:, 0] == FILLED)
    assert both.any()
    assert (waited.net[both, 0] <= early.net[both, 0] + 1e-9).all()


@settings(max_examples=40, deadline=None)
@given(bars=paths, less=st.floats(0.0, 1.0), quote=st.floats(1.0, 1e4))
def test_less_volume_or_a_larger_order_never_fills_a_larger_share(
    bars: list[Bar | None], less: float, quote: float
) -> None:
    path, decided = path_of(grid_of(bars)), np.arange(len(bars))
    rules = RULES._replace(minimum_notional=0.0)
    _, plain = entries(path, rules, decided, quote)
    _, thin = entries(path, rules._replace(participation=rules.participation * less), decided, quote)
    _, large = entries(path, rules, decided, quote * (2.0 - less))
    assert (thin <= plain).all()
    assert (large <= plain).all()
    assert ((plain >= 0.0) & (plain <= 1.0)).all()


def test_a_higher_fill_probability_fills_whatever_a_lower_one_fills_and_in_its_share() -> None:
    bars: list[Bar | None] = [(100.0, 100.0, 100.0, 100.0, 1e6)] * 4_000
    path, decided = path_of(grid_of(bars)), np.arange(3_900)
    sent = {p: entries(path, RULES._replace(fill_probability=p), decided, QUOTE)[1] > 0 for p in (0.2, 0.6, 1.0)}
    assert (sent[0.6] | ~sent[0.2]).all()
    assert sent[1.0].all()
    for p in (0.2, 0.6):
        assert abs(sent[p].mean() - p) < 4.0 * np.sqrt(p * (1.0 - p) / len(decided))
    again = entries(path, RULES._replace(fill_probability=0.2), decided, QUOTE)[1] > 0
    np.testing.assert_array_equal(again, sent[0.2])
    other = entries(path, RULES._replace(fill_probability=0.2, seed=8), decided, QUOTE)[1] > 0
    assert (other != again).any()


def test_the_draw_hangs_on_seed_order_and_minute_alone_and_is_even() -> None:
    drawn = np.array([[draw(7, order, minute) for minute in range(60)] for order in range(60)])
    counts = np.histogram(drawn, bins=10, range=(0.0, 1.0))[0]
    assert ((counts - 360) ** 2 / 360).sum() < 27.9  # chi squared of 9 degrees at 0.1 %
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1]) < 0.4
    assert draw(7, 3, 4) != draw(8, 3, 4)


def test_a_draw_does_not_depend_on_where_the_grid_starts() -> None:
    """Orders and minutes are counted since 1970: the same hour a day later in another grid draws the same."""
    still: list[Bar | None] = [(100.0, 100.5, 99.5, 100.0, 1e6)] * 200
    whole = grid_of(still)
    short = MinuteGrid(
        **{name: getattr(whole, name)[60:] for name in _arrays(whole)}, start=whole.start + 60 * _minute()
    )
    rules, decided = RULES._replace(fill_probability=0.5), np.arange(60, 180)
    _, all_ = entries(path_of(whole), rules, decided, QUOTE)
    _, part = entries(path_of(short), rules, decided - 60, QUOTE)
    np.testing.assert_array_equal(all_, part)


def _arrays(grid: MinuteGrid) -> list[str]:
    return [name for name, value in vars(grid).items() if isinstance(value, np.ndarray)]


def _minute() -> Any:
    return np.timedelta64(1, "m")


def test_as_the_size_goes_to_nothing_so_does_the_impact_and_nothing_is_refused() -> None:
    _, market = random_night(np.random.default_rng(3), 50)
    rows, side = np.arange(50), np.ones(50, np.int8)
    before = np.inf
    for size in (1000.0, 10.0, 1e-3, 1e-9):
        orders = market.orders(rows, side, np.full(50, size))
        assert (orders.impact_bps < before).all()
        before = orders.impact_bps.max()
    assert before < 1e-5
    tiny = replace(of_size(market, 1e-9), rules=market.rules._replace(fill_probability=1.0))
    found, _ = tiny.every_trade()
    refused = found.code[found.code >= 0]
    assert {REJECTIONS[code] for code in refused} <= {"below_minimum", "no_volume"}
    assert not (found.code == FILLED).any()
