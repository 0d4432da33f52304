"""The quality of every day of a look-back, and which of them are in quarantine."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict

from huracan_assets.errors import ContractError
from huracan_assets.guards.check_result import DayQuality


class QualityWindow(BaseModel):
    """One report a day, in order; the last is the night's own day."""

    model_config = ConfigDict(frozen=True)
    symbol: str
    days: tuple[DayQuality, ...]

    @property
    def newest(self) -> DayQuality:
        """The night's own day."""
        return self.days[-1]

    @property
    def quarantined(self) -> list[date]:
        """The days that train nothing and trade nothing."""
        return [report.day for report in self.days if report.quarantined]

    def require_trusted(self) -> None:
        """Refuse a night whose own day is in quarantine.

        Raises:
            ContractError: it is; the message says why.
        """
        if self.newest.quarantined:
            raise ContractError(
                f"{self.symbol} of {self.newest.day} is in quarantine: {'; '.join(self.newest.reasons)}. "
                "Correct the source and materialise candles of that day again, or let the symbol sit this night out"
            )


def newest_day_table(window: QualityWindow) -> list[dict[str, object]]:
    """The night's own day, a row for each check, its unit beside its name."""
    return [
        {
            "check": f"{check.name.replace('_', ' ')}, {check.unit}",
            "figure": check.figure,
            "bound": check.bound,
            "verdict": "passed" if check.passed and check.judged else "not judged" if check.passed else check.severity,
            "found": check.sentence,
        }
        for check in window.newest.checks
    ]


def calendar_table(window: QualityWindow) -> list[dict[str, object]]:
    """Days by checks, the newest first: the figure of each check, and what speaks against the day."""
    return [
        {
            "day": report.day,
            "status": report.status,
            "missing minutes": report.missing_minutes,
            **{check.name: check.figure for check in report.checks},
            "because": "; ".join(check.sentence for check in report.checks if not check.passed),
        }
        for report in reversed(window.days)
    ]
