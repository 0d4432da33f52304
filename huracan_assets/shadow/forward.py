"""The champion's forward trades: every day since it was registered, none of which it had seen."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import BaseModel, ConfigDict

from huracan_assets.features.feature_version import FeatureVersion
from huracan_assets.memory.recall import recall_day_by_day
from huracan_assets.memory.set_up_map import SetUpMap
from huracan_assets.memory.set_ups import compare_nights
from huracan_assets.regimes.regimes import classify
from huracan_assets.settings import Settings

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]


class ForwardLedger(BaseModel):
    """What the champion of the nights before brought since, a net return a day; no champion, no days."""

    model_config = ConfigDict(frozen=True)
    champion: str | None
    champion_day: date | None
    note: str
    backtest_sharpe: float | None
    trades: int
    daily: tuple[tuple[date, float], ...]


def recalled_then(
    conn: Connection, version: FeatureVersion, window: pl.DataFrame, bars: pl.DataFrame, settings: Settings
) -> pl.DataFrame:
    """What the memory held, on each bar's own day, of set-ups like the bar; columns of `RECALL_SCHEMA`.

    Args:
        version: of the night that asks.
        window: its decision bars; they tell what was usual before `bars`, which are some of them.

    Raises:
        ContractError: a bar is none of the window's, or the features are not those of `version`.
    """
    mapped = SetUpMap.of(version, settings)
    compare_nights(conn, version.day)
    return recall_day_by_day(
        conn,
        version.symbol,
        mapped.name,
        bars["as_of"].to_numpy(),
        classify(bars)["regime"].to_numpy().astype(str),
        mapped.points_at(window, bars["as_of"]),
        settings.memory.neighbours,
    )
