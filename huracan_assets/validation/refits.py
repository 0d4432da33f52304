"""What was fitted, fitted again on the rows known before its judging began and physically on no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.decision.ensemble import SOURCES
from huracan_assets.decision.policy import DecisionPolicy, Evidence, PastBars, fit_policy
from huracan_assets.guards.fit_on_test import Fit
from huracan_assets.guards.recomputation import Refit
from huracan_assets.learning.calibration import Pair, fit_calibrator_pair
from huracan_assets.learning.lightgbm_model import bin_rows, fit_pair
from huracan_assets.learning.linear_model import centre_and_scale
from huracan_assets.learning.ppo_walk_forward import vote
from huracan_assets.learning.records import Calibrator, LightGBMModel
from huracan_assets.learning.side_model import SidePair
from huracan_assets.learning.training_set import TrainingSet
from huracan_assets.learning.walk_forward import Fold, WalkForward
from huracan_assets.memory.set_up_map import SetUpMap
from huracan_assets.settings import DecisionSettings, LearningSettings, LightGBMSettings, Settings
from huracan_assets.validation.audit import fit_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Names = NDArray[np.str_]


@dataclass(frozen=True)
class SetUps:
    """The map of set-ups to points, the bars it was applied to, and the points that went into the memory."""

    mapped: SetUpMap
    bars: pl.DataFrame
    traded_at: pl.Series
    points: NDArray[np.float32]


@dataclass(frozen=True)
class Fitted:
    """What the night fitted and judged out of sample; `agent` voted on the last fold, `policies` are by fold.

    `context` (n, CONTEXT_COLUMNS) is what the agent was told of the walk's rows beside their features.
    """

    models: LightGBMModel
    calibrator: Calibrator
    policies: Mapping[int, DecisionPolicy]
    policies_until: Sequence[datetime | None]
    agent: bytes
    context: NDArray[np.float32]
    set_ups: SetUps


def claims(walk: WalkForward, fitted: Fitted) -> list[Fit]:
    """Until when each fit says it saw data, and from when on it was judged."""
    fits = [
        fit_of(f"LightGBM of fold {fold.index}", fold.fitted_until, walk.folds[fold.index].test_start)
        for fold in fitted.models.folds
    ]
    for what, known in (("calibrator", fitted.calibrator.fitted_until), ("policy", fitted.policies_until)):
        fits += [
            fit_of(f"{what} of fold {index}", until, walk.folds[index].test_start)
            for index, until in enumerate(known)
            if until is not None
        ]
    return fits


def refits(walk: WalkForward, evidence: Evidence, fitted: Fitted, settings: Settings) -> list[Refit]:
    """Everything that can be fitted again within a second.

    PPO's training is not among it (minutes); that its votes do not depend on what is judged beside them is.
    """
    learning, embargo = settings.learning, embargo_of(settings)
    models, maps = fitted.models.per_fold, dict(enumerate(fitted.calibrator.per_fold))
    votes = evidence.votes[:, SOURCES.index("rl_agent")]
    return [
        *refit_models(walk, models, embargo, learning.lightgbm, settings.seed),
        *refit_calibrators(walk, evidence.raw, evidence.regime, {k: pair for k, pair in maps.items() if k}, learning),
        *refit_policies(walk, evidence, fitted.policies, embargo, settings.decision),
        refit_set_ups(walk, fitted.set_ups),
        *repeated_answers(walk, evidence.raw, models, votes, fitted.agent, fitted.context),
    ]


def embargo_of(settings: Settings) -> timedelta:
    """How long before a fold a label must have been known to teach it."""
    return timedelta(minutes=settings.learning.embargo_minutes)


@dataclass(frozen=True)
class Known:
    """The rows of a walk known an embargo before a fold began, and nothing else of it."""

    ts: TrainingSet
    tested: Ints  # of these rows, those that an earlier fold tested: the out-of-fold record
    rows: Ints  # where they stand in the whole set


def known_before(walk: WalkForward, fold: Fold, embargo: timedelta) -> Known:
    """What the past of a fold was, found from the labels' ends alone and not from the folds' own lists of rows."""
    ts = walk.ts
    rows = np.flatnonzero(ts.teachable & (ts.label_end + np.timedelta64(embargo) <= fold.test_start))
    return Known(_slice(ts, rows), np.flatnonzero(ts.as_of[rows] > walk.folds[0].test_start), rows)


def refit_models(
    walk: WalkForward, per_fold: Sequence[SidePair], embargo: timedelta, settings: LightGBMSettings, seed: int
) -> list[Refit]:
    """The first fold's models, trees and line, bit for bit; of the other folds, whose code is the same, the scalers."""
    refits = []
    for fold, used in zip(walk.folds, per_fold, strict=True):
        known = known_before(walk, fold, embargo)
        if fold.index == 0:
            every = np.arange(len(known.ts))
            binned = bin_rows(known.ts, every, settings, seed)
            again = fit_pair(known.ts, every, settings, seed, embargo, binned)
            refits.append(Refit("models of fold 0", used, again))
        centre, scale = (part.tolist() for part in centre_and_scale(known.ts.features))
        refits += [
            Refit(
                f"scaler of the {side} of fold {fold.index}",
                {"centre": model.linear.centre, "scale": model.linear.scale},
                {"centre": centre, "scale": scale},
            )
            for side, model in zip(("long", "short"), used.sides, strict=True)
        ]
    return refits


