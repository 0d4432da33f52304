"""The guards' self-test: leaks planted into copies of the night's own evidence, which tonight's checks must find.

A clean report says nothing if the checks could not have seen a leak tonight: with few bars, a dead market, or a guard
that was broken yesterday. So each night plants some of every kind, runs the very checks on them, and tells its recall.
The wider collection is the leak zoo of the tests (`huracan_assets_tests/leak_zoo`), each leak with its clean twin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from huracan_assets.guards.feature_truncation import Market, truncated_features
from huracan_assets.guards.fit_on_test import Fit, fit_on_test
from huracan_assets.guards.label_overlap import label_overlap
from huracan_assets.guards.leakage import Finding
from huracan_assets.guards.rank_correlation import lagged_returns, rank_correlation, ranks
from huracan_assets.guards.recomputation import altered_fits, altered_rows
from huracan_assets.guards.timestamp_alignment import timestamp_alignment
from huracan_assets.learning.calibration import fit_calibrator_pair, regime_at
from huracan_assets.learning.training_set import TrainingSet
from huracan_assets.validation.audit import Material, knows_the_future, knows_the_label, orders, split
from huracan_assets.validation.refits import pair_document, refit_calibrators
from huracan_assets.validation.replays import Makers, replay_window

Floats = NDArray[np.float64]

NOISE = 1.5  # deviations of noise on the planted label: a rank IC of about 0.55 is left


@dataclass(frozen=True)
class Planting:
    """The night's evidence that leaks are planted into copies of."""

    material: Material
    market: Market  # of the night's day and its warm-up
    raw: Floats  # (n, 2) out-of-fold scores


class SelfTest(BaseModel):
    """The leaks that were planted, and those that no check found."""

    model_config = ConfigDict(frozen=True)
    planted: tuple[str, ...]
    missed: tuple[str, ...]

    @property
    def recall(self) -> float:
        """Share of the planted leaks that were found."""
        return 1.0 - len(self.missed) / len(self.planted)


def self_test(planting: Planting) -> SelfTest:
    """Plant each leak in turn and run the check that must find it."""
    missed = [name for name, plant in PLANTED.items() if not plant(planting)]
    return SelfTest(planted=tuple(PLANTED), missed=tuple(missed))


def shifted_feature(planting: Planting) -> list[Finding]:
    """The feature that best tells the bar just past, a bar too early."""
    material = planting.material
    ts, price = material.walk.ts, material.last_price
    values = ts.features.astype(np.float64)
    past = np.abs(rank_correlation(ranks(values), lagged_returns(ts.as_of, price, 0)))
    best = values[:, int(np.argmax(past))]
    return knows_the_future(material, ["shifted"], np.append(best[1:], np.nan)[:, None])


def centred_return(planting: Planting) -> list[Finding]:
    """The return from two bars ago to two bars ahead."""
    material = planting.material
    price, as_of = material.last_price, material.walk.ts.as_of
    around = sum(lagged_returns(as_of, price, bars) for bars in range(-1, 3))
    return knows_the_future(material, ["centred"], np.asarray(around)[:, None])


def noisy_label(planting: Planting) -> list[Finding]:
    """The label's return under noise larger than itself."""
    label = planting.material.walk.ts.gross_bps[:, 0]
    noise = np.random.default_rng(planting.material.settings.seed).standard_normal(len(label))
    column = label + NOISE * np.nanstd(label) * noise
    return knows_the_label(planting.material, ["noisy label"], column[:, None])


def taught_test_row(planting: Planting) -> list[Finding]:
    """The first row of the last test segment among its training rows."""
    walk = planting.material.walk
    last = walk.folds[-1]
    late = replace(last, train=np.union1d(last.train, last.test[:1]))
    folds = [*walk.folds[:-1], late]
    return label_overlap([split(replace(walk, folds=folds), len(folds) - 1)])


def late_fit(planting: Planting) -> list[Finding]:
    """A fit that says it saw the first label of its own test."""
    walk = planting.material.walk
    fold = walk.folds[-1]
    return fit_on_test([Fit("a late fit", walk.ts.label_end[fold.test[0]], fold.test_start)])


