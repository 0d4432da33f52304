"""What another policy would have earned, told from logged decisions alone.

A log holds what the chosen action brought and nothing about the others. Importance weights pi(a) / p(a) carry it over
to a policy that chooses otherwise (self-normalised: Swaminathan & Joachims 2015), and a reward model fitted on other
days takes the variance out (doubly robust: Dudik, Langford & Li 2011; cross-fitted: Chernozhukov et al. 2018). Both
need overlap: what the log never does, no weight can bring back. Standing aside earns exactly nothing, so that action
needs no log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from huracan_assets.decision.ensemble import SOURCES
from huracan_assets.decision.policy import accepted_under
from huracan_assets.settings import AnalystSettings, DecisionSettings
from huracan_assets.shadow.daily_mean import daily_mean

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SIDES = (1, -1)
PARTS = 2  # of the reward model's cross-fitting: alternate blocks of days
BLOCK_DAYS = 7
UNCOVERED = 1e-9  # share of a policy's trades that the log never makes, above which nothing is told
FIGURES = ("reward_bps", "error_bps", "low_bps", "high_bps")
CONTEXT = ("confidence", "expected_net_bps", "agreement", *SOURCES)


@dataclass(frozen=True)
class LoggedDecisions:
    """n decisions as they were taken.

    `propensity` (n, 2) is the chance with which the logging policy went long and short, `action` (n,) what it did (1,
    -1 or 0), `reward` (n,) what that brought in bps (0 where it stood aside), `context` (n, k) what it knew, `day` (n,)
    the number of each decision's day.
    """

    action: Ints
    propensity: Floats
    reward: Floats
    context: Floats
    day: Ints


class OffPolicy(BaseModel):
    """Mean reward a decision of a target policy; null figures with a `why` are not identified."""

    model_config = ConfigDict(frozen=True)
    decisions: int
    trades: float
    effective: float
    uncovered: float
    reward_bps: float | None = None
    error_bps: float | None = None
    low_bps: float | None = None
    high_bps: float | None = None
    why: str = ""

    @property
    def answer(self) -> str:
        """The reward with its interval, or `not identified` and why."""
        if self.reward_bps is None:
            return f"not identified: {self.why}"
        return f"{self.reward_bps:+.3f} [{self.low_bps:+.3f}, {self.high_bps:+.3f}]"


def off_policy(log: LoggedDecisions, target: Floats, analysts: AnalystSettings) -> OffPolicy:
    """What the policy `target` earns a decision, by the log.

    Args:
        target: (n, 2) the chance with which it would go long and short; the rest stands aside.

    The diagnostic of overlap is the effective number of trades, (sum w)^2 / sum w^2 (Kish 1965), and the share of the
    target's trades that the log never makes.
    """
    chosen = np.stack([log.action == side for side in SIDES], axis=1)
    mass = target.sum(axis=1)
    uncovered = float(np.where(log.propensity > 0.0, 0.0, target).sum() / max(mass.sum(), 1e-300))
    weight = np.where(chosen, target, 0.0).sum(axis=1) / np.where(chosen, log.propensity, 1.0).prod(axis=1)
    squared = float((weight**2).sum())
    effective = float(weight.sum()) ** 2 / squared if squared > 0.0 else 0.0
    shown = OffPolicy(decisions=len(mass), trades=float(mass.sum()), effective=effective, uncovered=uncovered)
    if uncovered > UNCOVERED:
        return shown.model_copy(update={"why": f"{uncovered:.0%} of its trades the log never makes"})
    if effective < analysts.least_effective:
        why = f"{effective:.1f} effective trades, and {analysts.least_effective:g} are needed"
        return shown.model_copy(update={"why": why})
    terms = _influence(log, target, weight, chosen)
    found = daily_mean(terms, log.day, analysts.least_days)
    if found is None:
        return shown.model_copy(update={"why": f"{analysts.least_days} days of decisions are needed"})
    return shown.model_copy(
        update={"reward_bps": found.mean, "error_bps": found.error, "low_bps": found.low, "high_bps": found.high}
    )


def _influence(log: LoggedDecisions, target: Floats, weight: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """One term a decision (n,): their mean is the estimate, their spread its error.

    The weighted mean of the residuals, times the target's trades a decision, corrects the reward model; it is
    linearised about itself, and about the trades' share, which is a mean over the same decisions.
    """
    model = _reward_model(log, chosen)
    mass = target.sum(axis=1)
    residual = np.where(chosen.any(axis=1), log.reward - np.where(chosen, model, 0.0).sum(axis=1), 0.0)
    correction = float((weight * residual).sum() / weight.sum())
    scale = float(mass.mean() / weight.mean())
    return np.asarray((target * model).sum(axis=1) + correction * mass + scale * weight * (residual - correction))


def _reward_model(log: LoggedDecisions, chosen: NDArray[np.bool_]) -> Floats:
    """Expected reward of each side at each decision (n, 2): a line in the context, fitted on the other weeks."""
    part = (log.day // BLOCK_DAYS) % PARTS
    centre, spread = log.context.mean(axis=0), log.context.std(axis=0)
    rows = np.column_stack([np.ones(len(part)), (log.context - centre) / np.where(spread > 0.0, spread, 1.0)])
    model = np.zeros((len(part), len(SIDES)))
    for column in range(len(SIDES)):
        for fold in range(PARTS):
            taught = chosen[:, column] & (part != fold)
            if taught.any():
                model[part == fold, column] = (rows[part == fold] * _ridge(rows[taught], log.reward[taught])).sum(
                    axis=1
                )
    return model


def _ridge(rows: Floats, reward: Floats) -> Floats:
    """Coefficients (k,) of a ridge line whose penalty weighs as much as one decision for each column."""
    width = rows.shape[1]
    products = (rows[:, :, None] * rows[:, None, :]).sum(axis=0) + width * np.eye(width)
    return np.linalg.solve(products, (rows * reward[:, None]).sum(axis=0))


class PolicyAnswer(BaseModel):
    """Another policy's mean reward a decision: by the log alone, and by replay of both sides.

    `unknown` decisions have no known outcome; where they are too many, neither tells anything.
    """

    model_config = ConfigDict(frozen=True)
    policy: str
    trades: int
    unknown: int
    by_log: OffPolicy
    replay_bps: float | None
    replay_low_bps: float | None
    replay_high_bps: float | None


def other_policies(
    decisions: pl.DataFrame, outcomes: pl.DataFrame, analysts: AnalystSettings, limits: DecisionSettings
) -> tuple[PolicyAnswer, ...]:
    """Policies that choose otherwise at the night's decisions, each decision on its own, by log and by replay.

    The engine's policy is deterministic: its log overlaps with a stricter one and with no other. Where the log can
    tell, replay says the same.

    Args:
        decisions: of `decision.policy.decide`, in order; those whose outcome is not known are left out.
        outcomes: `trade_outcomes` of the same bars.
    """
    both = _both_sides(decisions, outcomes)
    taken = both["accepted"].to_numpy()
    side = both["side"].to_numpy().astype(np.int64)
    action = np.where(taken, side, 0)
    brought = both.select("long_bps", "short_bps").to_numpy()
    done = _as_chances(action)
    log = LoggedDecisions(
        action=action,
        propensity=done,
        reward=(done * brought).sum(axis=1),
        context=both.select(pl.col(CONTEXT).fill_nan(0.0).fill_null(0.0)).to_numpy(),
        day=both["as_of"].dt.epoch("d").to_numpy().astype(np.int64),
    )
    unknown = decisions.height - both.height
    return tuple(
        _answer(name, _as_chances(chosen), log, brought, unknown, analysts)
        for name, chosen in _policies(both, side, analysts, limits).items()
    )


def _policies(both: pl.DataFrame, side: Ints, analysts: AnalystSettings, limits: DecisionSettings) -> dict[str, Ints]:
    """Each policy's action at each decision; another confidence leaves the other gates where they are."""

    def from_confidence(least: float) -> Ints:
        return np.where(accepted_under(limits.model_copy(update={"min_confidence": least}), both), side, 0)

    action, step = np.where(both["accepted"].to_numpy(), side, 0), analysts.confidence_step
    lower, higher = limits.min_confidence - step, limits.min_confidence + step
    return {
        "as it is": action,
        f"confidence from {higher:.3g} on": from_confidence(higher),
        f"confidence from {lower:.3g} on": from_confidence(lower),
        "not in a range": np.where((both["regime"] == "RANGE").to_numpy(), 0, action),
        "the other side": -action,
    }


