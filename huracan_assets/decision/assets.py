"""What would we do now? The frozen policies of the walk-forward, and tonight's."""

from datetime import date, datetime

import dagster as dg
import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from huracan_assets.decision.brain import Brain, evidence_of
from huracan_assets.decision.edge import Edge
from huracan_assets.decision.policy import DecisionPolicy, Evidence, PastBars, fit_policy
from huracan_assets.errors import ContractError
from huracan_assets.features.feature_version import FeatureVersion
from huracan_assets.learning.assets import VOTES_SHA256, out_of_fold
from huracan_assets.learning.records import Calibrator, LightGBMModel, out_of_fold_lean, utc
from huracan_assets.learning.walk_forward import WalkForward, walk_forward
from huracan_assets.observability.tables import markdown_table
from huracan_assets.resources.io_manager import artifact
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.materialize import room
from huracan_assets.settings import settings
from huracan_assets.simulation.assets import window_market
from huracan_assets.simulation.conditions import trade_conditions
from huracan_assets.simulation.costs import Costs


class Policies(BaseModel):
    """Fold k's policy, taught by the folds before k, and the final one, taught by all."""

    model_config = ConfigDict(frozen=True)
    per_fold: tuple[DecisionPolicy | None, ...]
    fitted_until: tuple[datetime | None, ...]
    final: DecisionPolicy

    def of_fold(self, index: int) -> DecisionPolicy:
        """The policy that may trade fold `index`, which is not the first."""
        policy = self.per_fold[index]
        if policy is None:
            raise ValueError(f"fold {index} teaches others and has no policy of its own")
        return policy

    def brain(self, models: LightGBMModel, agent: bytes) -> Brain:
        """What these and the night's models make together: tonight's Brain."""
        return Brain(self.final, models.final, agent, models.names, models.recipe_sha256)


@dg.asset(**room("decision", "json"), deps=["ppo_checkpoint"])
def decision_policy(
    feature_version: FeatureVersion,
    decision_bars: pl.DataFrame,
    regimes: pl.DataFrame,
    alpha_signals: pl.DataFrame,
    trade_outcomes: pl.DataFrame,
    pattern_library: pl.DataFrame,
    lightgbm_model: LightGBMModel,
    calibrator: Calibrator,
) -> dg.MaterializeResult[Policies]:
    """Ensemble weights, expected bps, calibrators, gates and limits in one frozen policy, for each segment and for now.

    A segment's policy has seen the out-of-fold record of the segments before it and nothing else.
    """
    walk = walk_forward(feature_version, decision_bars, trade_outcomes, settings().learning)
    evidence = night_evidence(
        feature_version, decision_bars, regimes, alpha_signals, pattern_library, lightgbm_model, walk
    )
    ts, known = walk.ts, {fold.index: walk.known_before(fold) for fold in walk.traded}

    limits = settings().decision
    per_fold: list[DecisionPolicy | None] = [None]
    for index, rows in known.items():
        past = PastBars.of(evidence, ts, rows)
        per_fold.append(fit_policy(past, calibrator.of_fold(index), limits, before=per_fold[-1]))
    policies = Policies(
        per_fold=tuple(per_fold),
        fitted_until=(None, *(utc(ts.label_end[rows].max()) for rows in known.values())),
        final=fit_policy(PastBars.of(evidence, ts, walk.record()), calibrator.final, limits, before=per_fold[-1]),
    )
    weights = [
        {"source": source, "weight": one.weight, "accuracy": one.accuracy, "votes": one.votes}
        for source, one in policies.final.ensemble.sources.items()
    ]
    return artifact(
        policies,
        {
            "weights": dg.MetadataValue.md(markdown_table(weights)),
            "edge": dg.MetadataValue.md(markdown_table([_told(policies.final.edge)])),
        },
    )


def _told(edge: Edge) -> dict[str, float]:
    return {"bps of any trade": edge.level, "bps of a usual lean": edge.slope, "its error": edge.slope_error}


def night_evidence(
    version: FeatureVersion,
    bars: pl.DataFrame,
    regimes: pl.DataFrame,
    signals: pl.DataFrame,
    recalled: pl.DataFrame,
    model: LightGBMModel,
    walk: WalkForward,
) -> Evidence:
    """What was known at each of the walk's rows, the models' answers out of fold."""
    simulation, position = settings().simulation, settings().decision.position_gbp
    at = pl.Series("as_of", walk.ts.as_of.astype("datetime64[us]")).dt.replace_time_zone("UTC").to_frame()

    def rows(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.join(at, on="as_of", how="semi", maintain_order="left")

    grid, _ = window_market(version)
    raw = out_of_fold(model, walk, version.symbol, version.day)
    return evidence_of(
        rows(bars),
        rows(regimes),
        rows(signals),
        trade_conditions(grid, rows(bars), Costs.of(simulation), simulation, position),
        rows(recalled),
        raw,
        out_of_fold_lean(model.per_fold, raw, walk.folds),
        agents_votes(walk, version.symbol, version.day),
    )


def agents_votes(walk: WalkForward, symbol: str, day: date) -> NDArray[np.float64]:
    """(n,) joint votes of the PPO agents on the walk's rows, NaN on rows that no fold asks about.

    Raises:
        StorageError: the frame of votes is not the one that the document beside it names.
        ContractError: the votes are of other bars than the folds ask about.
    """
    lake, rows = Lake.open(), walk.asked()
    digest = lake.read_document("ppo_checkpoint", symbol, day).get(VOTES_SHA256, "")
    frame = lake.read_named_frame("ppo_checkpoint", symbol, day, digest)
    voted_on = frame["as_of"].dt.replace_time_zone(None).to_numpy().astype("datetime64[us]")
    if not np.array_equal(voted_on, walk.ts.as_of[rows]) or not np.isfinite(frame["vote"].to_numpy()).all():
        raise ContractError(
            f"PPO's votes are not those on the {len(rows)} bars of the test segments of {day}|{symbol}: materialise "
            "ppo_checkpoint again"
        )
    votes = np.full(len(walk.ts), np.nan)
    votes[rows] = frame["vote"].to_numpy()
    return votes
