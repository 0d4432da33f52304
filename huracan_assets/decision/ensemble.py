"""Five sources vote, each in [-1, 1]; a source's weight follows its accuracy out of sample.

A source that says nothing (0 or NaN) is not counted, so silence never dilutes the others. The weights stand still
within a segment: following each outcome as it became known named the right side 0.0 to 0.2 % more often, 0.6 % where
skill turned over within a month, and a decision would have depended on the bars beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from huracan_assets.errors import ContractError

SOURCES = ("rl_agent", "pattern_recognition", "regime_analysis", "historical_similarity", "alpha_engines")
WEIGHT_FLOOR, WEIGHT_CAP = 0.3, 1.5
SKILL_GAIN = 10.0  # right in 52.5 % of a long record: half again the weight of a coin
PRIOR_LABELS = 50.0  # independent labels without skill that every source starts with
MICROSECONDS_PER_DAY = 86_400_000_000

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]


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


class SourceRecord(BaseModel):
    """How one source has fared, counted in independent labels x size of vote, what is old counting less."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, extra="forbid")
    right: float = 0.0  # what was said for the side that brought more, less what was said against it
    said: float = Field(default=0.0, ge=0)
    votes: int = Field(default=0, ge=0)  # all that were ever counted, old or new

    @property
    def accuracy(self) -> float | None:
        """Share of what it said that was right; None of a source that has said nothing."""
        return 0.5 + 0.5 * self.right / self.said if self.said > 0.0 else None

    @property
    def weight(self) -> float:
        """1 for a coin and for who is silent, at most 1.5, at least 0.3."""
        skill = self.right / (self.said + PRIOR_LABELS)
        return min(max(1.0 + SKILL_GAIN * skill, WEIGHT_FLOOR), WEIGHT_CAP)


class EnsembleState(BaseModel):
    """The sources' records as of the newest outcome that was counted; the weights follow from it and nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sources: dict[str, SourceRecord] = Field(default_factory=lambda: dict.fromkeys(SOURCES, SourceRecord()))
    known_at: datetime | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if set(self.sources) != set(SOURCES):
            raise ValueError(f"an ensemble has the sources {', '.join(SOURCES)}: fit the policy again")
        return self

    @property
    def weights(self) -> dict[str, float]:
        """A weight for each source."""
        return {source: self.sources[source].weight for source in SOURCES}

    def unseen(self, known_at: Times) -> NDArray[np.bool_]:
        """Which outcomes (n,) became known after the newest that was counted."""
        if self.known_at is None:
            return np.ones(len(known_at), np.bool_)
        return np.asarray(known_at > _instant(self.known_at))

    def updated(
        self, votes: Floats, net_bps: Floats, uniqueness: Floats, known_at: Times, half_life_days: float
    ) -> EnsembleState:
        """The state after further outcomes, taken in the order in which they became known.

        An exponential moving average over market time: half of a record is forgotten in `half_life_days`. One outcome
        follows another, so a state that was saved and continued has the bits of one that never stopped.

        Args:
            votes: (n, 5) as they were cast; NaN or 0 abstains.
            net_bps: (n, 2) what the long and the short trade of each bar brought.
            uniqueness: (n,) how much of each bar's outcome is its own (overlapping outcomes are one observation).
            known_at: (n,) when both were known.

        Raises:
            ContractError: an outcome is not a number, or was known before the newest that was counted.
        """
        if not self.unseen(known_at).all():
            raise ContractError(f"an outcome known by {self.known_at} would count twice: give what became known later")
        if not (np.isfinite(net_bps).all() and np.isfinite(uniqueness).all()):
            raise ContractError("the ensemble learns from finite outcomes only: materialize trade_outcomes again")
        if len(known_at) == 0:
            return self
        order = np.argsort(known_at, kind="stable")
        times, cast = known_at[order].astype("datetime64[us]"), np.nan_to_num(votes[order])
        mass = np.abs(cast) * uniqueness[order][:, None]
        better = np.sign(net_bps[order, 0] - net_bps[order, 1])
        steps = np.stack([np.sign(cast) * better[:, None] * mass, mass], axis=2)
        sums = np.array([[self.sources[source].right, self.sources[source].said] for source in SOURCES])
        for kept, step in zip(self._kept(times, half_life_days), steps, strict=True):
            sums = kept * sums + step
        spoken = np.count_nonzero(mass, axis=0).tolist()
        sources = {
            source: SourceRecord(right=right, said=said, votes=self.sources[source].votes + count)
            for source, (right, said), count in zip(SOURCES, sums.tolist(), spoken, strict=True)
        }
        return EnsembleState(sources=sources, known_at=times[-1].item().replace(tzinfo=UTC))

    def _kept(self, times: Times, half_life_days: float) -> list[float]:
        """What is left of the record as each of some outcomes (n,) arrives."""
        first = times[0] if self.known_at is None else _instant(self.known_at)
        gaps = np.diff(times, prepend=first).astype(np.int64)
        # One by one in Python: a vectorised power may round differently at the end of an array.
        return [0.5 ** (gap / (half_life_days * MICROSECONDS_PER_DAY)) for gap in gaps.tolist()]


def _instant(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")
