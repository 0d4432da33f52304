"""The market that the engine reads: source, symbols, universe."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from huracan_assets.settings.section import Section


class Listing(Section):
    """A symbol that the engine follows; a retired one stays, with the day it was delisted."""

    symbol: str = Field(pattern=r"^[A-Z0-9]+-[A-Z0-9]+$")
    delisted: date | None = None

    def is_listed(self, day: date) -> bool:
        """Whether `day` lies before the delisting."""
        return self.delisted is None or day < self.delisted


class ExchangeSettings(Section):
    """The ccxt door; public endpoints only."""

    id: str
    base_url: str | None
    proxy: str | None
    rate_limit: bool = Field(description="keep to the exchange's published limit; false only for a mirror of one's own")
    concurrency: int = Field(ge=1, description="requests under way at once")
    timeout_s: float = Field(gt=0)
    max_attempts: int = Field(ge=1, description="of one request, before its days are given up")
    backoff_first_s: float = Field(gt=0, description="the longest wait after a first failure; doubles with each")
    backoff_most_s: float = Field(gt=0)
    longest_wait_s: float = Field(ge=0, description="a ban that lasts longer is told, not sat out")
    close_grace_s: float = Field(ge=0, description="a bar counts as closed so long after its end")
    confirmations: int = Field(ge=0, description="how often an hour that contradicts itself is asked for again")
    perpetuals: bool = Field(description="ask the futures endpoints for funding, open interest and candles")
    trades: bool = Field(description="fetch every trade; a busy symbol-day has millions")


class SyntheticSettings(Section):
    """The seeded market. `edge` is the planted drift in bps a minute per unit of order-flow signal; 0: none."""

    seed: int = Field(ge=0)
    edge: float = Field(ge=0)


class UniverseSettings(Section):
    """Which candidates of a day get a Brain."""

    size: int = Field(ge=1, description="so many at most")
    days: int = Field(ge=1, description="the days, ending with the night's, by which candidates are judged")
    min_completeness: float = Field(ge=0, le=1, description="share of the minutes that have a candle")
    max_spread_bps: float = Field(gt=0)


class MarketSettings(Section):
    """Where candles come from, and of what."""

    source: Literal["ccxt", "archive", "synthetic"]
    archive: Path | None
    first_day: date
    benchmark: str
    max_unknown_minutes: int = Field(ge=0, le=1440, description="a day with more is quarantined")
    witnesses: tuple[str, ...] = Field(description="symbols whose silence beside another's is an outage of the venue")
    revision_days: int = Field(ge=1, description="days before a night that are fetched again and compared")
    symbols: tuple[Listing, ...] = Field(min_length=1, description="the candidates of the universe")
    universe: UniverseSettings
    collect: tuple[Literal["funding_rates", "open_interest", "perpetual_candles", "order_books", "trades"], ...] = (
        Field(description="what is asked for beside candles, where the source has it")
    )
    exchange: ExchangeSettings
    synthetic: SyntheticSettings

    @field_validator("archive")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().resolve()

    @field_validator("symbols", mode="before")
    @classmethod
    def _plain_names(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return [{"symbol": item} if isinstance(item, str) else item for item in value]

    @model_validator(mode="after")
    def _coherent(self) -> MarketSettings:
        names = [listing.symbol for listing in self.symbols]
        if len(set(names)) != len(names):
            raise ValueError("market.symbols names a symbol twice")
        if self.benchmark not in names:
            raise ValueError(f"market.benchmark {self.benchmark} is not one of market.symbols")
        ends = [listing.delisted or date.max for listing in self.symbols]
        if ends != sorted(ends, reverse=True):
            # A night fetches the symbols of its day as one range, so they must be the first of the list on any day.
            raise ValueError("market.symbols: retired symbols stand last, the longest retired at the end")
        if self.source == "archive" and self.archive is None:
            raise ValueError("market.source is archive: set HURACAN_MARKET__ARCHIVE to the archive's folder")
        return self

    def symbol_names(self) -> tuple[str, ...]:
        """All symbols, retired ones included, in the order of the list."""
        return tuple(listing.symbol for listing in self.symbols)

    def listed(self, day: date) -> tuple[str, ...]:
        """The symbols that were not yet delisted on `day`."""
        return tuple(listing.symbol for listing in self.symbols if listing.is_listed(day))

    def witnesses_of(self, symbol: str, day: date) -> tuple[str, ...]:
        """The witnesses that are listed on `day` and are not the symbol itself."""
        return tuple(name for name in self.witnesses if name != symbol and name in self.listed(day))
