"""The vote: silence, antisymmetry, and weights that follow the record."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from huracan_assets.decision.ensemble import SOURCES, WEIGHT_CAP, WEIGHT_FLOOR, learn_weights, tally

Floats = NDArray[np.float64]
M = len(SOURCES)

vote_values = st.one_of(st.just(0.0), st.just(np.nan), st.floats(-1.0, 1.0, allow_subnormal=False))
ballots = st.integers(1, 12).flatmap(lambda n: arrays(np.float64, (n, M), elements=vote_values))
weightings = st.lists(st.floats(WEIGHT_FLOOR, WEIGHT_CAP), min_size=M, max_size=M).map(
    lambda values: dict(zip(SOURCES, values, strict=True))
)


@given(votes=ballots, weights=weightings)
def test_the_tally_is_the_weighted_mean_of_the_votes_cast(votes: Floats, weights: dict[str, float]) -> None:
    found = tally(votes, weights)
    for row, side, score, agreement in zip(votes, found.side, found.score, found.agreement, strict=True):
        cast = [(weights[name], v) for name, v in zip(SOURCES, row, strict=True) if v == v and v != 0.0]
        pull, size = sum(w * v for w, v in cast), sum(w * abs(v) for w, v in cast)
        mean = pull / sum(w for w, _ in cast) if cast else 0.0
        assert score == pytest.approx(mean, abs=1e-12)
        assert side == np.sign(score)
        assert agreement == pytest.approx(abs(pull) / size if size else 0.0, abs=1e-9)
        assert -1.0 <= score <= 1.0
        assert 0.0 <= agreement <= 1.0


@given(votes=ballots, weights=weightings, quiet=st.integers(0, M - 1), nothing=st.sampled_from([0.0, np.nan]))
def test_silence_dilutes_nobody(votes: Floats, weights: dict[str, float], quiet: int, nothing: float) -> None:
    silent = votes.copy()
    silent[:, quiet] = nothing
    heavier = weights | {SOURCES[quiet]: WEIGHT_CAP}
    lighter = weights | {SOURCES[quiet]: WEIGHT_FLOOR}
    one, other = tally(silent, heavier), tally(silent, lighter)
    for name in ("side", "score", "agreement"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@given(votes=ballots, weights=weightings)
def test_opposite_votes_name_the_opposite_side(votes: Floats, weights: dict[str, float]) -> None:
    one, other = tally(votes, weights), tally(-votes, weights)
    np.testing.assert_array_equal(one.side, -other.side)
    np.testing.assert_array_equal(one.score, -other.score)
    np.testing.assert_array_equal(one.agreement, other.agreement)


@given(votes=ballots, weights=weightings, data=st.data())
def test_a_bar_is_tallied_alike_whatever_stands_beside_it(
    votes: Floats, weights: dict[str, float], data: st.DataObject
) -> None:
    # Long enough for a vectorised product to choose another order of summation.
    many = np.tile(votes, (40, 1))
    row = data.draw(st.integers(0, len(votes) - 1))
    whole, alone = tally(many, weights), tally(votes[row : row + 1], weights)
    for name in ("side", "score", "agreement"):
        np.testing.assert_array_equal(getattr(whole, name)[row :: len(votes)], getattr(alone, name)[0])


@given(
    votes=ballots,
    data=st.data(),
)
def test_learned_weights_stay_within_their_bounds(votes: Floats, data: st.DataObject) -> None:
    n = len(votes)
    net = data.draw(arrays(np.float64, (n, 2), elements=st.floats(-1e4, 1e4)))
    uniqueness = data.draw(arrays(np.float64, n, elements=st.floats(0.01, 1.0)))
    weights = learn_weights(votes, net, uniqueness)
    assert tuple(weights) == SOURCES
    assert all(WEIGHT_FLOOR <= weight <= WEIGHT_CAP for weight in weights.values())


def test_a_source_that_is_always_right_outweighs_a_coin_and_a_coin_one_that_is_always_wrong() -> None:
    rng = np.random.default_rng(1)
    net = rng.normal(0, 50, (4000, 2))
    better = np.sign(net[:, 0] - net[:, 1])
    votes = np.column_stack([better, -better, rng.permutation(better), np.zeros(4000), np.full(4000, np.nan)])
    weights = learn_weights(votes, net, np.ones(4000))
    assert weights[SOURCES[0]] == WEIGHT_CAP
    assert weights[SOURCES[1]] == WEIGHT_FLOOR
    assert weights[SOURCES[2]] == pytest.approx(1.0, abs=0.5)
    assert weights[SOURCES[3]] == weights[SOURCES[4]] == 1.0


def test_a_short_record_moves_a_weight_less_than_a_long_one() -> None:
    net = np.tile([[10.0, -10.0]], (400, 1))
    votes = np.zeros((400, M))
    votes[:, 0] = 0.003  # quiet, and right each time
    few = learn_weights(votes[:20], net[:20], np.ones(20))[SOURCES[0]]
    many = learn_weights(votes, net, np.ones(400))[SOURCES[0]]
    overlapping = learn_weights(votes, net, np.full(400, 0.05))[SOURCES[0]]
    assert 1.0 < few < many < WEIGHT_CAP
    assert overlapping == pytest.approx(few)
