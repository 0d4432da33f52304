"""Where a limit comes to rest: on the market's own ticks, behind what was known, by what was known."""

from __future__ import annotations

import numpy as np
import pytest

from huracan_assets.simulation.limit_price import limit_price, resting_limits
from huracan_assets.simulation.path import Path, path_of
from huracan_assets_tests.simulation.random_path import Bar, grid_of

MINUTES = 3_000


def ticked(tick: float, seed: int = 1, minutes: int = MINUTES) -> list[Bar | None]:
    """Prices near 20 that stand on whole ticks, as their decimal texts are read."""
    rng = np.random.default_rng(seed)
    digits = len(f"{tick:.10f}".rstrip("0").split(".")[1])
    steps = np.cumsum(rng.integers(-3, 4, minutes)) + round(20.0 / tick)
    up, down = rng.integers(0, 5, (2, minutes))
    legs = [steps, steps + 2 + up, steps - 2 - down, steps + rng.integers(-2, 3, minutes)]
    table = np.array([[round(int(value) * tick, digits) for value in leg] for leg in legs]).T
    return [None if rng.random() < 0.1 else (*row, 1e3) for row in table.tolist()]


def price(path: Path, at: int, side: int, half_spread: float, offset: float = 1.0) -> float:
    resting = resting_limits(path, np.array([at]), np.array([half_spread]), offset)
    seen = max(j for j in range(at) if path.open[j] > 0)
    arrived = min(j for j in range(at + 1, len(path.open)) if path.open[j] > 0)
    return float(limit_price(path, seen, arrived, side, resting.behind[0], resting.scale[0]))


@pytest.mark.parametrize("tick", [0.01, 0.001, 0.05, 0.25])
@pytest.mark.parametrize("half_spread", [0.5, 2.5, 40.0])
def test_it_is_a_price_that_the_market_can_trade_and_no_nearer_than_the_offset(tick: float, half_spread: float) -> None:
    path = path_of(grid_of(ticked(tick)))
    for at in range(1500, 1560):
        seen = path.close[max(j for j in range(at) if path.open[j] > 0)]
        opened = path.open[min(j for j in range(at + 1, MINUTES) if path.open[j] > 0)]
        for side in (1, -1):
            found = price(path, at, side, half_spread)
            assert found == round(round(found / tick) * tick, 6)  # to the bit
            gap = side * ((min(seen, opened) if side > 0 else max(seen, opened)) - found)
            assert half_spread * seen / 1e4 - 1e-9 <= gap < half_spread * seen / 1e4 + tick


def test_without_a_lattice_it_stands_exactly_the_offset_behind() -> None:
    rng = np.random.default_rng(2)
    prices = (100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, 400)))).tolist()
    bars: list[Bar | None] = [(p, p * 1.001, p * 0.999, p * 1.0003, 1.0) for p in prices]
    path = path_of(grid_of(bars))
    resting = resting_limits(path, np.array([300]), np.array([2.0]), 3.0)
    assert resting.behind[0] == pytest.approx(path.close[299] * 6e-4, rel=1e-6)


def test_minutes_at_and_after_the_decision_and_those_of_two_days_before_say_nothing() -> None:
    bars = ticked(0.05)
    at, finer = 2_000, ticked(0.01, seed=2)
    path = path_of(grid_of(bars))
    other = path_of(grid_of(finer[: at - 1440] + bars[at - 1440 : at] + finer[at:]))
    half = np.array([2.0])
    for seen, expected in ((path, 20.0), (other, 20.0)):
        resting = resting_limits(seen, np.array([at]), half, 1.0)
        assert resting.behind[0] * expected == 1.0  # one tick of 0.05
    late = resting_limits(other, np.array([at + 2]), half, 1.0)
    assert late.behind[0] == 0.01


def test_where_nothing_is_known_there_is_no_price() -> None:
    nothing: list[Bar | None] = [None] * 20
    path = path_of(grid_of(nothing + ticked(0.01, minutes=20)))
    resting = resting_limits(path, np.array([0, 10, 20]), np.ones(3), 1.0)
    assert np.isnan(resting.behind).all()
