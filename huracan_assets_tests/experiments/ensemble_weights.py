"""Do the ensemble's weights pay, and must they move within a segment?

Five sources vote on 120 days of independent outcomes; each is right with a probability of its own that stays, or comes
and goes. The side that the ensemble names is held against what happened, with equal weights, with weights that stand
still for a segment of 15 days, and with weights that follow each outcome as it becomes known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from huracan_assets.decision.ensemble import SOURCES, EnsembleState, tally
from huracan_assets.settings import read_settings
from huracan_assets_tests.experiments.harness import Row, experiment

Floats = NDArray[np.float64]

HALF_LIFE = read_settings("local").decision.source_half_life_days
DAYS, A_DAY, SEGMENT_DAYS = 120, 12, 15
SKILL = np.array([0.08, 0.04, 0.0, -0.04, 0.10])  # chance of being right, less that of being wrong
DRIFTS = {"skill stays": (0.0, 30.0), "fades over a month": (0.05, 30.0), "turns over a month": (0.2, 30.0)}
ORIGIN, STEP = np.datetime64("2026-01-01", "us"), np.timedelta64(24 * 60 // A_DAY, "m")


def _votes(rng: np.random.Generator, wander: float, days: float) -> tuple[Floats, Floats]:
    """Votes (n, 5) and the side that was better (n,), skill an autoregression about its mean."""
    n, keep = DAYS * A_DAY, float(np.exp(-1.0 / (days * A_DAY)))
    state, skill = rng.standard_normal(len(SOURCES)), np.empty((n, len(SOURCES)))
    for row in range(n):
        state = keep * state + np.sqrt(1.0 - keep**2) * rng.standard_normal(len(SOURCES))
        skill[row] = SKILL + wander * state
    better = rng.choice([-1.0, 1.0], n)
    right = rng.random(skill.shape) < 0.5 + skill / 2.0
    return np.where(right, 1.0, -1.0) * better[:, None] * rng.uniform(0.05, 1.0, skill.shape), better


def _right(votes: Floats, better: Floats, every: int) -> float:
    """Share of sides that were right after the first segment, the weights learned anew every so many outcomes."""
    times = ORIGIN + STEP * np.arange(len(votes))
    net, ones, first = np.column_stack([better, -better]), np.ones(len(votes)), SEGMENT_DAYS * A_DAY
    state, sides = EnsembleState(), []
    for begin in range(0, len(votes), every):
        rows = slice(begin, begin + every)
        sides.append(tally(votes[rows], state.weights).side)
        state = state.updated(votes[rows], net[rows], ones[rows], times[rows], HALF_LIFE)
    return float((np.concatenate(sides) == better)[first:].mean())


def _conclude(rows: Sequence[Row]) -> Row:
    names = [f"{name}: {which}" for name in DRIFTS for which in ("frozen over equal", "online over frozen")]
    mean = {name: float(np.mean([row[name] for row in rows])) for name in names}
    error = {name: float(np.std([row[name] for row in rows]) / np.sqrt(len(rows))) for name in names}
    gained = all(mean[f"{name}: frozen over equal"] > 0.0 for name in DRIFTS)
    return {"ok": gained, "mean": mean, "error": error}


@experiment(question="do weights by accuracy beat equal ones, and does following each outcome beat standing still?",
            seeds=range(40), conclude=_conclude)  # fmt: skip
def ensemble_weights(seed: int) -> Row:
    """Percent points by which the ensemble's side is right more often."""
    found: dict[str, float] = {}
    for name, (wander, days) in DRIFTS.items():
        votes, better = _votes(np.random.default_rng([seed, len(found)]), wander, days)
        equal = float((tally(votes, dict.fromkeys(SOURCES, 1.0)).side == better)[SEGMENT_DAYS * A_DAY :].mean())
        frozen, online = (_right(votes, better, every) for every in (SEGMENT_DAYS * A_DAY, 1))
        found[f"{name}: frozen over equal"] = 100.0 * (frozen - equal)
        found[f"{name}: online over frozen"] = 100.0 * (online - frozen)
    return found
