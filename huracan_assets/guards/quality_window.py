"""The quality of every day of a look-back, and which of them are in quarantine."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict

from huracan_assets.errors import ContractError
from huracan_assets.guards.data_quality import QualityReport


class QualityWindow(BaseModel):
    """One report a day, in order; the last is the night's own day."""

    model_config = ConfigDict(frozen=True)
    symbol: str
    days: tuple[QualityReport, ...]

    @property
    def quarantined(self) -> list[date]:
        """The days that train nothing and trade nothing."""
        return [report.day for report in self.days if report.quarantined]

    def require_trusted(self) -> None:
        """Refuse a night whose own day is in quarantine.

        Raises:
            ContractError: it is; the message says why.
        """
        newest = self.days[-1]
        if newest.quarantined:
            raise ContractError(
                f"{self.symbol} of {newest.day} is in quarantine: {'; '.join(newest.reasons)}. "
                "Correct the source and materialise candles of that day again, or let the symbol sit this night out"
            )

    def rows(self) -> list[dict[str, object]]:
        """The days that are not perfect, as a table."""
        return [
            {
                "day": report.day,
                "missing minutes": report.missing_minutes,
                "stale minutes": report.stale_minutes,
                "spikes": len(report.spikes),
                "zero-volume share": report.zero_volume_share,
                "quarantined": report.quarantined,
                "because": "; ".join(report.reasons),
            }
            for report in self.days
            if report.missing_minutes or report.quarantined or report.spikes
        ]
