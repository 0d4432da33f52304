"""The close of a night: what became of each symbol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Outcome = Literal["handed over", "approved, withheld", "rejected", "failed", "missing"]


@dataclass(frozen=True)
class SymbolRun:
    """How a symbol's run of the night ended; `error` where it failed."""

    succeeded: bool
    error: str | None


class SymbolNight(BaseModel):
    """One line of the report."""

    model_config = ConfigDict(frozen=True)
    symbol: str
    outcome: Outcome
    reason: str
    trades: int | None
    sharpe: float | None
    costliest: str | None
    """The root cause that cost the policy's trades most."""


class NightReport(BaseModel):
    """All symbols of a night, in the order of the settings."""

    model_config = ConfigDict(frozen=True)
    day: date
    symbols: tuple[SymbolNight, ...]

    def count(self, outcome: Outcome) -> int:
        """How many symbols ended so."""
        return sum(line.outcome == outcome for line in self.symbols)

    @property
    def unfinished(self) -> list[str]:
        """The symbols without a verdict: they failed, or never ran."""
        return [line.symbol for line in self.symbols if line.outcome in ("failed", "missing")]


def night_report(
    day: date,
    symbols: Sequence[str],
    runs: Mapping[str, SymbolRun],
    documents: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> NightReport:
    """Gather a night.

    Args:
        symbols: those of the night's universe.
        runs: the newest run of each symbol; one without a run is missing.
        documents: for each symbol whose run succeeded, `handoff_bundle`, `gate_verdict`,
            `walk_forward_report` and `trade_analysis`.
    """
    return NightReport(
        day=day, symbols=tuple(_line(symbol, runs.get(symbol), documents.get(symbol, {})) for symbol in symbols)
    )


def _line(symbol: str, run: SymbolRun | None, documents: Mapping[str, Mapping[str, Any]]) -> SymbolNight:
    if run is None:
        return _without_figures(symbol, "missing", "no run was started")
    if not run.succeeded:
        return _without_figures(symbol, "failed", run.error or "unknown")
    handoff, report = documents["handoff_bundle"], documents["walk_forward_report"]
    outcome: Outcome = "rejected"
    if handoff["handed_over"]:
        outcome = "handed over"
    elif documents["gate_verdict"]["approved"]:
        outcome = "approved, withheld"
    losses = documents["trade_analysis"]["losses"]
    return SymbolNight(
        symbol=symbol,
        outcome=outcome,
        reason=handoff["reason"],
        trades=report["trades"],
        sharpe=report["sharpe"],
        costliest=losses[0]["cause"] if losses else None,
    )


def _without_figures(symbol: str, outcome: Outcome, reason: str) -> SymbolNight:
    return SymbolNight(symbol=symbol, outcome=outcome, reason=reason, trades=None, sharpe=None, costliest=None)
