"""What a lean is worth: the slope of a path seen from both ends, whatever the trend of the record."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from huracan_assets.decision.edge import Edge

Floats = NDArray[np.float64]

figures, leans = st.floats(-1e6, 1e6), st.floats(-5.0, 5.0)


def outcomes(rng: np.random.Generator, lean: Floats, slope: float, level: float, trend: float = 0.0) -> Floats:
    """Gross bps of long and short (n, 2): one path of 80 bps, what the lean is worth, and a trend."""
    path = slope * lean + trend + rng.normal(0.0, 80.0, len(lean))
    return np.column_stack([level + path, level - path])


@given(n=st.integers(1, 30), data=st.data())
def test_it_is_least_squares_of_both_sides_that_never_falls(n: int, data: st.DataObject) -> None:
    lean = data.draw(arrays(np.float64, n, elements=leans))
    gross = data.draw(arrays(np.float64, (n, 2), elements=figures))
    weights = data.draw(arrays(np.float64, n, elements=st.floats(0.01, 1.0)))
    edge = Edge.fit(lean, gross, weights)
    assert np.isfinite(list(edge.model_dump().values())).all()
    assert edge.slope >= 0.0
    if weights @ lean**2 > 1e-4:
        # The oracle: two rows a bar, an intercept that they share, and the lean to their own side.
        column = np.concatenate([lean, -lean])
        twice = np.sqrt(np.concatenate([weights, weights]))
        design = np.column_stack([np.ones(2 * n), column]) * twice[:, None]
        plain = np.linalg.lstsq(design, np.concatenate([gross[:, 0], gross[:, 1]]) * twice)[0]
        rounding = 1e-7 * np.abs(gross).max()
        assert edge.level == pytest.approx(plain[0], rel=1e-6, abs=rounding)
        assert edge.slope == pytest.approx(max(0.0, plain[1]), rel=1e-6, abs=rounding / (weights @ lean**2))


@given(seed=st.integers(0, 10_000))
def test_long_and_short_exchanged_is_the_lean_reversed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lean, weights = rng.normal(size=50), rng.uniform(0.1, 1.0, 50)
    gross = rng.normal(0.0, 50.0, (50, 2))
    there, back = Edge.fit(lean, gross, weights), Edge.fit(-lean, gross[:, ::-1], weights)
    assert there.slope == pytest.approx(back.slope)
    assert there.level == pytest.approx(back.level)


def test_a_trend_of_the_record_is_no_edge() -> None:
    """A trend that would make every long pay moves what is expected of neither side."""
    rng = np.random.default_rng(3)
    lean = rng.normal(size=4000)
    lean -= lean.mean()
    weights = np.ones(len(lean))
    calm = outcomes(np.random.default_rng(4), lean, 12.0, -2.0)
    risen = outcomes(np.random.default_rng(4), lean, 12.0, -2.0, trend=50.0)
    one, other = Edge.fit(lean, calm, weights), Edge.fit(lean, risen, weights)
    assert one.level == pytest.approx(-2.0)
    assert other.level == pytest.approx(one.level)
    assert other.slope == pytest.approx(one.slope)
    np.testing.assert_allclose(one(np.array([-1.0, 0.0, 2.0])), [-2.0 - one.slope, -2.0, -2.0 + 2.0 * one.slope])


def test_the_slopes_error_is_how_far_it_scatters() -> None:
    """Against the scatter of many slopes fitted on fresh noise; half as independent, known by root two less."""
    rng = np.random.default_rng(10)
    lean, weights = rng.normal(size=1500), np.ones(1500)
    records = [outcomes(rng, lean, 12.0, -2.0) for _ in range(300)]
    edges = [Edge.fit(lean, record, weights) for record in records]
    assert np.mean([edge.slope for edge in edges]) == pytest.approx(12.0, abs=0.5)
    scatter = np.std([edge.slope for edge in edges])
    assert np.mean([edge.slope_error for edge in edges]) == pytest.approx(scatter, rel=0.15)
    half = Edge.fit(lean, records[0], weights / 2.0)
    assert half.slope_error == pytest.approx(np.sqrt(2.0) * edges[0].slope_error)
    assert half.slope == pytest.approx(edges[0].slope)


def test_models_that_lean_to_the_wrong_side_are_worth_nothing() -> None:
    rng = np.random.default_rng(5)
    lean = rng.normal(size=2000)
    edge = Edge.fit(lean, outcomes(rng, lean, -30.0, -3.0), np.ones(2000))
    assert edge.slope == 0.0
    np.testing.assert_allclose(edge(np.array([-2.0, 2.0])), [-3.0, -3.0])


def test_models_that_never_lean_leave_the_level_alone() -> None:
    gross = np.array([[10.0, -14.0], [4.0, -8.0]])
    assert Edge.fit(np.zeros(2), gross, np.ones(2)) == Edge(level=-2.0, slope=0.0, slope_error=0.0)
