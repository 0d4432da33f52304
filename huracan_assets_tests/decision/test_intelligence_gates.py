"""The rules before an entry: each bound, and the name of the first rule that refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from huracan_assets.decision.intelligence_gates import GATES, REASONS, Candidate, first_refusal
from huracan_assets.shadow.sequential import LIMITS as OF_THE_BOOK
from huracan_assets.simulation.fills import REJECTIONS
from huracan_assets_tests.decision.evidence import limits

LIMITS = limits(
    min_confidence=0.55,
    min_edge_to_cost=2.0,
    min_agreement=0.2,
    max_spread_bps=10.0,
    max_daily_volatility=0.1,
)


def candidate(**changes: object) -> Candidate:
    """One bar that just passes every rule, ties included."""
    figures: dict[str, object] = {
        "side": np.array([1], np.int8),
        "confidence": np.array([0.55]),
        "expected_gross_bps": np.array([24.0]),
        "cost_bps": np.array([12.0]),
        "stop_bps": np.array([1e-9]),
        "spread_bps": np.array([10.0]),
        "daily_volatility": np.array([0.1]),
        "panic": np.array([False]),
        "agreement": np.array([0.2]),
        "similar_net_bps": np.array([0.1]),
    }
    return replace(Candidate(**figures), **changes)  # type: ignore[arg-type]


def test_a_bar_on_every_bound_passes() -> None:
    assert first_refusal(candidate(), LIMITS).tolist() == [""]


BEYOND = {
    "no_side": {"side": np.array([0], np.int8)},
    "meta_label": {"confidence": np.array([0.5499])},
    "cost": {"expected_gross_bps": np.array([23.99])},
    "risk": {"stop_bps": np.array([0.0])},
    "spread": {"spread_bps": np.array([10.01])},
    "volatility": {"daily_volatility": np.array([0.1001])},
    "panic": {"panic": np.array([True])},
    "agreement": {"agreement": np.array([0.1999])},
    "patterns": {"similar_net_bps": np.array([0.0])},
}


@pytest.mark.parametrize("gate", GATES)
def test_just_beyond_its_bound_each_rule_refuses_by_name(gate: str) -> None:
    assert first_refusal(candidate(**BEYOND[gate]), LIMITS).tolist() == [gate]


@pytest.mark.parametrize("gate", ["meta_label", "cost", "risk", "spread", "volatility", "agreement"])
def test_an_unknown_figure_refuses(gate: str) -> None:
    (name,) = BEYOND[gate]
    assert first_refusal(candidate(**{name: np.array([np.nan])}), LIMITS).tolist() == [gate]


def test_an_infinite_cost_is_no_bargain() -> None:
    assert first_refusal(candidate(cost_bps=np.array([np.inf])), LIMITS).tolist() == ["cost"]


def test_nothing_remembered_refuses_nothing() -> None:
    assert first_refusal(candidate(similar_net_bps=np.array([np.nan])), LIMITS).tolist() == [""]


def test_the_first_of_several_refusals_is_named() -> None:
    both = candidate(**BEYOND["spread"], **BEYOND["panic"])
    assert first_refusal(both, LIMITS).tolist() == ["spread"]


def test_every_refusal_has_its_sentence() -> None:
    assert set(REASONS) == set(GATES) | set(OF_THE_BOOK) | set(REJECTIONS)
    assert max(len(name) for name in REASONS) <= 16, "first_refusal keeps 16 characters"
