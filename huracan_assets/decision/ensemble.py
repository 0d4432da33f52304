"""Five sources vote, each in [-1, 1]; weights follow what each was worth out of sample.

A source that says nothing (0 or NaN) is not counted, so silence never dilutes the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SOURCES = ("rl_agent", "pattern_recognition", "regime_analysis", "historical_similarity", "alpha_engines")
WEIGHT_FLOOR, WEIGHT_CAP = 0.3, 1.5
SKILL_GAIN = 10.0
PRIOR_BARS = 50.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ballot:
    """The outcome of a vote on n bars."""

    side: NDArray[np.int8]
    score: Floats
    agreement: Floats


def tally(votes: Floats, weights: Mapping[str, float]) -> Ballot:
    """Weighted vote.

    Args:
        votes: (n, 5) in [-1, 1], columns as in `SOURCES`; NaN or 0 abstains.
        weights: a weight for each source.

    Returns:
        side (n,) in {-1, 0, 1}; score (n,) in [-1, 1], the weighted mean of the votes cast; agreement (n,) in [0, 1]:
        |sum of weighted votes| over the sum of their sizes, 1 where all pull one way.
    """
    cast = np.nan_to_num(votes)
    pull, size, voting = np.zeros((3, len(cast)))
    # Source by source: a matrix product sums in an order that depends on how many bars there are.
    for column, source in enumerate(SOURCES):
        vote = cast[:, column]
        pull += weights[source] * vote
        size += weights[source] * np.abs(vote)
        voting += weights[source] * (vote != 0.0)
    score = np.divide(pull, voting, out=np.zeros_like(pull), where=voting > 0)
    agreement = np.divide(np.abs(pull), size, out=np.zeros_like(pull), where=size > 0)
    return Ballot(np.sign(score).astype(np.int8), score, agreement)


def learn_weights(votes: Floats, net_bps: Floats, uniqueness: Floats) -> dict[str, float]:
    """A weight for each source from its out-of-sample record: 1 for a coin, at most 1.5, at least 0.3.

    Args:
        votes: (n, 5) past votes.
        net_bps: (n, 2) what the long and the short trade of each bar brought.
        uniqueness: (n,) how much of each bar's outcome is its own (overlapping outcomes are one observation).

    The skill of a source is the mean of vote x (did the side it named bring more than the other), weighted by
    uniqueness, shrunk by `PRIOR_BARS` bars without skill.
    """
    better = np.sign(net_bps[:, 0] - net_bps[:, 1])
    weights = {}
    for column, source in enumerate(SOURCES):
        vote = np.nan_to_num(votes[:, column])
        mass = np.abs(vote) * uniqueness
        skill = float(np.sum(mass * np.sign(vote) * better) / (mass.sum() + PRIOR_BARS))
        weights[source] = float(np.clip(1.0 + SKILL_GAIN * skill, WEIGHT_FLOOR, WEIGHT_CAP))
    return weights
