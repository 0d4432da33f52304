"""A trade's size: Kelly's stake within its bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from huracan_assets.decision.sizing import size_gbp
from huracan_assets_tests.decision.evidence import limits

FREE = limits(position_gbp=1.0, min_position_share=1e-12, kelly_fraction=1.0)
NETS, STOPS = st.floats(-200.0, 200.0), st.floats(20.0, 500.0)


def size(net: float, stop: float, **changes: float) -> float:
    return float(size_gbp(np.array([net]), np.array([stop]), limits(**changes))[0])


@pytest.mark.parametrize(("net", "stop"), [(0.5, 150.0), (1.0, 200.0), (2.0, 400.0)])
def test_the_whole_stake_is_the_one_that_grows_fastest(net: float, stop: float) -> None:
    """Of a bet that wins or loses the stop, with this mean: the growth's own maximum, found by search."""
    up, down = (net + stop) * 1e-4, (net - stop) * 1e-4

    def loss(stake: float) -> float:
        return -0.5 * (math.log1p(stake * up) + math.log1p(stake * down))

    best = minimize_scalar(loss, bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-9}).x
    staked = float(size_gbp(np.array([net]), np.array([stop]), FREE)[0])
    assert staked == pytest.approx(best, rel=0.01)


@given(net=NETS, more=st.floats(0.0, 100.0), stop=STOPS, farther=st.floats(0.0, 100.0))
def test_more_edge_never_makes_it_smaller_and_more_risk_of_a_gain_never_larger(
    net: float, more: float, stop: float, farther: float
) -> None:
    assert size(net + more, stop) >= size(net, stop)
    if net >= 0.0:
        assert size(net, stop + farther) <= size(net, stop)


@given(net=NETS, stop=STOPS, share=st.floats(0.01, 1.0))
def test_it_stays_between_the_smallest_and_the_whole_position(net: float, stop: float, share: float) -> None:
    found = size(net, stop, min_position_share=share)
    assert share * 1000.0 <= found <= 1000.0
    assert size(net, stop, min_position_share=1.0) == 1000.0


@pytest.mark.parametrize(("net", "stop"), [(math.nan, 60.0), (10.0, math.nan)])
def test_an_unknown_figure_makes_no_size(net: float, stop: float) -> None:
    assert math.isnan(size(net, stop))
