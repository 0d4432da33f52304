"""Pure rules that stand before an entry. Each has a name, a bound and a sentence, and its refusals are counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huracan_assets.settings import DecisionSettings

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """What the rules look at, for n bars; NaN where unknown."""

    side: NDArray[np.int8]
    confidence: Floats
    expected_gross_bps: Floats
    cost_bps: Floats
    stop_bps: Floats
    spread_bps: Floats
    daily_volatility: Floats
    panic: NDArray[np.bool_]
    agreement: Floats
    similar_net_bps: Floats


def _side(candidate: Candidate, limits: DecisionSettings) -> NDArray[np.bool_]:
    return np.asarray(candidate.side != 0)


def _meta_label(candidate: Candidate, limits: DecisionSettings) -> NDArray[np.bool_]:
    return candidate.confidence >= limits.min_confidence


def _cost(candidate: Candidate, limits: DecisionSettings) -> NDArray[np.bool_]:
    known = np.isfinite(candidate.cost_bps)  # a market without volume has an infinite impact
    needed = limits.min_edge_to_cost * np.where(known, candidate.cost_bps, 0.0)
    return known & (candidate.expected_gross_bps >= needed)


def _risk(candidate: Candidate, limits: DecisionSettings) -> NDArray[np.bool_]:
    return np.asarray(candidate.stop_bps > 0.0)


def _spread(candidate: Candidate, limits: DecisionSettings) -> NDArray[np.bool_]:
    return candidate.spread_bps <= limits.max_spread_bps


def _volatility(candidate: Candidate, limits: DecisionSettings) -> NDArray[np.bool_]:
    return candidate.daily_volatility <= limits.max_daily_volatility


def _regime(candidate: Candidate, limits: DecisionSettings) -> NDArray[np.bool_]:
    return ~candidate.panic


def _agreement(candidate: Candidate, limits: DecisionSettings) -> NDArray[np.bool_]:
    return candidate.agreement >= limits.min_agreement


def _patterns(candidate: Candidate, limits: DecisionSettings) -> NDArray[np.bool_]:
    return np.isnan(candidate.similar_net_bps) | (candidate.similar_net_bps > 0.0)


GATES = {
    "no_side": _side,
    "meta_label": _meta_label,
    "cost": _cost,
    "risk": _risk,
    "spread": _spread,
    "volatility": _volatility,
    "panic": _regime,
    "agreement": _agreement,
    "patterns": _patterns,
}
REASONS = {
    "no_side": "the sources name no side",
    "meta_label": "the calibrated probability that the trade pays is below decision.min_confidence",
    "cost": "the expected gross edge is below decision.min_edge_to_cost times the cost, or unknown",
    "risk": "the distance of the stop is unknown, and with it what the trade may lose",
    "spread": "the spread is above decision.max_spread_bps, or unknown",
    "volatility": "realised daily volatility is above decision.max_daily_volatility, or unknown",
    "panic": "the regime is PANIC",
    "agreement": "the sources agree less than decision.min_agreement",
    "patterns": "similar trades of this side lost by more than chance",
    "cool_down": "a trade lost less than decision.cool_down_minutes ago",
    "exposure": "a trade is open",
    "daily_loss": "the day has lost decision.max_daily_loss_bps",
    "drawdown": "the drawdown has reached decision.max_drawdown_bps: trading has stopped for good",
    "outage": "the venue was silent for as long as the trade would have lasted",
    "missed": "the order was missed, as simulation.fill_probability foresees",
    "no_volume": "the minute of the order had no volume",
    "below_minimum": "what the minute's volume could fill was below simulation.minimum_notional_usdt",
    "expired": "the limit rested for simulation.limit_patience_minutes and was not filled",
}


def first_refusal(candidate: Candidate, limits: DecisionSettings) -> NDArray[np.str_]:
    """The name of the first gate that refuses each bar, '' where none does. An unknown figure refuses."""
    refusal = np.full(len(candidate.side), "", dtype="U16")
    for name, gate in GATES.items():
        refusal[(refusal == "") & ~gate(candidate, limits)] = name
    return refusal
