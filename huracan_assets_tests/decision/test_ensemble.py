"""The vote: silence, antisymmetry, and weights that follow the record."""

from __future__ import annotations

import struct
from datetime import UTC
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pydantic import ValidationError

from huracan_assets.decision.ensemble import SOURCES, WEIGHT_CAP, WEIGHT_FLOOR, EnsembleState, tally
from huracan_assets.errors import ContractError
from huracan_assets.resources.lake import canonical_json

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]
ORIGIN = np.datetime64("2026-01-01", "us")
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


Outcomes = tuple[Floats, Floats, Floats, Times]


def outcomes(seed: int, n: int) -> Outcomes:
    """Votes with holes, what both sides brought, uniqueness, and when it was known: not in order, some at once."""
    rng = np.random.default_rng(seed)
    votes = np.where(rng.random((n, M)) < 0.2, np.nan, np.round(rng.uniform(-1, 1, (n, M)), 2))
    known_at = ORIGIN + np.timedelta64(15, "m") * rng.integers(0, 2 * n + 1, n)
    return votes, rng.normal(0, 50, (n, 2)), rng.uniform(0.05, 1.0, n), known_at


def taken(state: EnsembleState, of: Outcomes, rows: Any = slice(None), half_life: float = 60.0) -> EnsembleState:
    votes, net, uniqueness, known_at = (part[rows] for part in of)
    return state.updated(votes, net, uniqueness, known_at, half_life)


@given(seed=st.integers(0, 10_000), n=st.integers(1, 60), half_life=st.floats(0.05, 500.0))
@settings(deadline=None)
def test_the_state_is_the_slow_loop_over_outcomes_in_the_order_they_became_known(
    seed: int, n: int, half_life: float
) -> None:
    of = outcomes(seed, n)
    found = taken(EnsembleState(), of, half_life=half_life)
    last = of[3].max()
    for column, source in enumerate(SOURCES):
        right = said = 0.0
        for vote, net, unique, known_at in zip(of[0][:, column], of[1], of[2], of[3], strict=True):
            if vote == vote:
                days = (last - known_at) / np.timedelta64(1, "D")
                mass = abs(vote) * unique * 0.5 ** (days / half_life)
                said += mass
                right += mass * np.sign(vote) * np.sign(net[0] - net[1])
        own = found.sources[source]
        assert own.said == pytest.approx(said, rel=1e-9, abs=1e-300)
        assert own.right == pytest.approx(right, rel=1e-9, abs=1e-9 * said + 1e-300)
        assert own.votes == np.count_nonzero(np.nan_to_num(of[0][:, column]))
        assert own.weight == pytest.approx(np.clip(1 + 10 * right / (said + 50), WEIGHT_FLOOR, WEIGHT_CAP))
        assert own.accuracy is None if said == 0.0 else own.accuracy == pytest.approx(0.5 + right / said / 2)
    assert found.known_at == last.astype("datetime64[us]").item().replace(tzinfo=UTC)


@given(seed=st.integers(0, 10_000), n=st.integers(1, 120), cuts=st.lists(st.floats(0, 1), max_size=4))
@settings(deadline=None)
def test_saved_and_continued_it_has_the_bits_of_one_that_never_stopped(seed: int, n: int, cuts: list[float]) -> None:
    of = outcomes(seed, n)
    uninterrupted = taken(EnsembleState(), of, half_life=3.0)
    state, counted = EnsembleState(), np.zeros(n, np.bool_)
    for cut in (*sorted(cuts), 1.0):
        rows = (of[3] <= np.quantile(of[3].astype(np.int64), cut).astype("datetime64[us]")) & ~counted
        rows = of[3] <= of[3][rows].max() if rows.any() else rows
        assert (state.unseen(of[3]) == ~counted).all()
        state = taken(state, of, rows & ~counted, half_life=3.0)
        counted |= rows
        state = EnsembleState.model_validate_json(canonical_json(state))
    assert counted.all()
    assert canonical_json(state) == canonical_json(uninterrupted)
    assert [struct.pack("d", weight) for weight in state.weights.values()] == [
        struct.pack("d", weight) for weight in uninterrupted.weights.values()
    ]


@given(seed=st.integers(0, 10_000), n=st.integers(1, 60))
@settings(deadline=None)
def test_learned_weights_stay_within_their_bounds(seed: int, n: int) -> None:
    weights = taken(EnsembleState(), outcomes(seed, n)).weights
    assert tuple(weights) == SOURCES
    assert all(WEIGHT_FLOOR <= weight <= WEIGHT_CAP for weight in weights.values())


