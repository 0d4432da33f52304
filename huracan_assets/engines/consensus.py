"""All engines' signals at each bar, and what they say together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.engines import range as range_engine
from huracan_assets.engines import trend as trend_engine
from huracan_assets.engines.signal import Array, Engine
from huracan_assets.errors import ContractError

# Affinities: 1 in the regime the idea is made for; elsewhere a judgement, low enough that the other engine
# leads.
ENGINES: tuple[Engine, ...] = (
    Engine("trend", {"TREND": 1.0, "RANGE": 0.3, "PANIC": 0.3}, trend_engine.trend),
    Engine("range", {"TREND": 0.3, "RANGE": 1.0, "PANIC": 0.1}, range_engine.fade),
)

SIGNAL_SCHEMA: dict[str, pl.DataType] = {
    "as_of": pl.Datetime("us", "UTC"),
    "engine": pl.String(),
    "side": pl.Int8(),
    "confidence": pl.Float64(),
    "affinity": pl.Float64(),
}


def alpha_signals(bars: pl.DataFrame, regimes: pl.DataFrame, engines: Sequence[Engine] = ENGINES) -> pl.DataFrame:
    """The signals in long form, one row for each bar and engine, by `as_of`, then in the order of `engines`.

    `affinity` is the engine's over the regimes, weighed by their probabilities at that bar: 0..1.

    Args:
        bars: `as_of` and feature columns.
        regimes: regimes frame of the same bars.

    Raises:
        ContractError: the two frames are not of the same bars, a feature is absent, or two engines share a
            name.
    """
    if not bars["as_of"].equals(regimes["as_of"]):
        raise ContractError("bars and regimes differ in as_of: classify these very bars")
    names = [engine.name for engine in engines]
    if len(set(names)) != len(names):
        raise ContractError(f"engines {', '.join(names)} are not told apart: give each its own name")
    order = pl.Series("order", np.arange(bars.height), dtype=pl.Int64)
    probability = {name: regimes[f"p_{name.lower()}"].to_numpy() for name in ("TREND", "RANGE", "PANIC")}
    parts = [pl.DataFrame(schema={**SIGNAL_SCHEMA, "order": pl.Int64()})]
    for engine in engines:
        signal = engine.rule(bars, regimes)
        affinity = sum(engine.affinity[name] * probability[name] for name in probability)
        part = pl.DataFrame(
            {
                "as_of": bars["as_of"],
                "engine": pl.repeat(engine.name, bars.height, dtype=pl.String, eager=True),
                "side": signal.side,
                "confidence": signal.confidence,
                "affinity": np.clip(affinity, 0.0, 1.0),
                "order": order,
            }
        )
        parts.append(part)
    return pl.concat(parts).sort("order", maintain_order=True).drop("order")


def consensus(signals: pl.DataFrame) -> pl.DataFrame:
    """What the engines say together at each bar: `as_of, vote, agreement, n_engines`.

    vote = sum(affinity confidence side) / sum(affinity) over distinct engines, -1..1: a silent engine that
    suits the regime holds the vote back. agreement = |sum(affinity confidence side)| / sum(affinity
    confidence), 0..1, 0 where none speaks. n_engines: distinct engines with a side.

    An engine whose side, confidence and affinity equalled another's at every bar so far is that engine's
    clone and counts once, so duplicating one changes nothing. "So far": a later difference does not reach
    back.

    Raises:
        ContractError: an engine is missing at a bar, or comes twice.
    """
    names = signals["engine"].unique(maintain_order=True).to_list()
    bars = signals["as_of"].unique(maintain_order=True)
    n, e = bars.len(), len(names)
    if signals.height != n * e or signals.select("as_of", "engine").is_duplicated().any():
        raise ContractError(f"signals have not one row for each of {n} bars and {e} engines: compute them again")
    if n == 0:
        return _frame(bars, np.empty(0), np.empty(0), np.empty(0, np.int32))
    by_engine = [signals.filter(pl.col("engine") == name) for name in names]
    if not all(part["as_of"].equals(bars) for part in by_engine):
        raise ContractError("signals are not in the order of as_of for every engine: sort them by as_of")
    side, confidence, affinity = (
        np.stack([part[name].cast(pl.Float64).to_numpy() for part in by_engine])
        for name in ("side", "confidence", "affinity")
    )
    distinct = ~_clones(np.stack([side, confidence, affinity]))
    weight = np.where(distinct, affinity, 0.0)
    strength = weight * confidence
    balance, suited, spoken = (_ordered_sum(x) for x in (strength * side, weight, strength * (side != 0)))
    vote = np.divide(balance, suited, out=np.zeros(n), where=suited > 0)
    agreement = np.divide(np.abs(balance), spoken, out=np.zeros(n), where=spoken > 0)
    speaking = ((side != 0) & distinct).sum(axis=0).astype(np.int32)
    return _frame(bars, np.clip(vote, -1.0, 1.0), np.clip(agreement, 0.0, 1.0), speaking)


def _clones(views: Array) -> NDArray[np.bool_]:
    """(engines, bars) whether an engine equalled an earlier one at every bar so far; views (3, e, n)."""
    e, n = views.shape[1:]
    clone = np.zeros((e, n), dtype=np.bool_)
    for later in range(1, e):
        for earlier in range(later):
            same = (views[:, later] == views[:, earlier]).all(axis=0)
            clone[later] |= np.logical_and.accumulate(same)
    return clone


def _ordered_sum(x: Array) -> Array:
    """Column sums, of the values in rising order: the engines' order must not change the last bit."""
    total = np.zeros(x.shape[1])
    for row in np.sort(x, axis=0):
        total += row
    return total


def _frame(bars: pl.Series, vote: Array, agreement: Array, speaking: NDArray[np.int32]) -> pl.DataFrame:
    return pl.DataFrame({"as_of": bars, "vote": vote, "agreement": agreement, "n_engines": speaking})
