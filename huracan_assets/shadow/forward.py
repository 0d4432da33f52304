"""The champion's forward trades: every day since it was registered, none of which it had seen."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict


class ForwardLedger(BaseModel):
    """What the champion of the nights before brought since, a net return a day; no champion, no days."""

    model_config = ConfigDict(frozen=True)
    champion: str | None
    champion_day: date | None
    note: str
    backtest_sharpe: float | None
    trades: int
    daily: tuple[tuple[date, float], ...]
