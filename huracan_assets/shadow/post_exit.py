"""After the exit: what waiting would have brought, what an earlier exit would have kept, how long to hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from huracan_assets.settings import AnalystSettings
from huracan_assets.shadow.daily_mean import daily_mean
from huracan_assets.shadow.trade_paths import AFTER

IN_SAMPLE = "found on the trades that it is judged by: the best of several is flattered by the choice"
VERDICTS = ("too early", "too late", "well timed", "no matter", "not known")


def exit_verdicts(facts: pl.DataFrame, analysts: AnalystSettings) -> pl.DataFrame:
    """`facts` and `exit_verdict` of each trade, one of `VERDICTS`.

    A move counts from `gain_costs` times the trade's cost on. Too early: the price went on to gain so much before it
    lost as much. Too late: so much had been there and was given back. Well timed: it lost so much first. Where nothing
    is known of the price to come, as many are too early as well timed.
    """
    given_back = pl.col("mfe_bps") - pl.col("gross_bps") >= analysts.gain_costs * pl.col("cost_bps")
    first = pl.col("after_first")
    return facts.with_columns(
        exit_verdict=pl.when(first.is_null())
        .then(pl.lit("not known"))
        .when(first > 0.0)
        .then(pl.lit("too early"))
        .when(given_back)
        .then(pl.lit("too late"))
        .when(first < 0.0)
        .then(pl.lit("well timed"))
        .otherwise(pl.lit("no matter"))
    )


class HoldingTime(BaseModel):
    """Mean net result of all trades had each been held for `minutes`, with its standard error and 95 % interval."""

    model_config = ConfigDict(frozen=True)
    minutes: int
    trades: int
    unknown: int
    net_bps: float | None
    error_bps: float | None
    low_bps: float | None
    high_bps: float | None


class PostExit(BaseModel):
    """The ledger's exits against what was on offer."""

    model_config = ConfigDict(frozen=True)
    watched_minutes: int
    trades: int
    shares: dict[str, float]
    mean_further_gain_bps: float | None
    mean_given_back_bps: float | None
    holding: tuple[HoldingTime, ...]
    best_minutes: int | None
    note: str = IN_SAMPLE


def post_exit(
    facts: pl.DataFrame, held: Mapping[int, pl.Series], day: np.ndarray[Any, Any], analysts: AnalystSettings
) -> PostExit:
    """The summary of a ledger's exits.

    Args:
        facts: with `exit_verdict`.
        held: net bps of each trade for each fixed holding time in minutes, null where it is not known.
        day: number of each trade's day, (m,).
    """
    known = facts.filter(pl.col(AFTER[0]).is_not_null())
    counts = facts["exit_verdict"].value_counts()
    by_verdict = dict(counts.iter_rows())
    curve = tuple(_holding(minutes, net, day, analysts.least_days) for minutes, net in held.items())
    told = [point for point in curve if point.net_bps is not None]
    return PostExit(
        watched_minutes=analysts.post_exit_minutes,
        trades=facts.height,
        shares={name: by_verdict.get(name, 0) / max(facts.height, 1) for name in VERDICTS},
        mean_further_gain_bps=_mean(known["after_best_bps"]),
        mean_given_back_bps=_mean(facts["mfe_bps"] - facts["gross_bps"]),
        holding=curve,
        best_minutes=max(told, key=_net).minutes if told else None,
    )


def _net(point: HoldingTime) -> float:
    return point.net_bps if point.net_bps is not None else -np.inf


def _mean(values: pl.Series) -> float | None:
    return float(values.to_numpy().mean()) if len(values) else None


def _holding(minutes: int, net: pl.Series, day: np.ndarray[Any, Any], least_days: int) -> HoldingTime:
    known = net.is_not_null().to_numpy()
    found = daily_mean(net.drop_nulls().to_numpy(), day[known], least_days)
    return HoldingTime(
        minutes=minutes,
        trades=int(known.sum()),
        unknown=int((~known).sum()),
        net_bps=None if found is None else found.mean,
        error_bps=None if found is None else found.error,
        low_bps=None if found is None else found.low,
        high_bps=None if found is None else found.high,
    )


def holding_rows(curve: Sequence[HoldingTime]) -> list[dict[str, object]]:
    """The curve as rows of a table."""
    return [
        {"held, minutes": p.minutes, "trades": p.trades, "net bps": p.net_bps, "standard error": p.error_bps}
        for p in curve
    ]
