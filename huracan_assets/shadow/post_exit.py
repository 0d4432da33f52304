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
    """Mean net result of all trades had each been held for `minutes`, with its standard error and 95 % interval.

    Null where too few days have a trade, or where more than `max_unknown_share` of the results are unknown.
    """

    model_config = ConfigDict(frozen=True)
    minutes: int
    trades: int
    unknown: int
    net_bps: float | None
    error_bps: float | None
    low_bps: float | None
    high_bps: float | None


class PostExit(BaseModel):
    """The ledger's exits against what was on offer.

    `best_minutes` compares the holding times that are told over the trades that each of them knows; null where those
    leave out more than `max_unknown_share` of all.
    """

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
    hidden = _too_few(known.height, facts.height, analysts)
    counts = facts["exit_verdict"].value_counts()
    by_verdict = dict(counts.iter_rows())
    curve = tuple(_holding(minutes, net, day, analysts) for minutes, net in held.items())
    told = {point.minutes: held[point.minutes] for point in curve if point.net_bps is not None}
    return PostExit(
        watched_minutes=analysts.post_exit_minutes,
        trades=facts.height,
        shares={name: by_verdict.get(name, 0) / max(facts.height, 1) for name in VERDICTS},
        mean_further_gain_bps=None if hidden else _mean(known["after_best_bps"]),
        mean_given_back_bps=_mean(facts["mfe_bps"] - facts["gross_bps"]),
        holding=curve,
        best_minutes=_best(told, analysts),
    )


def _best(held: Mapping[int, pl.Series], analysts: AnalystSettings) -> int | None:
    """The holding time of the highest mean over the trades that all of them know."""
    if not held:
        return None
    net = np.column_stack([series.cast(pl.Float64).fill_null(np.nan).to_numpy() for series in held.values()])
    common = net[~np.isnan(net).any(axis=1)]
    return None if _too_few(len(common), len(net), analysts) else list(held)[int(np.argmax(common.mean(axis=0)))]


def _too_few(known: int, trades: int, analysts: AnalystSettings) -> bool:
    return trades - known > analysts.max_unknown_share * trades


def _mean(values: pl.Series) -> float | None:
    return float(values.to_numpy().mean()) if len(values) else None


def _holding(minutes: int, net: pl.Series, day: np.ndarray[Any, Any], analysts: AnalystSettings) -> HoldingTime:
    known = net.is_not_null().to_numpy()
    hidden = _too_few(int(known.sum()), len(net), analysts)
    found = None if hidden else daily_mean(net.drop_nulls().to_numpy(), day[known], analysts.least_days)
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
        {
            "held, minutes": p.minutes,
            "trades": p.trades,
            "unknown": p.unknown,
            "net bps": p.net_bps,
            "standard error": p.error_bps,
        }
        for p in curve
    ]
