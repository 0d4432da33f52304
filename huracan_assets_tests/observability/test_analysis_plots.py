"""The pictures of the trade analysis: drawn from numbers, the same bytes again, and honest about nothing."""

from __future__ import annotations

import numpy as np

from huracan_assets.observability.analysis_plots import cause_bars, holding_curve, refusal_intervals

MINUTES = [5, 30, 120]


def test_the_causes_are_drawn_and_the_same_numbers_give_the_same_picture() -> None:
    causes = (["costs", "gave_back", "trend"], [-30.0, -12.5, 80.0], [3, 1, 4])
    drawn = cause_bars(*causes)
    assert drawn.startswith("![root causes of 8 trades](data:image/png;base64,")
    assert drawn == cause_bars(*causes)
    assert drawn != cause_bars(["costs", "gave_back", "trend"], [-30.0, -12.5, 81.0], [3, 1, 4])
    assert cause_bars(["costs"], [0.0], [1]).startswith("![")
    assert cause_bars([], [], []) == "_no trades_"


def test_the_gates_are_drawn_where_some_of_their_refusals_are_known() -> None:
    gates, counts = ["cost", "meta_label", "no_side"], np.array([40.0, 3.0, 0.0])
    net, low, high = np.array([-5.0, 2.0, np.nan]), np.array([-8.0, np.nan, np.nan]), np.array([-2.0, np.nan, np.nan])
    drawn = refusal_intervals(gates, net, low, high, counts)
    assert drawn.startswith("![what 3 gates and limits refused](data:image/png;base64,")
    assert drawn == refusal_intervals(gates, net, low, high, counts)
    assert drawn != refusal_intervals(gates, net, low, -high, counts), "the interval is not drawn"
    assert drawn != refusal_intervals(gates, net, low, high, counts + 1.0), "the count is not told"
    assert refusal_intervals(gates, low * np.nan, low, high, counts) == "_no refused trade is known_"
    assert refusal_intervals([], *[np.empty(0)] * 4) == "_no refused trade is known_"


def test_the_curve_is_drawn_where_some_of_it_is_known() -> None:
    net = np.array([1.0, np.nan, 4.0])
    drawn = holding_curve(MINUTES, net, net - 2.0, net + 2.0, 3.0)
    assert drawn.startswith("![net result of 3 fixed holding times](data:image/png;base64,")
    assert drawn != holding_curve(MINUTES, net, net - 2.0, net + 2.0, -3.0)
    nothing = np.full(3, np.nan)
    assert holding_curve(MINUTES, nothing, nothing, nothing, 0.0) == "_too few days with trades_"