def steady(n: int) -> tuple[Floats, Times]:
    """What both sides brought, and an hour a bar."""
    return np.random.default_rng(1).normal(0, 50, (n, 2)), ORIGIN + np.timedelta64(1, "h") * np.arange(n)


def test_a_source_that_is_always_right_outweighs_a_coin_and_a_coin_one_that_is_always_wrong() -> None:
    net, times = steady(4000)
    better = np.sign(net[:, 0] - net[:, 1])
    coin = np.random.default_rng(2).permutation(better)
    votes = np.column_stack([better, -better, coin, np.zeros(4000), np.full(4000, np.nan)])
    weights = taken(EnsembleState(), (votes, net, np.ones(4000), times)).weights
    assert weights[SOURCES[0]] == WEIGHT_CAP
    assert weights[SOURCES[1]] == WEIGHT_FLOOR
    assert weights[SOURCES[2]] == pytest.approx(1.0, abs=0.5)
    assert weights[SOURCES[3]] == weights[SOURCES[4]] == 1.0, "who is silent keeps the weight of a coin"


def test_a_short_record_moves_a_weight_less_than_a_long_one() -> None:
    net, times = np.tile([[10.0, -10.0]], (400, 1)), ORIGIN + np.timedelta64(1, "m") * np.arange(400)
    votes = np.zeros((400, M))
    votes[:, 0] = 0.003  # quiet, and right each time

    def weight(n: int, uniqueness: float) -> float:
        return taken(EnsembleState(), (votes[:n], net[:n], np.full(n, uniqueness), times[:n])).weights[SOURCES[0]]

    assert 1.0 < weight(20, 1.0) < weight(400, 1.0) < WEIGHT_CAP
    assert weight(400, 0.05) == pytest.approx(weight(20, 1.0), rel=1e-4)


def test_a_weight_follows_its_source_when_it_turns() -> None:
    net, times = steady(4800)  # 200 days
    better = np.sign(net[:, 0] - net[:, 1])
    votes = np.zeros((4800, M))
    votes[:, 0] = 0.05 * np.where(np.arange(4800) < 3600, better, -better)
    of = (votes, net, np.ones(4800), times)
    quick, slow = (taken(EnsembleState(), of, half_life=days) for days in (10.0, 1e6))
    assert quick.weights[SOURCES[0]] < 1.0 < slow.weights[SOURCES[0]]
    assert quick.sources[SOURCES[0]].votes == slow.sources[SOURCES[0]].votes == 4800
    late = times[-1:] + np.timedelta64(3650, "D")
    forgotten = quick.updated(np.zeros((1, M)), net[:1], np.ones(1), late, 10.0)
    assert forgotten.weights[SOURCES[0]] == pytest.approx(1.0), "who has long been silent is a coin again"


def test_an_outcome_counts_once_and_never_before_an_older_one() -> None:
    of = outcomes(3, 40)
    state = taken(EnsembleState(), of)
    newest = int(np.argmax(of[3]))
    for rows in ([newest], [int(np.argmin(of[3]))]):
        with pytest.raises(ContractError, match="count twice"):
            taken(state, of, rows)
    assert taken(state, of, []) == state
    for part, broken in ((1, np.nan), (1, np.inf), (2, np.nan)):
        spoilt = list(of)
        spoilt[part] = np.full_like(of[part], broken)
        with pytest.raises(ContractError, match="finite"):
            taken(EnsembleState(), tuple(spoilt))  # type: ignore[arg-type]


def test_a_broken_state_is_refused() -> None:
    state = taken(EnsembleState(), outcomes(4, 40)).model_dump()
    fewer = {name: own for name, own in state["sources"].items() if name != "rl_agent"}
    changes: tuple[dict[str, Any], ...] = (
        {"sources": fewer},
        {"sources": state["sources"] | {"astrologer": state["sources"]["rl_agent"]}},
        {"sources": state["sources"] | {"rl_agent": {"right": float("nan"), "said": 1.0, "votes": 1}}},
        {"sources": state["sources"] | {"rl_agent": {"right": 0.0, "said": -1.0, "votes": 1}}},
        {"weights": {}},
    )
    for change in changes:
        with pytest.raises(ValidationError):
            EnsembleState.model_validate(state | change)
