"""Laws of entries by a resting limit, on random paths with ties, jumps, gaps, thin minutes and minutes without volume.

That a later order never brings more is no law of limits: it may come to rest where the market is about to go. Nor is
it that a market which quotes wider brings less: the limit stands further behind, another order.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.simulation.accounts import Accounts, accounts
from huracan_assets.simulation.barriers import Outcomes, every_trade
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.fills import EXPIRED, FILLED, REJECTIONS, Rules
from huracan_assets.simulation.limit_price import Resting
from huracan_assets.simulation.path import Path, path_of
from huracan_assets.simulation.trade_market import TradeMarket
from huracan_assets_tests.shadow.recorded_market import SETTINGS, random_grid
from huracan_assets_tests.shadow.trades import of_size, random_night
from huracan_assets_tests.simulation.random_path import Bar, grid_of, lattice
from huracan_assets_tests.simulation.slow_simulator import SlowTrade, slow_trade
from huracan_assets_tests.simulation.test_laws import FUNDING, mirrored, path_with_funding

QUOTE = 100.0
RULES = Rules(1, 8, 0.02, 0.5, 1.0, 0.0, 5.0, 2.0, 7, patience=4)
widths = st.sampled_from([0.0031, 0.0077, 0.0131])  # between the ticks of the lattice
gaps = st.sampled_from([0.0, 0.125, 0.5, 1.0])
paths = lattice(40)
Lattice = list[Bar | None]


def traded(
    path: Path, rules: Rules, width: float, behind: float, cost: tuple[float, float]
) -> tuple[Outcomes, Accounts]:
    """A long and a short at every minute."""
    decided = np.arange(len(path.open))
    one = np.ones(len(decided))
    resting = Resting(one * behind, one * 0.0)
    found = every_trade(path, rules, decided, one * width, one * width, one * QUOTE, resting)
    return found, accounts(path, rules, found, decided, one * cost[0], one * cost[1])


def filled(path: Path, rules: Rules, behind: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which orders have an outcome, the share that was filled, and the minute of the first fill, (n, 2) each."""
    found, _ = traded(path, rules, 0.0077, behind, (0.0, 0.0))
    told = (found.code == FILLED) | (found.code == EXPIRED)
    return told, np.where(told, found.filled, 0.0), found.entry


@settings(max_examples=50, deadline=None)
@given(
    bars=paths, width=widths, behind=gaps, more=st.floats(0.0, 50.0),
    which=st.sampled_from(["taker", "maker", "half", "impact"]),
)  # fmt: skip
def test_a_higher_fee_spread_or_impact_never_raises_what_a_filled_order_brings(
    bars: Lattice, width: float, behind: float, more: float, which: str
) -> None:
    path, dear, cost = path_with_funding(bars), RULES, {"half": 1.5, "impact": 0.7}
    if which in ("taker", "maker"):
        dear = RULES._replace(**{f"{which}_fee_bps": getattr(RULES, f"{which}_fee_bps") + more})
    else:
        cost[which] += more
    found, cheap = traded(path, RULES, width, behind, (1.5, 0.7))
    again, paid = traded(path, dear, width, behind, (cost["half"], cost["impact"]))
    for name in Outcomes._fields:
        np.testing.assert_array_equal(getattr(found, name), getattr(again, name))
    kept = found.code == FILLED
    assert (paid.net[kept] <= cheap.net[kept] + 1e-9).all()
    np.testing.assert_array_equal(paid.gross[kept], cheap.gross[kept])


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), by=st.floats(1.0, 8.0), offset=st.sampled_from([0.0, 1.0, 2.5]))
def test_a_wider_spread_under_a_shock_never_raises_what_an_order_of_the_settings_brings(
    seed: int, by: float, offset: float
) -> None:
    """From the spread on, through the price of the limit: quoted by the features, or the floor."""
    rng = np.random.default_rng(seed)
    grid = random_grid(rng, 2)
    as_of = pl.Series("as_of", grid.known_at[14::15]).dt.replace_time_zone("UTC")
    told = pl.Series("spread_bps", rng.choice([0.1, 2.0, 9.0, np.nan], len(as_of)), nan_to_null=True)
    simulation = SETTINGS.simulation.model_copy(update={"entry": "limit", "limit_offset_half_spreads": offset})

    def outcomes(costs: Costs) -> tuple[Outcomes, Accounts]:
        bars = pl.DataFrame([as_of, told])
        return TradeMarket.of(grid, bars, None, costs, simulation, 1000.0).every_trade()

    plain, shocked = (outcomes(Costs.of(simulation).shocked(spread=factor)) for factor in (1.0, by))
    for name in Outcomes._fields:
        np.testing.assert_array_equal(getattr(plain[0], name), getattr(shocked[0], name))
    held = plain[0].code == FILLED
    assert held.any()
    assert (shocked[1].net[held] <= plain[1].net[held]).all()


