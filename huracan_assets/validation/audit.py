"""The five leakage checks on what the night really used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.guards.fit_on_test import Fit, fit_on_test
from huracan_assets.guards.future_correlation import future_correlation
from huracan_assets.guards.label_overlap import Split, label_overlap
from huracan_assets.guards.leakage import Finding
from huracan_assets.guards.recomputation import Refit, Replay, altered_fits, altered_rows, proven_columns
from huracan_assets.guards.survivorship import survivorship
from huracan_assets.guards.target_proxy import target_proxy
from huracan_assets.guards.timestamp_alignment import Order, pipeline_orders, timestamp_alignment
from huracan_assets.learning.walk_forward import NEVER, WalkForward
from huracan_assets.settings import Settings
from huracan_assets.simulation.conditions import minute_rows
from huracan_assets.validation.replays import Window

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]


@dataclass(frozen=True)
class Material:
    """What the checks look at.

    Args:
        window: bars, regimes, signals and outcomes as the night used them, and the minutes under them.
        features_time: `ts` and `known_at` of every feature row of the window.
        fits: everything that was fitted, and from when on it was judged.
        replays: features, and what follows from them, made again without the future.
        refits: fits made again from the rows known before their judging began.
        candidates: the symbols that the universe of `day` judged; None where none was recorded.
    """

    walk: WalkForward
    window: Window
    features_time: pl.DataFrame
    fits: Sequence[Fit]
    replays: Sequence[Replay]
    refits: Sequence[Refit]
    day: date
    candidates: frozenset[str] | None
    settings: Settings

    @property
    def horizon_bars(self) -> int:
        """Decision bars that a label spans at most."""
        return self.settings.simulation.horizon_minutes // self.settings.decision_minutes + 1

    @cached_property
    def proven(self) -> frozenset[str]:
        """Features that were made again without the future, bit for bit."""
        return proven_columns([replay for replay in self.replays if replay.what == "features"])

    @cached_property
    def last_price(self) -> Floats:
        """(n,) log of the last price known at each decision."""
        grid = self.window.grid
        return np.asarray(np.log(grid.close[minute_rows(grid, self.walk.ts.as_of) - 1]))

    @cached_property
    def plain_return(self) -> Floats:
        """(n,) log return from the fill of each decision to its label's horizon; NaN where a minute is missing."""
        grid, simulation = self.window.grid, self.window.simulation
        fill = minute_rows(grid, self.walk.ts.as_of) + simulation.latency_minutes
        end = fill + simulation.horizon_minutes - 1
        inside = end < len(grid)
        moved = np.log(grid.close[np.where(inside, end, 0)] / grid.open[np.where(inside, fill, 0)])
        return np.asarray(np.where(inside, moved, np.nan))


def audit(material: Material) -> dict[str, list[Finding]]:
    """The findings of the five checks."""
    ts = material.walk.ts
    values = ts.features.astype(np.float64)
    market, candidates = material.settings.market, material.candidates
    hindsight = [] if candidates is None else survivorship(candidates, material.day, market)
    return {
        "future_correlation": knows_the_future(material, ts.names, values),
        "target_proxy": knows_the_label(material, ts.names, values),
        "label_overlap": label_overlap([split(material.walk, index) for index in range(len(material.walk.folds))]),
        "fit_on_test": [*fit_on_test(material.fits), *altered_fits(material.refits)],
        "timestamp_alignment": [*timestamp_alignment(orders(material)), *altered_rows(material.replays), *hindsight],
    }


def knows_the_future(material: Material, names: Sequence[str], values: Floats) -> list[Finding]:
    """`future_correlation` of columns (n, f) at the night's decisions."""
    return future_correlation(
        names,
        values,
        material.walk.ts.as_of,
        material.last_price,
        material.horizon_bars,
        material.settings.guards.leakage_correlation_max,
        material.proven,
    )


def knows_the_label(material: Material, names: Sequence[str], values: Floats) -> list[Finding]:
    """`target_proxy` of columns (n, f) at the night's decisions."""
    label = material.walk.ts.gross_bps[:, 0]
    plain, bars = material.plain_return, material.horizon_bars
    return target_proxy(
        names, values, label, plain, bars, material.settings.guards.leakage_correlation_max, material.proven
    )


def orders(material: Material) -> list[Order]:
    """The night's laws of time."""
    long = material.window.outcomes.filter(pl.col("side") == 1)
    known_at, as_of = times(material.features_time["known_at"]), times(material.window.bars["as_of"])
    return pipeline_orders(
        times(material.features_time["ts"]),
        known_at,
        as_of,
        _newest_known(known_at, as_of),
        times(long["as_of"]),
        times(long["entry_at"]),
        times(long["exit_at"]),
    )


def split(walk: WalkForward, index: int) -> Split:
    """The label intervals of a fold; what has no label ends never, so that it meets every test if it teaches."""
    fold, ts = walk.folds[index], walk.ts
    end = np.where(ts.labelled, ts.label_end, NEVER)
    return Split(f"fold {index}", ts.as_of[fold.train], end[fold.train], ts.as_of[fold.test], end[fold.test])


def fit_of(what: str, fitted_until: datetime, judged_from: np.datetime64) -> Fit:
    """A fit as the checks want it."""
    return Fit(what, np.datetime64(fitted_until.replace(tzinfo=None), "us"), judged_from)


def times(column: pl.Series) -> Times:
    """(n,) UTC instants in microseconds."""
    return column.dt.replace_time_zone(None).cast(pl.Datetime("us")).to_numpy()


def _newest_known(known_at: Times, as_of: Times) -> Times:
    """The known_at of the feature row that each bar carries, found again from the features themselves."""
    return known_at[np.minimum(np.searchsorted(known_at, as_of), len(known_at) - 1)]
