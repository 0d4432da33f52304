"""One frozen policy: what turns a bar's evidence into an action, a size and a reason.

`decide` is the only code that takes a decision; the walk-forward, the stress tests, the champion's forward trades
and the hand-over all call it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from huracan_assets.decision.ensemble import SOURCES, EnsembleState, tally
from huracan_assets.decision.intelligence_gates import Candidate, first_refusal
from huracan_assets.errors import ContractError
from huracan_assets.learning.calibration import Pair, apply_pair
from huracan_assets.learning.training_set import TrainingSet
from huracan_assets.settings import DecisionSettings

Floats = NDArray[np.float64]
LONG, SHORT = 0, 1
MINUTES_PER_DAY = 1440


class Line(BaseModel):
    """Expected net bps of a trade as a line of its raw out-of-fold probability, with the line's standard error."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, extra="forbid")
    centre: float
    intercept: float
    slope: float
    intercept_error: float
    slope_error: float

    @classmethod
    def fit(cls, raw: Floats, net_bps: Floats, weights: Floats) -> Line:
        """Weighted least squares, the slope never negative; errors as of `weights` summed independent outcomes.

        A probability that does not order the outcomes earns slope 0: then every trade is expected to bring the mean.
        """
        total = weights.sum()
        centre, mean = float(weights @ raw / total), float(weights @ net_bps / total)
        spread = float(weights @ (raw - centre) ** 2)
        slope = max(0.0, float(weights @ ((raw - centre) * (net_bps - mean)) / spread)) if spread > 0.0 else 0.0
        residual = net_bps - mean - slope * (raw - centre)
        variance = float(weights @ residual**2 / total)
        return cls(
            centre=centre,
            intercept=mean,
            slope=slope,
            intercept_error=float(np.sqrt(variance / total)),
            slope_error=float(np.sqrt(variance / spread)) if spread > 0.0 else 0.0,
        )

    def __call__(self, raw: Floats) -> Floats:
        return self.intercept + self.slope * (raw - self.centre)

    def error(self, raw: Floats) -> Floats:
        """Standard error of the expectation, bps."""
        return np.hypot(self.intercept_error, self.slope_error * (raw - self.centre))


class DecisionPolicy(BaseModel):
    """Everything that a decision needs beside the models' raw answers. Index 0 is long, 1 is short."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, extra="forbid")
    ensemble: EnsembleState
    calibrators: Pair
    expected: tuple[Line, Line]
    lean_centre: float
    lean_scale: float = Field(gt=0)
    limits: DecisionSettings

    def pattern_recognition(self, raw: Floats) -> Floats:
        """LightGBM's vote: how far it leans to one side, in units of how far it usually leans."""
        return np.tanh((raw[:, LONG] - raw[:, SHORT] - self.lean_centre) / self.lean_scale)


@dataclass(frozen=True)
class PastBars:
    """The out-of-fold record of `n` bars whose outcome is known."""

    raw: Floats  # (n, 2), probabilities of the models
    net_bps: Floats  # (n, 2), outcomes of both sides
    votes: Floats  # (n, 5), the column of `pattern_recognition` ignored: it follows from `raw`
    uniqueness: Floats  # (n,)
    known_at: NDArray[np.datetime64]  # (n,), when the later side's outcome was known

    @classmethod
    def of(cls, evidence: Evidence, ts: TrainingSet, rows: NDArray[np.int64]) -> PastBars:
        """What was said at some rows of a training set, and what came of it."""
        return cls(evidence.raw[rows], ts.net_bps[rows], evidence.votes[rows], ts.uniqueness[rows], ts.label_end[rows])

    def at(self, rows: NDArray[np.bool_]) -> PastBars:
        """The same record of some of the bars."""
        return PastBars(**{column.name: getattr(self, column.name)[rows] for column in fields(self)})

    def refuse_unknown(self) -> None:
        """Refuse a record that would make a policy of no numbers.

        Raises:
            ContractError: there is no bar, or one of the numbers is not finite.
        """
        if len(self.raw) == 0:
            raise ContractError("no bar has an outcome that may teach a policy: widen the window or heal its days")
        for what in ("raw", "net_bps", "uniqueness"):
            if not np.isfinite(getattr(self, what)).all():
                raise ContractError(f"a policy cannot learn from {what} that is not finite: train and label again")