@settings(max_examples=50, deadline=None)
@given(bars=paths, width=widths, behind=gaps)
def test_cash_and_position_are_conserved_and_no_fill_is_early_outside_its_minute_or_beyond_its_limit(
    bars: Lattice, width: float, behind: float
) -> None:
    """Each fill is booked by itself: the position ends at nothing, and the cash is the net to 1e-9 of the notional."""
    path, (half, impact) = path_with_funding(bars), (1.5, 0.7)
    found, made = traded(path, RULES, width, behind, (half, impact))
    for b, k in np.argwhere(found.code == FILLED):
        side = 1 - 2 * int(k)
        slow = slow_trade(path, RULES, int(b), side, width, width, QUOTE, (behind, 0.0))
        assert isinstance(slow, SlowTrade)
        position = cash = 0.0
        for minute, price, share in slow.bought:
            assert b + RULES.latency <= minute < b + RULES.latency + RULES.patience
            assert path.low[minute] <= price <= path.high[minute]
            assert side * price <= side * slow.base
            assert share * QUOTE <= RULES.participation * path.volume[minute] * price * (1.0 + 1e-12)
            position += side * share * QUOTE / price
            cash -= side * share * QUOTE + share * QUOTE * RULES.maker_fee_bps / 1e4
        assert side * found.entry_price[b, k] <= side * slow.base
        notional, quantity = slow.filled * QUOTE, abs(position)
        taker = (RULES.taker_fee_bps + half + impact * np.sqrt(slow.filled)) / 1e4
        for place, (minute, price, share) in enumerate(slow.tape):
            assert minute >= slow.entry
            assert path.low[minute] <= price <= path.high[minute]
            maker = slow.maker_part > 0 and sum(s * p for _, p, s in slow.tape[: place + 1]) <= slow.maker_part + 1e-9
            position -= side * share * quantity
            cash += side * share * quantity * price - share * quantity * price * (
                RULES.maker_fee_bps / 1e4 if maker else taker
            )
        cash -= side * notional * sum(r for at, r in zip(*FUNDING, strict=True) if slow.entry < at <= slow.exit)
        assert abs(position) < 1e-9
        assert abs(cash / notional - made.net[b, k] / 1e4) < 1e-9


@settings(max_examples=50, deadline=None)
@given(bars=paths, behind=gaps, patience=st.integers(1, 8), more=st.integers(1, 8))
def test_more_patience_never_fills_less_nor_later(bars: Lattice, behind: float, patience: int, more: int) -> None:
    path = path_of(grid_of(bars))
    short, part, first = filled(path, RULES._replace(patience=patience), behind)
    long, whole, again = filled(path, RULES._replace(patience=patience + more), behind)
    both = short & long
    assert (whole[both] >= part[both]).all()
    held = both & (part > 0.0)
    np.testing.assert_array_equal(first[held], again[held])


@settings(max_examples=50, deadline=None)
@given(bars=paths, behind=gaps, low=st.floats(0.0, 1.0), more=st.floats(0.0, 1.0))
def test_a_higher_touch_probability_fills_whatever_a_lower_one_fills_and_no_later(
    bars: Lattice, behind: float, low: float, more: float
) -> None:
    """How much of it is another matter: what is filled sooner may meet a barrier that cancels the rest."""
    path = path_of(grid_of(bars))
    _, seldom, late = filled(path, RULES._replace(touch_fill_probability=low), behind)
    _, often, soon = filled(path, RULES._replace(touch_fill_probability=min(1.0, low + more)), behind)
    held = seldom > 0.0
    assert (often[held] > 0.0).all()
    assert (soon[held] <= late[held]).all()


@settings(max_examples=50, deadline=None)
@given(bars=paths, behind=gaps, more=gaps, less=st.floats(0.0, 1.0))
def test_a_limit_further_behind_or_a_thinner_market_never_fills_sooner(
    bars: Lattice, behind: float, more: float, less: float
) -> None:
    path = path_of(grid_of(bars))
    rules = RULES._replace(touch_fill_probability=0.0)
    _, near, soon = filled(path, rules, behind)
    for other in (
        filled(path, rules, behind + more),
        filled(path, rules._replace(participation=rules.participation * less), behind),
    ):
        held = other[1] > 0.0
        assert (near[held] > 0.0).all()
        assert (soon[held] <= other[2][held]).all()


@settings(max_examples=50, deadline=None)
@given(bars=paths, width=widths, behind=gaps, at=st.integers(1, 20))
def test_before_costs_a_short_is_a_long_in_the_mirror(bars: Lattice, width: float, behind: float, at: int) -> None:
    """Prices mirrored at the limit's. Touches draw by the side of an order, so they are left out."""
    rules, path = RULES._replace(touch_fill_probability=0.0, participation=1e3), path_of(grid_of(bars))
    found, _ = traded(path, rules, width, behind, (0.0, 0.0))
    for side, opposite in ((0, 1), (1, 0)):
        if at >= len(bars) or found.code[at, side] != FILLED:
            continue
        slow = slow_trade(path, rules, at, 1 - 2 * side, width, width, QUOTE, (behind, 0.0))
        assert isinstance(slow, SlowTrade)
        other, _ = traded(path_of(grid_of(mirrored(bars, slow.base))), rules, width, behind, (0.0, 0.0))
        assert other.code[at, opposite] == FILLED
        for name in ("entry", "exit", "reason"):
            assert getattr(other, name)[at, opposite] == getattr(found, name)[at, side]
        for name in ("entry_price", "exit_price"):
            twice = getattr(other, name)[at, opposite] + getattr(found, name)[at, side]
            np.testing.assert_allclose(twice, 2.0 * slow.base, rtol=0, atol=1e-8)


def test_as_the_size_goes_to_nothing_so_does_the_impact_of_the_way_out_and_nothing_is_filled() -> None:
    _, market = random_night(np.random.default_rng(3), 50)
    limits = replace(market, rules=market.rules._replace(patience=5, offset=1.0, fill_probability=1.0))
    before = np.inf
    for size in (1000.0, 10.0, 1e-3, 1e-9):
        found, made = of_size(replace(limits, rules=limits.rules._replace(minimum_notional=0.0)), size).every_trade()
        impact = made.impact[found.code == FILLED].max()
        assert 0.0 < impact < before
        before = impact
    assert before < 1e-5
    refused, _ = of_size(limits, 1e-9).every_trade()
    assert {REJECTIONS[code] for code in refused.code[refused.code >= 0]} == {"below_minimum"}
    assert not (refused.code == FILLED).any()
