"""The regime's vote: with a trend, against a range, silent in a panic."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.regimes.vote import regime_vote

evidence = st.one_of(st.none(), st.floats(-3.0, 3.0, width=32))
odds = st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.001, 1.0))


def vote(trend: float | None, stretch: float | None, weights: tuple[float, float, float]) -> float:
    total = sum(weights)
    bars = pl.DataFrame(
        {"trend_str": [trend], "mean_rev": [stretch]},
        schema=dict.fromkeys(("trend_str", "mean_rev"), pl.Float32),
    )
    regimes = pl.DataFrame(
        {f"p_{name}": [w / total] for name, w in zip(("trend", "range", "panic"), weights, strict=True)}
    )
    return float(regime_vote(bars, regimes)[0])


@given(trend=evidence, stretch=evidence, weights=odds)
def test_a_vote_is_bounded_and_turns_with_its_evidence(
    trend: float | None, stretch: float | None, weights: tuple[float, float, float]
) -> None:
    found = vote(trend, stretch, weights)
    assert -1.0 <= found <= 1.0
    turned = vote(None if trend is None else -trend, None if stretch is None else -stretch, weights)
    assert turned == -found


def test_with_a_trend_against_a_range_and_nothing_in_a_panic() -> None:
    assert vote(0.8, 0.5, (1.0, 0.0, 0.0)) == pytest.approx(0.8)
    assert vote(0.8, 0.5, (0.0, 1.0, 0.0)) == -0.5
    assert vote(0.8, 0.5, (0.0, 0.0, 1.0)) == 0.0
    assert vote(0.8, None, (1.0, 0.0, 1.0)) == pytest.approx(0.5 * 0.5 * 0.8)
    assert vote(None, None, (1.0, 1.0, 1.0)) == 0.0


@given(trend=st.floats(0.1, 1.0), calm=st.floats(0.0, 0.9))
def test_more_panic_holds_the_vote_back(trend: float, calm: float) -> None:
    votes = [vote(trend, 0.0, (1.0 - panic, 0.0, panic + 1e-9)) for panic in (calm, calm + 0.1)]
    assert votes[1] < votes[0]
    assert np.sign(votes[0]) == 1.0
