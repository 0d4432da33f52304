"""How far the result of an agent is the luck of its seed: what each seed earned on rows that none had seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

TRIMMED = 0.25


class Spread(BaseModel):
    """Net bps of each seed, in order, their interquartile mean (Agarwal et al. 2021) and their range."""

    model_config = ConfigDict(frozen=True)
    net_bps: tuple[float, ...]
    iqm_bps: float
    low_bps: float
    high_bps: float

    @classmethod
    def of(cls, net_bps: Sequence[float]) -> Spread:
        """The spread of these figures."""
        cut = int(TRIMMED * len(net_bps))
        middle = sorted(net_bps)[cut : len(net_bps) - cut]
        return cls(net_bps=tuple(net_bps), iqm_bps=float(np.mean(middle)), low_bps=min(net_bps), high_bps=max(net_bps))

    def figures(self) -> dict[str, float]:
        """Mean and range, under the names that a trial is recorded with."""
        return {"seeds/iqm_bps": self.iqm_bps, "seeds/low_bps": self.low_bps, "seeds/high_bps": self.high_bps}


class SeedReport(BaseModel):
    """The agents of a night side by side.

    Attributes:
        seeds: of the agents, in the order of the figures.
        segments: what each earned in each test segment.
        traded: what each earned in those whose votes the ledger trades, all but the first, which calibrates.
        overall: what each earned in all of them.
        earning: share of the seeds that earned where it is traded; who stays flat has earned nothing.
        agreement: mean over all asked bars of |sum of votes| over the sum of their sizes; the vote is shrunk by it.
    """

    model_config = ConfigDict(frozen=True)
    seeds: tuple[int, ...]
    segments: tuple[Spread, ...]
    traded: Spread
    overall: Spread
    earning: float
    agreement: float

    @classmethod
    def of(cls, seeds: Sequence[int], tests: Sequence[Mapping[str, float]], agreement: float) -> SeedReport:
        """From the summary of every agent in every segment (`fold`, `seed`, `net_bps`), in any order."""
        earned = {(row["fold"], row["seed"]): row["net_bps"] for row in tests}
        folds = sorted({fold for fold, _ in earned})
        segments = tuple(Spread.of([earned[fold, float(seed)] for seed in seeds]) for fold in folds)
        traded, overall = (
            Spread.of([sum(earned[fold, float(seed)] for fold in some) for seed in seeds])
            for some in ([fold for fold in folds if fold > 0.0], folds)
        )
        return cls(
            seeds=tuple(seeds),
            segments=segments,
            traded=traded,
            overall=overall,
            earning=sum(net > 0.0 for net in traded.net_bps) / len(seeds),
            agreement=agreement,
        )

    def rows(self) -> list[dict[str, object]]:
        """A line for each segment, one for those that are traded and one for all, as a table."""
        each = ((str(place), segment) for place, segment in enumerate(self.segments))
        named = [*each, ("traded", self.traded), ("all", self.overall)]
        return [
            {
                "segment": name,
                "IQM, net bps": spread.iqm_bps,
                "lowest": spread.low_bps,
                "highest": spread.high_bps,
                **{f"seed {seed}": net for seed, net in zip(self.seeds, spread.net_bps, strict=True)},
            }
            for name, spread in named
        ]