def fit_policy(
    past: PastBars, calibrators: Pair, limits: DecisionSettings, before: DecisionPolicy | None = None
) -> DecisionPolicy:
    """The policy that the past teaches.

    Args:
        past: everything known by now.
        calibrators: fitted on the same bars.
        before: the policy of the segment before. Its ensemble goes on with what has become known since, each vote as
            that policy cast it; where None, the ensemble begins with the whole past.

    Raises:
        ContractError: there is no bar, or one of the numbers is not finite.
    """
    past.refuse_unknown()
    lean = past.raw[:, LONG] - past.raw[:, SHORT]
    scale = float(lean.std())
    long, short = (Line.fit(past.raw[:, side], past.net_bps[:, side], past.uniqueness) for side in (LONG, SHORT))
    policy = DecisionPolicy(
        ensemble=EnsembleState(),
        calibrators=calibrators,
        expected=(long, short),
        lean_centre=float(lean.mean()),
        lean_scale=scale if scale > 0.0 else 1.0,
        limits=limits,
    )
    voter = policy if before is None else before
    new = past.at(voter.ensemble.unseen(past.known_at))
    votes = all_votes(voter, new.raw, new.votes)
    state = voter.ensemble.updated(votes, new.net_bps, new.uniqueness, new.known_at, limits.source_half_life_days)
    return policy.model_copy(update={"ensemble": state})


def all_votes(policy: DecisionPolicy, raw: Floats, other_votes: Floats) -> Floats:
    """(n, 5) votes with LightGBM's own column filled in."""
    votes = other_votes.copy()
    votes[:, SOURCES.index("pattern_recognition")] = policy.pattern_recognition(raw)
    return votes


@dataclass(frozen=True)
class Evidence:
    """What is known at n decision bars."""

    as_of: NDArray[np.datetime64]
    raw: Floats  # (n, 2)
    votes: Floats  # (n, 5), pattern_recognition's column ignored
    cost_bps: Floats  # (n,), all in: market orders both ways
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
        as_of, side (Int8), accepted, refused_by, confidence, expected_net_bps, agreement, size_gbp, regime, engine and
        the five votes. What depends on earlier trades (exposure, cool-down, loss limits) is the ledger's to refuse.
    """
    votes = all_votes(policy, evidence.raw, evidence.votes)
    ballot = tally(votes, policy.ensemble.weights)
    column = np.where(ballot.side < 0, SHORT, LONG)
    rows = np.arange(len(column))
    calibrated = apply_pair(policy.calibrators, evidence.raw, evidence.regime)
    expected = np.column_stack([policy.expected[side](evidence.raw[:, side]) for side in (LONG, SHORT)])
    error = np.column_stack([policy.expected[side].error(evidence.raw[:, side]) for side in (LONG, SHORT)])
    candidate = Candidate(
        side=ballot.side,
        confidence=calibrated[rows, column],
        expected_net_bps=expected[rows, column],
        expected_error_bps=error[rows, column],
        cost_bps=evidence.cost_bps,
        spread_bps=evidence.spread_bps,
        daily_volatility=evidence.minute_volatility * np.sqrt(MINUTES_PER_DAY),
        panic=evidence.regime == "PANIC",
        agreement=ballot.agreement,
        similar_net_bps=evidence.similar_net_bps[rows, column],
    )
    refusal = first_refusal(candidate, policy.limits)
    accepted = refusal == ""
    return pl.DataFrame(
        {
            "as_of": pl.Series(evidence.as_of).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            "side": ballot.side,
            "accepted": accepted,
            "refused_by": refusal,
            "confidence": candidate.confidence,
            "expected_net_bps": candidate.expected_net_bps,
            "agreement": candidate.agreement,
            "size_gbp": np.where(accepted, policy.limits.position_gbp, 0.0),
            "regime": evidence.regime,
            "engine": evidence.engine,
            **{source: votes[:, index] for index, source in enumerate(SOURCES)},
        }
    )
