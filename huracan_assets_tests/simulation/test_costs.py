"""Laws of the cost model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.errors import SettingsError
from huracan_assets.settings import read_settings
from huracan_assets.simulation.costs import Costs

SIMULATION = read_settings("local").simulation.model_copy(
    update={
        "taker_fee_bps": 5.0,
        "maker_fee_bps": 2.0,
        "spread_floor_bps": 1.0,
        "impact_coefficient": 1.0,
    }
)
COSTS = Costs.of(SIMULATION)
ONE = np.array([1.0])
positive = st.floats(1e-3, 1e3)


def test_costs_take_the_figures_of_the_settings() -> None:
    assert Costs(5.0, 2.0, 1.0, 1.0) == COSTS


def test_impact_follows_the_square_root_law_to_the_digit() -> None:
    # 1 % of a day's volume at 4 % daily volatility: 0.04 * 0.1 = 40 bps.
    assert COSTS.impact_bps(1e4, np.array([1e6]), np.array([0.04]), ONE) == pytest.approx([40.0], rel=1e-14)


@given(quote=st.floats(1.0, 1e6), volume=st.floats(1e3, 1e9), sigma=st.floats(1e-4, 1.0), times=positive)
def test_impact_scales_with_the_root_of_size_over_volume(
    quote: float, volume: float, sigma: float, times: float
) -> None:
    def impact(q: float, v: float) -> float:
        return float(COSTS.impact_bps(q, np.array([v]), np.array([sigma]), ONE)[0])

    assert impact(quote * times, volume) == pytest.approx(impact(quote, volume) * times**0.5, rel=1e-9)
    assert impact(quote, volume * times) == pytest.approx(impact(quote, volume) / times**0.5, rel=1e-9)


def test_a_market_without_volume_has_infinite_impact() -> None:
    assert np.isinf(COSTS.impact_bps(100.0, np.array([0.0]), np.array([0.03]), ONE)).all()


def test_the_spread_never_goes_below_its_floor_and_an_unknown_one_is_the_floor() -> None:
    half = COSTS.half_spread_bps(np.array([0.2, np.nan, 7.0]))
    assert half.tolist() == [0.5, 0.5, 3.5]


def test_a_market_order_pays_fee_half_spread_and_impact() -> None:
    assert COSTS.taker_bps(np.array([1.5]), np.array([0.75])).tolist() == [7.25]


@given(spread=st.floats(0, 100), quote=st.floats(1, 1e6), by=st.floats(1.0, 10.0))
def test_no_shock_ever_makes_an_order_cheaper(spread: float, quote: float, by: float) -> None:
    def all_in(costs: Costs) -> float:
        half = costs.half_spread_bps(np.array([spread]))
        return float(costs.taker_bps(half, costs.impact_bps(quote, np.array([1e7]), np.array([0.03]), ONE))[0])

    plain = all_in(COSTS)
    assert all_in(COSTS.with_fees(by)) >= plain
    assert all_in(COSTS.shocked(spread=by)) >= plain
    assert all_in(COSTS.shocked(depth=1 / by)) >= plain
    assert all_in(COSTS.shocked(impact=by)) >= plain
    rebate = Costs(5.0, -1.0, 1.0, 1.0)
    assert rebate.with_fees(by).maker_fee_bps >= rebate.maker_fee_bps


def test_the_liquidity_shock_of_the_stress_suite_multiplies_spread_and_impact() -> None:
    shocked = COSTS.shocked(spread=5.0, depth=0.2, impact=3.0)
    volume, sigma = np.array([1e6]), np.array([0.04])
    assert shocked.half_spread_bps(np.array([2.0, 0.0])).tolist() == [5.0, 2.5]
    assert shocked.impact_bps(1e4, volume, sigma, ONE) == pytest.approx([40.0 * 3 * 5**0.5], rel=1e-12)
    assert shocked.taker_fee_bps == COSTS.taker_fee_bps


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan")])
def test_a_factor_that_is_not_positive_is_refused(factor: float) -> None:
    with pytest.raises(SettingsError, match="factor"):
        COSTS.with_fees(factor)
    with pytest.raises(SettingsError, match="depth"):
        COSTS.shocked(depth=factor)
