"""Where a leak may live, and the checks of the engine that a night runs there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from huracan_assets.errors import CandleError, ContractError
from huracan_assets.features.compute import day_window, decision_bars
from huracan_assets.features.kernels import Array
from huracan_assets.features.window import Window as DayWindow
from huracan_assets.guards.feature_truncation import Market, truncated_features
from huracan_assets.guards.label_overlap import label_overlap
from huracan_assets.guards.leakage import Finding
from huracan_assets.learning.walk_forward import Fold
from huracan_assets.simulation.contract import validate_outcomes
from huracan_assets.simulation.costs import Costs
from huracan_assets.validation.audit import audit, split
from huracan_assets.validation.replays import Makers, cut_instant, replay_window
from huracan_assets_tests.leak_zoo import night


def in_the_recipe(compute: Callable[[DayWindow], Array], market: Market | None = None) -> list[Finding]:
    """A feature of the recipe: made again at random minutes without the future, and correlated with what comes.

    Args:
        compute: as `Feature.compute`.
        market: what the night reads; the honest one where None.
    """
    seen = market or night.market()

    def make(day: date, *parts: Any) -> pl.DataFrame:
        window = day_window(day, *parts)
        rows = np.flatnonzero(window.grid.present[window.first_row :]) + window.first_row
        with np.errstate(invalid="ignore"):
            values = compute(window)[rows].astype(np.float32)
        times = {"ts": window.grid.ts[rows], "known_at": window.grid.known_at[rows]}
        frame = pl.DataFrame(times).with_columns(pl.all().cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
        return frame.with_columns(pl.Series("planted", values, nan_to_null=True))

    replays = truncated_features(night.LAST, seen, night.SETTINGS.guards.leakage_cuts, "zoo", make)
    bars = decision_bars(pl.concat([make(day, *seen) for day in night.WINDOW]), night.SETTINGS.decision_minutes)
    return _all(audit(replace(night.material(bars), replays=replays)))


def in_the_bars(column: Array) -> list[Finding]:
    """A column of the decision bars that no recipe makes, (bars,): a vendor's score, say. Nothing can make it again."""
    bars = night.bars().select("as_of").with_columns(pl.Series("planted", column, nan_to_null=True))
    return _all(audit(night.material(bars)))


def in_the_rooms(makers: Makers) -> list[Finding]:
    """The code of regimes, signals, outcomes or training rows."""
    honest = night.window()
    regimes = makers.regimes(honest.bars)
    outcomes = makers.outcomes(
        honest.grid,
        honest.bars,
        honest.funding,
        Costs.of(honest.simulation),
        honest.simulation,
        honest.position_gbp,
        honest.unknown,
    )
    window = replace(
        honest,
        regimes=regimes,
        signals=makers.signals(honest.bars, regimes),
        outcomes=outcomes,
        ts=makers.training_set(honest.bars, outcomes),
    )
    replays = replay_window(window, cut_instant(window, "zoo"), makers)
    walk = replace(night.walk_of(honest.bars, outcomes), ts=window.ts)
    material = replace(night.material(honest.bars), walk=walk, window=window, replays=replays)
    return [*refused(lambda: validate_outcomes(outcomes)), *_all(audit(material))]


def in_the_folds(folds: Sequence[Fold]) -> list[Finding]:
    """The rows that teach a segment and the rows that judge it."""
    walk = replace(night.walk(), folds=list(folds))
    return label_overlap([split(walk, index) for index in range(len(walk.folds))])


def refused(contract: Callable[[], object], check: str = "contract") -> list[Finding]:
    """What a contract says of something: one finding if it refuses."""
    try:
        contract()
    except (CandleError, ContractError) as error:
        return [Finding(check, check, 1.0, 0.0, str(error))]
    return []


def _all(found: dict[str, list[Finding]]) -> list[Finding]:
    return [finding for findings in found.values() for finding in findings]
