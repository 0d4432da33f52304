"""Every error the engine raises on purpose.

HuracanError
├── SettingsError       a setting is missing or contradicts another
├── MarketError         the source has not, or not rightly, what was asked of it
│   ├── MissingDays     days that the source does not have
│   └── CandleError     rows that break the candle contract
├── StorageError        the lake, Postgres or MLflow cannot be read or written
├── ContractError       an artifact of an earlier room is not what the next room needs
│   └── FeatureSetMismatch  a model stands on other features than this engine makes
└── BundleError         a hand-off bundle that must not be loaded

A message names what, where and what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pydantic import ValidationError


class HuracanError(Exception):
    """Root of the engine's own errors."""


class SettingsError(HuracanError):
    """A setting is missing or contradicts another."""


class MarketError(HuracanError):
    """The market source has not, or not rightly, what was asked of it."""


class MissingDays(MarketError):  # noqa: N818
    """Days that the source does not have."""

    def __init__(self, symbol: str, days: Sequence[date], source: str, hint: str) -> None:
        self.symbol = symbol
        self.days = tuple(days)
        named = ", ".join(day.isoformat() for day in self.days[:10])
        more = f" and {len(self.days) - 10} more" if len(self.days) > 10 else ""
        super().__init__(f"{source} has no candles of {symbol} on {named}{more}. {hint}")


class CandleError(MarketError):
    """Rows that break the candle contract."""


class StorageError(HuracanError):
    """The lake, Postgres or MLflow cannot be read or written."""


class ContractError(HuracanError):
    """An artifact of an earlier room is not what the next room needs."""


class FeatureSetMismatch(ContractError):  # noqa: N818
    """A model stands on other features than this engine makes."""


class BundleError(HuracanError):
    """A hand-off bundle that must not be loaded."""


def first_fault(error: ValidationError) -> str:
    """Where a document's first fault lies and what it is, in one line and without the document."""
    fault = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, fault["loc"])) or "as a whole"
    return f"{error.error_count()} faults, the first {where}: {fault['msg']}"
