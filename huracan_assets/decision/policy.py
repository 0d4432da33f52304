"""One frozen policy: what turns a bar's evidence into an action, a size and a reason.

`decide` is the only code that takes a decision; the walk-forward, the stress tests, the champion's forward trades
and the hand-over all call it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from huracan_assets.decision.edge import Edge
from huracan_assets.decision.ensemble import SOURCES, EnsembleState, tally
from huracan_assets.decision.intelligence_gates import Candidate, first_refusal
from huracan_assets.decision.sizing import size_gbp
from huracan_assets.errors import ContractError
from huracan_assets.learning.calibration import Pair, apply_pair
from huracan_assets.learning.training_set import TrainingSet
from huracan_assets.settings import DecisionSettings

Floats = NDArray[np.float64]
LONG, SHORT = 0, 1
MINUTES_PER_DAY = 1440
# What the gates look at beside the rest of a decision: its column, and its name there.
LOOKED_AT = {
    "expected_gross_bps": "expected_gross_bps",
    "expected_cost_bps": "cost_bps",
    "stop_bps": "stop_bps",
    "spread_bps": "spread_bps",
    "daily_volatility": "daily_volatility",
    "similar_net_bps": "similar_net_bps",
}


class DecisionPolicy(BaseModel):
    """Everything that a decision needs beside the models' raw answers. Index 0 is long, 1 is short."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, extra="forbid")
    ensemble: EnsembleState
    calibrators: Pair
    edge: Edge
    limits: DecisionSettings


@dataclass(frozen=True)
class PastBars:
    """The out-of-fold record of `n` bars whose outcome is known."""

    lean: Floats  # (n,), of the models, to long
    votes: Floats  # (n, 5)
    net_bps: Floats  # (n, 2), outcomes of both sides
    cost_bps: Floats  # (n,), what the decision counted on
    uniqueness: Floats  # (n,)
    known_at: NDArray[np.datetime64]  # (n,), when the later side's outcome was known

    @classmethod
    def of(cls, evidence: Evidence, ts: TrainingSet, rows: NDArray[np.int64]) -> PastBars:
        """What was said at some rows of a training set, and what came of it."""
        said = evidence.at(rows)
        return cls(said.lean, said.votes, ts.net_bps[rows], said.cost_bps, ts.uniqueness[rows], ts.label_end[rows])

    def at(self, rows: NDArray[np.bool_]) -> PastBars:
        """The same record of some of the bars."""
        return PastBars(**{column.name: getattr(self, column.name)[rows] for column in fields(self)})

    def refuse_unknown(self) -> None:
        """Refuse a record that would make a policy of no numbers.

        Raises:
            ContractError: there is no bar, or one of the numbers is not finite.
        """
        if len(self.lean) == 0:
            raise ContractError("no bar has an outcome that may teach a policy: widen the window or heal its days")
        for what in ("lean", "net_bps", "cost_bps", "uniqueness"):
            if not np.isfinite(getattr(self, what)).all():
                raise ContractError(f"a policy cannot learn from {what} that is not finite: train and label again")


def fit_policy(
    past: PastBars, calibrators: Pair, limits: DecisionSettings, before: DecisionPolicy | None = None
) -> DecisionPolicy:
    """The policy that the past teaches.

    Args:
        past: everything known by now.
        calibrators: fitted on the same bars.
        before: the policy of the segment before, whose ensemble goes on with what has become known since; where None,
            the ensemble begins with the whole past.

    Raises:
        ContractError: there is no bar, or one of the numbers is not finite.
    """
    past.refuse_unknown()
    ensemble = EnsembleState() if before is None else before.ensemble
    new = past.at(ensemble.unseen(past.known_at))
    return DecisionPolicy(
        ensemble=ensemble.updated(new.votes, new.net_bps, new.uniqueness, new.known_at, limits.source_half_life_days),
        calibrators=calibrators,
        edge=Edge.fit(past.lean, past.net_bps + past.cost_bps[:, None], past.uniqueness),
        limits=limits,
    )


@dataclass(frozen=True)
class Evidence:
    """What is known at n decision bars."""

    as_of: NDArray[np.datetime64]
    raw: Floats  # (n, 2), the models' probabilities
    lean: Floats  # (n,), how far they lean to long, in units of their own
    votes: Floats  # (n, 5)
    cost_bps: Floats  # (n,), all in: the entry, and a market order out
    stop_bps: Floats  # (n,), distance of the stop
    spread_bps: Floats  # (n,)
    minute_volatility: Floats  # (n,), standard deviation of one-minute log returns
    regime: NDArray[np.str_]
    engine: NDArray[np.str_]
    similar_net_bps: Floats  # (n, 2), the most that similar trades allow; NaN where too few are remembered

    def at(self, rows: NDArray[np.int64]) -> Evidence:
        """The same evidence at some of the bars."""
        return Evidence(**{column.name: getattr(self, column.name)[rows] for column in fields(self)})


def decide(policy: DecisionPolicy, evidence: Evidence) -> pl.DataFrame:
    """A decision for each bar.

    Returns:
        as_of, side (Int8), accepted, refused_by, confidence, expected_net_bps, agreement, size_gbp, regime, engine,
        the five votes and what else the gates looked at (`LOOKED_AT`). What depends on earlier trades (exposure,
        cool-down, loss limits) is the ledger's to refuse.
    """
    ballot = tally(evidence.votes, policy.ensemble.weights)
    column = np.where(ballot.side < 0, SHORT, LONG)
    rows = np.arange(len(column))
    calibrated = apply_pair(policy.calibrators, evidence.raw, evidence.regime)
    towards = ballot.side * evidence.lean
    candidate = Candidate(
        side=ballot.side,
        confidence=calibrated[rows, column],
        expected_gross_bps=policy.edge(towards),
        cost_bps=evidence.cost_bps,
        stop_bps=evidence.stop_bps,
        spread_bps=evidence.spread_bps,
        daily_volatility=evidence.minute_volatility * np.sqrt(MINUTES_PER_DAY),
        panic=evidence.regime == "PANIC",
        agreement=ballot.agreement,
        similar_net_bps=evidence.similar_net_bps[rows, column],
    )
    refusal = first_refusal(candidate, policy.limits)
    accepted = refusal == ""
    expected_net_bps = candidate.expected_gross_bps - candidate.cost_bps
    return pl.DataFrame(
        {
            "as_of": pl.Series(evidence.as_of).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            "side": ballot.side,
            "accepted": accepted,
            "refused_by": refusal,
            "confidence": candidate.confidence,
            "expected_net_bps": expected_net_bps,
            "agreement": candidate.agreement,
            "size_gbp": np.where(accepted, size_gbp(expected_net_bps, candidate.stop_bps, policy.limits), 0.0),
            "regime": evidence.regime,
            "engine": evidence.engine,
            **{source: evidence.votes[:, index] for index, source in enumerate(SOURCES)},
            **{column: getattr(candidate, name) for column, name in LOOKED_AT.items()},
        }
    )


def accepted_under(limits: DecisionSettings, decisions: pl.DataFrame) -> NDArray[np.bool_]:
    """Which decisions (n,) the same policy would accept under other limits: every gate is asked again.

    Args:
        decisions: rows of `decide`.
    """
    same = {name: decisions[name].to_numpy() for name in ("side", "confidence", "agreement")}
    looked_at = {name: decisions[column].to_numpy() for column, name in LOOKED_AT.items()}
    candidate = Candidate(**same, **looked_at, panic=(decisions["regime"] == "PANIC").to_numpy())
    return np.asarray(first_refusal(candidate, limits) == "")
