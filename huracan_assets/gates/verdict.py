"""The verdict: seven gates, all evaluated always, each line with its figure, bound, margin and one sentence.

A model ships only if every line passes. Missing evidence fails; ties fail.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, computed_field, model_validator

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

    @computed_field  # type: ignore[prop-decorator]
    @property
    def margin(self) -> float | None:
        """How far the figure lies on the good side of its bound; None without a figure."""
        if self.figure is None or math.isnan(self.figure):
            return None
        return self.figure - self.bound if self.direction == "above" else self.bound - self.figure

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Strictly on the good side, or provisional."""
        return self.provisional or (self.margin is not None and self.margin > 0.0)


class GateVerdict(BaseModel):
    """What the registry and the hand-over read, and refuse on.

    `judged` holds the content hash of each artifact that was evidence or would be handed over.

    Raises:
        ValueError: it says of itself what its lines do not.
    """

    model_config = ConfigDict(frozen=True)
    symbol: str
    day: date
    approved: bool
    provisional: bool
    lines: tuple[Line, ...]
    bounds: GateSettings
    judged: dict[str, str]

    @classmethod
    def of(
        cls, symbol: str, day: date, lines: list[Line], bounds: GateSettings, judged: Mapping[str, str]
    ) -> GateVerdict:
        """Approved only if each of the seven gates is there and every line passes."""
        return cls(
            symbol=symbol,
            day=day,
            approved=_approved(lines),
            provisional=any(line.provisional for line in lines),
            lines=tuple(lines),
            bounds=bounds,
            judged=dict(judged),
        )

    @model_validator(mode="after")
    def _says_what_its_lines_say(self) -> Self:
        provisional = {line.gate for line in self.lines if line.provisional}
        if self.approved != _approved(self.lines) or self.provisional != bool(provisional):
            raise ValueError("the verdict is not that of its lines: materialise gate_verdict again")
        if provisional - {GATES[6]}:
            raise ValueError(f"only gate {GATES[6]} passes provisionally: materialise gate_verdict again")
        return self

    def unjudged(self, held: Mapping[str, str]) -> list[str]:
        """Names of what is not what was judged.

        Args:
            held: content hashes by the names of `judged`.
        """
        return sorted(name for name, digest in held.items() if self.judged.get(name) != digest)

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


def _approved(lines: Sequence[Line]) -> bool:
    return {line.gate for line in lines} == set(GATES) and all(line.passed for line in lines)