def _answer(
    name: str, target: Floats, log: LoggedDecisions, brought: Floats, unknown: int, analysts: AnalystSettings
) -> PolicyAnswer:
    by_log = off_policy(log, target, analysts)
    found = daily_mean((target * brought).sum(axis=1), log.day, analysts.least_days)
    if unknown > analysts.max_unknown_share * (unknown + len(log.day)):
        why = f"{unknown} of {unknown + len(log.day)} decisions have no known outcome"
        by_log, found = by_log.model_copy(update=dict.fromkeys(FIGURES) | {"why": why}), None
    return PolicyAnswer(
        policy=name,
        trades=int(target.sum()),
        unknown=unknown,
        by_log=by_log,
        replay_bps=None if found is None else found.mean,
        replay_low_bps=None if found is None else found.low,
        replay_high_bps=None if found is None else found.high,
    )


def _as_chances(action: Ints) -> Floats:
    return np.stack([action == side for side in SIDES], axis=1).astype(np.float64)


def _both_sides(decisions: pl.DataFrame, outcomes: pl.DataFrame) -> pl.DataFrame:
    """Decisions with what a long and a short would have brought, where the minutes of both are known."""
    known = outcomes.filter(~pl.col("crosses_unknown"))
    frame = decisions
    for name, side in (("long_bps", 1), ("short_bps", -1)):
        of_side = known.filter(pl.col("side") == side).select("as_of", pl.col("net_bps").alias(name))
        frame = frame.join(of_side, on="as_of", how="inner", maintain_order="left")
    return frame


def policy_rows(answers: Sequence[PolicyAnswer]) -> list[dict[str, object]]:
    """The answers as rows of a table."""
    return [
        {
            "policy": line.policy,
            "trades": line.trades,
            "effective": line.by_log.effective,
            "by the log, bps a decision [95 %]": line.by_log.answer,
            "by replay": line.replay_bps,
        }
        for line in answers
    ]
