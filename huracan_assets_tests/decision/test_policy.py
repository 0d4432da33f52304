"""One frozen policy: pure per bar, the same from JSON, and expectations that shrink."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.decision.ensemble import SOURCES, tally
from huracan_assets.decision.policy import DecisionPolicy, accepted_under, decide, fit_policy
from huracan_assets.decision.sizing import size_gbp
from huracan_assets.resources.lake import canonical_json
from huracan_assets_tests.decision.evidence import calibrators, evidence, limits, past_bars, policy


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
        min_position_share=1.0,
        max_spread_bps=1e9,
        max_daily_volatility=1e9,
    )


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    other=st.fixed_dictionaries(
        {
            "min_confidence": st.floats(0.3, 0.7),
            "min_edge_to_cost": st.floats(-1.0, 3.0),
            "min_agreement": st.floats(0.0, 1.0),
            "max_spread_bps": st.floats(1.0, 20.0),
            "max_daily_volatility": st.floats(0.001, 0.3),
        }
    ),
)
def test_under_other_limits_decisions_are_accepted_as_they_would_have_been(seed: int, other: dict[str, float]) -> None:
    of, known, changed = policy(seed % 7), evidence(300, seed), limits(**other)
    there = decide(of.model_copy(update={"limits": changed}), known)
    assert np.array_equal(accepted_under(changed, decide(of, known)), there["accepted"].to_numpy())
    assert np.array_equal(accepted_under(of.limits, there), decide(of, known)["accepted"].to_numpy())


def test_only_what_every_gate_lets_through_has_a_size() -> None:
    of = policy(3, min_confidence=0.5, min_edge_to_cost=0.5)
    decisions = decide(of, evidence(3000, 3))
    accepted = decisions.filter("accepted")
    assert 0 < accepted.height < decisions.height
    known = evidence(3000, 3)
    staked = size_gbp(decisions["expected_net_bps"].to_numpy(), known.stop_bps, of.limits)
    np.testing.assert_array_equal(accepted["size_gbp"].to_numpy(), staked[decisions["accepted"].to_numpy()])
    assert accepted["size_gbp"].n_unique() > 10
    assert decisions.filter(~pl.col("accepted"))["size_gbp"].unique().to_list() == [0.0]
    assert accepted["side"].is_in([-1, 1]).all()
    assert ((decisions["refused_by"] == "") == decisions["accepted"]).all()


@pytest.mark.parametrize(
    ("field", "value", "refusal"),
    [
        ("raw", np.nan, "meta_label"),
        ("lean", np.nan, "cost"),
        ("cost_bps", np.nan, "cost"),
        ("cost_bps", np.inf, "cost"),
        ("stop_bps", np.nan, "risk"),
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
    after = decide(of, replace(known, **{field: np.full_like(getattr(known, field), value)}))
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
    np.testing.assert_array_equal(decisions["side"].to_numpy(), tally(known.votes, of.ensemble.weights).side)
    for row in range(400):
        side = 1 if decisions["side"][row] < 0 else 0
        raw = known.raw[row : row + 1, side]
        assert decisions["confidence"][row] == of.calibrators[side](raw, known.regime[row : row + 1])[0]
        towards = decisions["side"][row] * known.lean[row]
        assert decisions["expected_net_bps"][row] == of.edge(towards) - known.cost_bps[row]
    np.testing.assert_array_equal(decisions.select(SOURCES).to_numpy(), known.votes)


def test_a_policy_continues_the_ensemble_before_it() -> None:
    past = past_bars(12, 600)
    early = past.known_at <= np.sort(past.known_at)[349]
    first = fit_policy(past.at(early), calibrators(past), limits())
    second = fit_policy(past, calibrators(past), limits(), before=first)
    new = past.at(~early)
    half_life = limits().source_half_life_days
    by_hand = first.ensemble.updated(new.votes, new.net_bps, new.uniqueness, new.known_at, half_life)
    assert second.ensemble == by_hand
    assert second.edge != first.edge
    whole = fit_policy(past, calibrators(past), limits())
    assert {**dict(second), "ensemble": None} == {**dict(whole), "ensemble": None}
    for source, record in whole.ensemble.sources.items():
        assert second.ensemble.sources[source].votes == record.votes
        assert second.ensemble.sources[source].right == pytest.approx(record.right)


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