def calibrator_on_test(planting: Planting) -> list[Finding]:
    """A calibrator of the last fold that was fitted on that fold too, and claims nothing of the kind."""
    walk, ts = planting.material.walk, planting.material.walk.ts
    rows, fold = walk.record(), walk.folds[-1]
    learning, regime = planting.material.settings.learning, regime_at(planting.material.window.regimes, ts.as_of)
    (honest,) = refit_calibrators(walk, planting.raw, regime, {fold.index: None}, learning)
    late = pair_document(fit_calibrator_pair(ts, planting.raw, regime, rows, learning, "a late calibrator"))
    return altered_fits([replace(honest, used=late)])


def early_candle(planting: Planting) -> list[Finding]:
    """Features known as their minute opens."""
    material = planting.material
    early = material.features_time.with_columns(known_at="ts")
    return timestamp_alignment(orders(replace(material, features_time=early)))


def same_bar_fill(planting: Planting) -> list[Finding]:
    """Fills at the moment of the decision."""
    material = planting.material
    instant = material.window.outcomes.with_columns(entry_at="as_of")
    return timestamp_alignment(orders(replace(material, window=replace(material.window, outcomes=instant))))


def centred_window(planting: Planting) -> list[Finding]:
    """A feature of the night's day that takes the mean of the closes from two minutes ago to two minutes ahead."""

    def make(day: date, candles: pl.DataFrame, *_: pl.DataFrame | None) -> pl.DataFrame:
        own = candles.filter(pl.col("ts").dt.date() == day)
        return own.select("ts", "known_at", centred=pl.col("close").rolling_mean(5, center=True, min_samples=1))

    return altered_rows(truncated_features(planting.material.day, planting.market, 3, "centred window", make))


def regimes_by_all_bars(planting: Planting) -> list[Finding]:
    """Regimes that read volatility against its median over the whole window."""
    honest = Makers()

    def classify(bars: pl.DataFrame) -> pl.DataFrame:
        return honest.regimes(bars.with_columns(pl.col("vol_ratio") / pl.col("vol_ratio").median()))

    return _replayed(planting, Makers(regimes=classify))


def target_encoding(planting: Planting) -> list[Finding]:
    """Training rows that carry the mean outcome of their hour of the day over the whole window."""
    honest = Makers()

    def encoded(bars: pl.DataFrame, outcomes: pl.DataFrame) -> TrainingSet:
        ts = honest.training_set(bars, outcomes)
        hour = ts.as_of.astype("datetime64[h]").astype(np.int64) % 24
        told, net = hour[ts.labelled], ts.net_bps[ts.labelled, 0]
        mean = np.bincount(told, net, 24) / np.maximum(np.bincount(told, minlength=24), 1)
        return replace(ts, features=np.column_stack([ts.features[:, :-1], mean[hour].astype(np.float32)]))

    return _replayed(planting, Makers(training_set=encoded))


def _replayed(planting: Planting, leaky: Makers) -> list[Finding]:
    """The replay of a window that leaky code has made, at the middle of its bars."""
    window = planting.material.window
    at = window.bars["as_of"][window.bars.height // 2]
    settled = window.outcomes.filter(pl.col("exit_at").max().over("as_of") <= at)
    regimes = leaky.regimes(window.bars)
    planted = replace(
        window,
        regimes=regimes,
        signals=leaky.signals(window.bars, regimes),
        ts=leaky.training_set(window.bars, window.outcomes),
    )
    return altered_rows(replay_window(planted, at, replace(leaky, outcomes=lambda *_: settled)))


PLANTED: dict[str, Callable[[Planting], list[Finding]]] = {
    plant.__name__.replace("_", " "): plant
    for plant in (
        shifted_feature,
        centred_return,
        noisy_label,
        taught_test_row,
        late_fit,
        calibrator_on_test,
        early_candle,
        same_bar_fill,
        centred_window,
        regimes_by_all_bars,
        target_encoding,
    )
}