def refit_calibrators(
    walk: WalkForward, raw: Floats, regime: Names, per_fold: Mapping[int, Pair | None], learning: LearningSettings
) -> list[Refit]:
    """The calibrators of some folds, chosen and fitted on the out-of-fold record that was known when the fold began.

    Args:
        raw: out-of-fold scores (n, 2).
        regime: of each row (n,).
        per_fold: the calibrators that each of these folds used; None where none were.
    """
    embargo, refits = timedelta(minutes=learning.embargo_minutes), []
    for index, used in per_fold.items():
        known = known_before(walk, walk.folds[index], embargo)
        what = f"calibrator of fold {index}"
        again = fit_calibrator_pair(known.ts, raw[known.rows], regime[known.rows], known.tested, learning, what)
        refits.append(Refit(what, pair_document(used), pair_document(again)))
    return refits


def pair_document(pair: Pair | None) -> dict[str, Any]:
    """Both sides' calibrators as one document; an empty one of None."""
    return {} if pair is None else {"long": pair[0].model_dump(), "short": pair[1].model_dump()}


def refit_policies(
    walk: WalkForward,
    evidence: Evidence,
    policies: Mapping[int, DecisionPolicy],
    embargo: timedelta,
    limits: DecisionSettings,
) -> list[Refit]:
    """Weights, edges and thresholds of some folds' policies, from the same record; their calibrators are given.

    So is the policy of the fold before, whose ensemble each one continues: it is tried by its own refit.
    """
    refits = []
    for index, used in policies.items():
        known = known_before(walk, walk.folds[index], embargo)
        past = PastBars.of(evidence.at(known.rows), known.ts, known.tested)
        again = fit_policy(past, used.calibrators, limits, before=policies.get(index - 1))
        refits.append(Refit(f"policy of fold {index}", used, again))
    return refits


def refit_set_ups(walk: WalkForward, set_ups: SetUps) -> Refit:
    """The points of bars and trades before the last fold, from the bars before it alone."""
    start = walk.folds[-1].test_start
    known = set_ups.bars.filter(pl.Series(set_ups.bars["as_of"].to_numpy() <= start))
    early = set_ups.traded_at.to_numpy() <= start
    used = set_ups.mapped.points(set_ups.bars)[: known.height], set_ups.points[early]
    again = set_ups.mapped.points(known), set_ups.mapped.points_at(known, set_ups.traded_at.filter(pl.Series(early)))
    return Refit("set-ups", *(b"".join(part.tobytes() for part in parts) for parts in (used, again)))


def repeated_answers(
    walk: WalkForward,
    raw: Floats,
    per_fold: Sequence[SidePair],
    votes: Floats,
    agent: bytes,
    context: NDArray[np.float32],
) -> list[Refit]:
    """What models and agent said of the first half of the last fold, asked again without its second half.

    An answer that depends on what is asked beside it (a normaliser that goes on learning while it is judged) differs.
    """
    fold = walk.folds[-1]
    half = fold.asked[: max(1, len(fold.asked) // 2)]
    features = walk.ts.features[half]
    said = per_fold[fold.index].predict(features)
    return [
        Refit("answers of LightGBM in the last fold", raw[half].tobytes(), said.tobytes()),
        Refit("votes of PPO in the last fold", votes[half].tobytes(), vote(agent, features, context[half]).tobytes()),
    ]


def _slice(ts: TrainingSet, rows: Ints) -> TrainingSet:
    shared = {field.name: getattr(ts, field.name)[rows] for field in fields(TrainingSet) if field.name != "names"}
    return replace(ts, **shared)
