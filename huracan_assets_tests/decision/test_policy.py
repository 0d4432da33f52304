"""One frozen policy: pure per bar, the same from JSON, and expectations that shrink."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from huracan_assets.decision.ensemble import SOURCES, tally
from huracan_assets.decision.policy import DecisionPolicy, Line, all_votes, decide, fit_policy
from huracan_assets.resources.lake import canonical_json
from huracan_assets_tests.decision.evidence import calibrators, evidence, limits, past_bars, policy

Floats = NDArray[np.float64]


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 130), data=st.data())
def test_a_decision_is_of_its_own_bar_alone(seed: int, n: int, data: st.DataObject) -> None:
    of, known = policy(seed % 7), evidence(n, seed)
    whole = decide(of, known)
    kept = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=8, unique=True).map(sorted))
    rows = np.array(kept)
    assert decide(of, known.at(rows)).equals(whole[kept])


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_a_policy_read_back_from_json_decides_the_same_to_the_bit(seed: int) -> None:
    of = policy(seed)
    back = DecisionPolicy.model_validate_json(canonical_json(of))
    assert back == of
    assert decide(back, evidence(200, seed)).equals(decide(of, evidence(200, seed)))


def generous(seed: int = 3) -> DecisionPolicy:
    """A policy that accepts whatever its evidence supports."""
    return policy(
        seed,
        min_confidence=0.0,
        min_agreement=0.0,
        min_edge_to_cost=0.0,
        max_spread_bps=1e9,
        max_daily_volatility=1e9,
    )


def test_only_what_every_gate_lets_through_has_a_size() -> None:
    of = policy(3, min_confidence=0.5, min_edge_to_cost=0.5)
    decisions = decide(of, evidence(3000, 3))
    accepted = decisions.filter("accepted")
    assert 0 < accepted.height < decisions.height
    assert accepted["size_gbp"].unique().to_list() == [of.limits.position_gbp]
    assert decisions.filter(~pl.col("accepted"))["size_gbp"].unique().to_list() == [0.0]
    assert accepted["side"].is_in([-1, 1]).all()
    assert ((decisions["refused_by"] == "") == decisions["accepted"]).all()


@pytest.mark.parametrize(
    ("field", "value", "refusal"),
    [
        ("raw", np.nan, "meta_label"),
        ("cost_bps", np.nan, "cost"),
        ("cost_bps", np.inf, "cost"),
        ("spread_bps", np.nan, "spread"),
        ("spread_bps", np.inf, "spread"),
        ("minute_volatility", np.nan, "volatility"),
        ("minute_volatility", np.inf, "volatility"),
        ("votes", np.nan, "no_side"),
    ],
)
def test_unknown_or_infinite_evidence_refuses(field: str, value: float, refusal: str) -> None:
    known = evidence(500, 4, holes=False)
    known = replace(known, regime=np.full(500, "TREND"), similar_net_bps=np.full((500, 2), np.nan))
    of = generous()
    before = decide(of, known)
    assert before.filter("accepted").height > 50
    changed = {field: np.full_like(getattr(known, field), value)}
    if field == "votes":  # the models' own column follows from raw
        changed["raw"] = np.full_like(known.raw, np.nan)
    after = decide(of, replace(known, **changed))
    assert not after["accepted"].any()
    assert set(after.filter(before["accepted"])["refused_by"]) == {refusal}


def test_a_panic_refuses() -> None:
    known = evidence(500, 5, holes=False)
    calm = decide(generous(), replace(known, regime=np.full(500, "TREND")))
    panic = decide(generous(), replace(known, regime=np.full(500, "PANIC")))
    assert calm["accepted"].any()
    assert not panic["accepted"].any()
    assert set(panic.filter(calm["accepted"])["refused_by"]) == {"panic"}


def test_similar_trades_that_lost_beyond_chance_refuse_their_own_side_only() -> None:
    known = evidence(500, 6, holes=False)
    of = generous()
    calm = replace(known, regime=np.full(500, "TREND"), similar_net_bps=np.full((500, 2), np.nan))
    long_lost = np.column_stack([np.full(500, -1e3), np.full(500, np.nan)])
    before, after = decide(of, calm), decide(of, replace(calm, similar_net_bps=long_lost))
    lost = before["accepted"] & (before["side"] == 1)
    assert set(after.filter(lost)["refused_by"]) == {"patterns"}
    assert after.filter(before["side"] == -1).equals(before.filter(before["side"] == -1))


def test_the_side_is_the_ballots_and_its_figures_are_that_sides() -> None:
    of, known = policy(8), evidence(400, 8, holes=False)
    decisions = decide(of, known)
    votes = all_votes(of, known.raw, known.votes)
    np.testing.assert_array_equal(decisions["side"].to_numpy(), tally(votes, of.ensemble.weights).side)
    for row in range(400):
        side = 1 if decisions["side"][row] < 0 else 0
        raw = known.raw[row : row + 1, side]
        assert decisions["confidence"][row] == of.calibrators[side](raw, known.regime[row : row + 1])[0]
        assert decisions["expected_net_bps"][row] == of.expected[side](raw)[0]
    np.testing.assert_array_equal(decisions.select(SOURCES).to_numpy(), votes)


def test_lightgbms_own_column_is_ignored_and_follows_from_its_probabilities() -> None:
    of, known = policy(9), evidence(50, 9, holes=False)
    other = known.votes.copy()
    other[:, SOURCES.index("pattern_recognition")] = 1.0
    assert decide(of, replace(known, votes=other)).equals(decide(of, known))
    lean = known.raw[:, 0] - known.raw[:, 1]
    order = np.argsort(lean)
    assert (np.diff(of.pattern_recognition(known.raw)[order]) >= 0).all()


figures = st.floats(-1e6, 1e6)


@given(n=st.integers(1, 30), data=st.data())
def test_a_line_is_least_squares_that_never_falls(n: int, data: st.DataObject) -> None:
    raw = data.draw(arrays(np.float64, n, elements=st.floats(0.0, 1.0)))
    net = data.draw(arrays(np.float64, n, elements=figures))
    weights = data.draw(arrays(np.float64, n, elements=st.floats(0.01, 1.0)))
    line = Line.fit(raw, net, weights)
    assert np.isfinite(list(line.model_dump().values())).all()
    assert line.slope >= 0.0
    assert (line.error(raw) >= line.intercept_error).all()
    centred = raw - np.average(raw, weights=weights)
    spread = weights @ centred**2
    if spread > 1e-4:
        plain = weights @ (centred * (net - np.average(net, weights=weights))) / spread
        rounding = 1e-9 * np.abs(net).max() / spread
        assert line.slope == pytest.approx(max(0.0, plain), rel=1e-9, abs=rounding)
    assert line(np.array([line.centre]))[0] == pytest.approx(np.average(net, weights=weights), abs=1e-6)


@pytest.mark.parametrize("size", [1e-170, 1e-320])
def test_outcomes_next_to_nothing_do_not_break_the_line(size: float) -> None:
    raw = np.array([0.2, 0.4, 0.6, 0.9])
    line = Line.fit(raw, size * np.array([1.0, 2.0, 4.0, 7.0]), np.ones(4))
    assert np.isfinite(list(line.model_dump().values())).all()


def test_the_error_of_an_expectation_is_how_far_it_scatters() -> None:
    """Against the scatter of many lines fitted on fresh noise, at the centre and at the ends."""
    rng = np.random.default_rng(10)
    raw, weights = rng.uniform(0.3, 0.7, 1500), np.ones(1500)
    asked = np.array([0.3, 0.5, 0.7])
    lines = [Line.fit(raw, 400.0 * raw + rng.normal(0, 100, 1500), weights) for _ in range(300)]
    scatter = np.std([line(asked) for line in lines], axis=0)
    np.testing.assert_allclose(np.mean([line.error(asked) for line in lines], axis=0), scatter, rtol=0.15)


def test_half_as_independent_outcomes_are_known_by_root_two_less() -> None:
    rng = np.random.default_rng(11)
    raw = rng.uniform(0.3, 0.7, 800)
    net = 300.0 * raw + rng.normal(0, 50, 800)
    whole, half = (Line.fit(raw, net, np.full(800, weight)) for weight in (1.0, 0.5))
    np.testing.assert_allclose(half.error(raw), np.sqrt(2.0) * whole.error(raw), rtol=1e-9)
    assert half.slope == pytest.approx(whole.slope)


def test_a_perfect_line_has_no_error() -> None:
    raw = np.linspace(0.2, 0.8, 50)
    line = Line.fit(raw, 100.0 * raw - 30.0, np.full(50, 0.3))
    np.testing.assert_allclose(line(raw), 100.0 * raw - 30.0, atol=1e-9)
    np.testing.assert_allclose(line.error(raw), 0.0, atol=1e-6)


def test_a_policy_continues_the_ensemble_before_it_with_the_votes_as_they_were_cast() -> None:
    past = past_bars(12, 600)
    early = past.known_at <= np.sort(past.known_at)[349]
    first = fit_policy(past.at(early), calibrators(past), limits())
    second = fit_policy(past, calibrators(past), limits(), before=first)
    new = past.at(~early)
    cast = all_votes(first, new.raw, new.votes)
    half_life = limits().source_half_life_days
    by_hand = first.ensemble.updated(cast, new.net_bps, new.uniqueness, new.known_at, half_life)
    assert second.ensemble == by_hand
    assert second.lean_centre != first.lean_centre
    whole = fit_policy(past, calibrators(past), limits())
    assert {**dict(second), "ensemble": None} == {**dict(whole), "ensemble": None}
    own, before = (of.sources["pattern_recognition"] for of in (whole.ensemble, second.ensemble))
    assert own != before, "the votes of today's lean were never cast"


@pytest.mark.parametrize("regime", ["RANGE", "TREND", "NEVER SEEN"])
def test_the_confidence_is_that_of_the_bars_regime(regime: str) -> None:
    of, known = policy(13), evidence(200, 13, holes=False)
    decisions = decide(of, replace(known, regime=np.full(200, regime)))
    side = np.where(decisions["side"].to_numpy() < 0, 1, 0)
    own = [one.regimes["TREND"] for one in of.calibrators]
    for row in range(200):
        one, raw = of.calibrators[side[row]], known.raw[row : row + 1, side[row]]
        share = own[side[row]].share if regime == "TREND" else 0.0
        expected = (1.0 - share) * one.whole(raw)[0] + share * own[side[row]].map(raw)[0]
        assert decisions["confidence"][row] == pytest.approx(expected, abs=1e-15)
