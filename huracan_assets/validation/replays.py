"""The night made again as of a moment: regimes, signals, outcomes and training rows without what came later."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.engines.consensus import alpha_signals
from huracan_assets.guards.recomputation import Replay
from huracan_assets.learning.training_set import TrainingSet, training_set
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.regimes.regimes import classify
from huracan_assets.settings import SimulationSettings
from huracan_assets.simulation.conditions import minute_rows
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.trade_outcomes import trade_outcomes

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Makers:
    """The code that made the night; another one's would be tried in the same way."""

    regimes: Callable[[pl.DataFrame], pl.DataFrame] = classify
    signals: Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame] = alpha_signals
    outcomes: Callable[..., pl.DataFrame] = trade_outcomes
    training_set: Callable[[pl.DataFrame, pl.DataFrame], TrainingSet] = training_set


@dataclass(frozen=True)
class Window:
    """A look-back window as the night used it; `unknown` are minutes of `grid` of which nobody knows."""

    grid: MinuteGrid
    unknown: Bools
    funding: pl.DataFrame | None
    bars: pl.DataFrame
    regimes: pl.DataFrame
    signals: pl.DataFrame
    outcomes: pl.DataFrame
    ts: TrainingSet
    simulation: SimulationSettings
    position_gbp: float


def replay_window(window: Window, at: datetime, makers: Makers | None = None) -> tuple[Replay, ...]:
    """Regimes, signals, outcomes and training rows that were known at `at`, as used and made again.

    A label's uniqueness is left out: it counts the labels that overlap it, also those that begin later. It is a weight
    of learning, never known at a decision.
    """
    made = makers or Makers()
    known = pl.col("as_of") <= at
    bars = window.bars.filter(known)
    moment = np.datetime64(at.replace(tzinfo=None), "us")
    regimes = made.regimes(bars)
    signals = made.signals(bars, regimes)
    outcomes = _outcomes(window, bars, at, made)
    settled = window.outcomes.join(outcomes.select("as_of", "side"), on=["as_of", "side"], how="semi")
    taught = made.training_set(bars, outcomes)
    known_rows = np.flatnonzero(taught.labelled)
    rows = np.searchsorted(window.ts.as_of, taught.as_of[known_rows])
    return (
        Replay("regimes", moment, window.regimes.filter(known), regimes),
        Replay("signals", moment, window.signals.filter(known), signals),
        Replay("outcomes", moment, settled.drop("uniqueness"), outcomes.drop("uniqueness")),
        Replay("training rows", moment, _rows(window.ts, rows), _rows(taught, known_rows)),
    )


def cut_instant(window: Window, seed: str) -> datetime:
    """A decision in the later half of the window, drawn by `seed`: there is something before it and after it."""
    bars = window.bars.height
    digest = hashlib.sha256(seed.encode()).digest()
    row = int(np.random.default_rng(int.from_bytes(digest[:8])).integers(bars // 2, max(bars - 1, bars // 2 + 1)))
    at: datetime = window.bars["as_of"][row]
    return at


def _outcomes(window: Window, bars: pl.DataFrame, at: datetime, made: Makers) -> pl.DataFrame:
    minutes = int(minute_rows(window.grid, np.array([at.replace(tzinfo=None)], "datetime64[us]"))[0])
    arrays = {field.name: getattr(window.grid, field.name)[:minutes] for field in fields(window.grid)[1:]}
    grid = replace(window.grid, **arrays)
    funding = None if window.funding is None else window.funding.filter(pl.col("ts") <= at)
    simulation, position = window.simulation, window.position_gbp
    costs, unknown = Costs.of(simulation), window.unknown[:minutes]
    return made.outcomes(grid, bars, funding, costs, simulation, position, unknown)


def _rows(ts: TrainingSet, rows: NDArray[np.int64]) -> pl.DataFrame:
    """What the learners are shown of some rows."""
    columns = {
        "as_of": ts.as_of[rows].astype("datetime64[us]"),
        "label_end": ts.label_end[rows].astype("datetime64[us]"),
    }
    columns |= {name: ts.features[rows, k] for k, name in enumerate(ts.names)}
    for figure in ("net_bps", "gross_bps", "cost_bps"):
        both = getattr(ts, figure)[rows]
        columns |= {f"{figure} of the {side}": both[:, k] for k, side in enumerate(("long", "short"))}
    return pl.DataFrame(columns | {"teachable": ts.teachable[rows]})
