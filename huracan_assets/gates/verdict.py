"""The verdict: seven gates, all evaluated always, each line with its figure, bound, margin and one sentence.

A model ships only if every line passes. Missing evidence fails; ties fail.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict

from huracan_assets.settings import GateSettings

Direction = Literal["above", "below"]


class Line(BaseModel):
    """One bound of one gate."""

    model_config = ConfigDict(frozen=True)
    gate: str
    figure_name: str
    figure: float | None
    bound: float
    direction: Direction
    n_eff: float | None
    sentence: str
    provisional: bool = False

    @property
    def margin(self) -> float | None:
        """How far the figure lies on the good side of its bound; None without a figure."""
        if self.figure is None or math.isnan(self.figure):
            return None
        return self.figure - self.bound if self.direction == "above" else self.bound - self.figure

    @property
    def passed(self) -> bool:
        """Strictly on the good side, or provisional."""
        return self.provisional or (self.margin is not None and self.margin > 0.0)


class GateVerdict(BaseModel):
    """What the registry and the hand-over read, and refuse on."""

    model_config = ConfigDict(frozen=True)
    symbol: str
    day: date
    approved: bool
    provisional: bool
    lines: tuple[Line, ...]
    bounds: GateSettings

    @classmethod
    def of(cls, symbol: str, day: date, lines: list[Line], bounds: GateSettings) -> GateVerdict:
        """Approved only if each of the seven gates is there and every line passes."""
        gates = {line.gate for line in lines}
        return cls(
            symbol=symbol,
            day=day,
            approved=gates == set(GATES) and all(line.passed for line in lines),
            provisional=any(line.provisional for line in lines),
            lines=tuple(lines),
            bounds=bounds,
        )

    @property
    def failures(self) -> tuple[Line, ...]:
        """The lines that did not pass."""
        return tuple(line for line in self.lines if not line.passed)

    def rows(self) -> list[dict[str, object]]:
        """The lines as a table."""
        return [
            {
                "gate": line.gate,
                "figure": line.figure_name,
                "value": line.figure,
                "must be": line.direction,
                "bound": line.bound,
                "margin": line.margin,
                "n_eff": line.n_eff,
                "result": "provisional" if line.provisional else "pass" if line.passed else "FAIL",
                "because": line.sentence,
            }
            for line in self.lines
        ]


GATES = (
    "1 performance",
    "2 risk",
    "3 calibration",
    "4 stress",
    "5 leakage",
    "6 drift",
    "7 live consistency",
)
