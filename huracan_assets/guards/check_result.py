"""What one quality check says of one day, and what all of them together make of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

Severity = Literal["WARN", "ERROR"]
Status = Literal["trusted", "imperfect", "quarantined"]

NAMED = 5  # findings named one by one in a sentence


@dataclass(frozen=True)
class CheckResult:
    """One check of one day: a figure against its bound.

    `figure` is in `unit`, None where the check could not judge for want of evidence. `severity` is what a figure
    above the bound means: an ERROR puts the day into quarantine, a WARN is shown. `sentence` says what was
    found and where; it is empty where there is nothing to say.
    """

    name: str
    figure: float | None
    unit: str
    bound: float
    severity: Severity
    sentence: str

    @property
    def judged(self) -> bool:
        """Whether there was evidence."""
        return self.figure is not None

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against the day: the figure keeps its bound, or there is none."""
        return self.figure is None or self.figure <= self.bound


@dataclass(frozen=True)
class DayQuality:
    """What the checks found on one symbol-day."""

    day: date
    missing_minutes: int
    checks: tuple[CheckResult, ...]

    @property
    def reasons(self) -> list[str]:
        """Why the day is in quarantine, a sentence each; empty where it is not."""
        return [check.sentence for check in self.checks if check.severity == "ERROR" and not check.passed]

    @property
    def quarantined(self) -> bool:
        """Whether the day may train and trade nothing."""
        return bool(self.reasons)

    @property
    def status(self) -> Status:
        """`imperfect` is a day that lacks minutes or has a warning, and is used."""
        if self.quarantined:
            return "quarantined"
        whole = self.missing_minutes == 0 and all(check.passed for check in self.checks)
        return "trusted" if whole else "imperfect"

    def check(self, name: str) -> CheckResult:
        """The result of one check."""
        return next(check for check in self.checks if check.name == name)


def first_few(findings: list[str]) -> str:
    """The first findings, and how many more there are."""
    more = f" and {len(findings) - NAMED} more" if len(findings) > NAMED else ""
    return ", ".join(findings[:NAMED]) + more
