"""Leakage: five ways in which the future gets into the past, and what a check that looks for one of them says.

1. `future_correlation`: a feature knows the bars ahead as only somebody who has seen them can.
2. `label_overlap`: a training label reaches into a test interval.
3. `fit_on_test`: something was fitted on what judges it.
4. `timestamp_alignment`: something is used before it is known, or filled before it is decided.
5. `target_proxy`: one feature explains the label's return better than any honest one could.

Each check is a pure function in the file of its name, from arrays to findings; no finding is a clean check. Claims are
not believed where they can be tried: `recomputation.py` compares what the night used with the same thing made again
from nothing later, and differences become findings of checks 3 and 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from huracan_assets.errors import ContractError

CHECKS = {
    "future_correlation": "Does no feature know the bars ahead as only somebody who has seen them can?",
    "label_overlap": "Does no training label reach into a test interval?",
    "fit_on_test": "Was nothing fitted on what judges it?",
    "timestamp_alignment": "Is everything known when it is used, also when it is made again without the future?",
    "target_proxy": "Does no feature alone explain the label better than an honest one could?",
}


@dataclass(frozen=True)
class Finding:
    """One leak: the check, what leaked, the figure that shows it, the bound it passed, and a sentence."""

    check: str
    subject: str
    figure: float
    bound: float
    sentence: str


@dataclass(frozen=True)
class LeakageReport:
    """What each of the five checks found; a clean one is listed with an empty tuple."""

    findings: dict[str, tuple[Finding, ...]]

    @property
    def clean(self) -> bool:
        """Whether no check found anything."""
        return not any(self.findings.values())


def leakage_report(findings: Mapping[str, Sequence[Finding]]) -> LeakageReport:
    """The report of all five checks.

    Raises:
        ContractError: a check was not run, or is none of the five: a report without it would call it clean.
    """
    if set(findings) != set(CHECKS):
        raise ContractError(f"a leakage report needs exactly the checks {', '.join(CHECKS)}: run each of them")
    return LeakageReport({name: tuple(findings[name]) for name in CHECKS})
