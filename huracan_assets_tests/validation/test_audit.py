"""The audit of a tiny honest night is clean; each planted fault is found by its own check."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest

from huracan_assets.days import DAY, days_between
from huracan_assets.features.feature_version import FeatureDay, FeatureVersion
from huracan_assets.guards.leakage import CHECKS, Finding, Fit
from huracan_assets.learning.classroom import Classroom, classroom
from huracan_assets.learning.records import FoldRecord
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.settings import read_settings
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.trade_outcomes import trade_outcomes
from huracan_assets.validation.audit import audit, fit_of
from huracan_assets_tests.features.random_market import candles

FIRST, DAYS = date(2026, 1, 1), 24
LAST = FIRST + DAY * (DAYS - 1)
SETTINGS = read_settings("local")
HORIZON = SETTINGS.simulation.horizon_minutes // SETTINGS.decision_minutes + 1
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Night:
    """Everything that the audit looks at."""

    room: Classroom
    grid: MinuteGrid
    features_time: pl.DataFrame
    bars: pl.DataFrame
    outcomes: pl.DataFrame
    fits: tuple[Fit, ...]

    def findings(self) -> dict[str, list[Finding]]:
        return audit(
            self.room,
            self.grid,
            self.features_time,
            self.bars,
            self.outcomes,
            self.fits,
            HORIZON,
            SETTINGS.guards.leakage_correlation_max,
        )


def version() -> FeatureVersion:
    entries = tuple(FeatureDay(day=day, candles_sha256="c", features_sha256="f") for day in days_between(FIRST, LAST))
    return FeatureVersion(symbol="ETH-USDT", day=LAST, recipe_sha256="r", names=("past",), days=entries)


@cache
def market() -> pl.DataFrame:
    return candles(21, FIRST, DAYS, 0.01)


def night(ahead: int = 0) -> Night:
    """A night whose feature `past` is the return of an hour that ends `ahead` bars after the decision."""
    frame = market()
    known = frame.select("ts", "known_at")
    grid = MinuteGrid.from_candles(frame, FIRST, LAST)
    closing = frame.filter(pl.col("known_at").dt.epoch("us") % 900_000_000 == 0)
    closes = closing.select(as_of="known_at", price=pl.col("close").log())
    past = (pl.col("price") - pl.col("price").shift(4)).shift(-ahead).cast(pl.Float32)
    noise = pl.Series("noise", np.random.default_rng(2).normal(size=closes.height).astype(np.float32))
    bars = closes.select("as_of", past=past).with_columns(noise)
    simulation = SETTINGS.simulation
    outcomes = trade_outcomes(grid, bars, None, Costs.of(simulation), simulation, 1000.0)
    taught = SETTINGS.learning.model_copy(update={"first_train_days": 8, "folds": 3})
    room = classroom(version(), bars, outcomes, taught)
    fits = tuple(
        fit_of(
            f"model of fold {fold.index}",
            FoldRecord.of(fold, room.ts.label_end).fitted_until,
            fold.test_start,
        )
        for fold in room.folds
    )
    return Night(room, grid, known, bars, outcomes, fits)


@pytest.fixture(scope="module")
def honest() -> Night:
    return night()


def assert_only(found: dict[str, list[Finding]], check: str, subject: str) -> None:
    assert {name for name, findings in found.items() if findings} == {check}
    assert subject in found[check][0].subject


def test_all_five_checks_run_and_an_honest_night_is_clean(honest: Night) -> None:
    found = honest.findings()
    assert set(found) == set(CHECKS)
    assert {name: [f.sentence for f in findings] for name, findings in found.items() if findings} == {}


def test_a_feature_of_the_next_bar_is_found() -> None:
    found = night(ahead=1).findings()
    assert "past" in [finding.subject for finding in found["future_correlation"]]
    assert not any(found[name] for name in ("label_overlap", "fit_on_test", "timestamp_alignment"))


def test_a_feature_made_of_the_label_is_found(honest: Night) -> None:
    ts = honest.room.ts
    noise = np.random.default_rng(3).normal(size=len(ts))
    proxy = ts.gross_bps[:, 0] + 40 * noise
    features = np.column_stack([ts.features[:, 0], proxy.astype(np.float32)])
    planted = replace(honest, room=replace(honest.room, ts=replace(ts, features=features)))
    found = planted.findings()
    assert [finding.subject for finding in found["target_proxy"]] == ["noise"]


def test_a_training_label_that_reaches_into_the_test_is_found(honest: Night) -> None:
    folds = list(honest.room.folds)
    late = folds[1].test[0] - 1
    folds[1] = replace(folds[1], train=np.append(folds[1].train, late))
    assert_only(replace(honest, room=replace(honest.room, folds=folds)).findings(), "label_overlap", "fold 1")


def test_a_fit_that_saw_its_test_is_found(honest: Night) -> None:
    fold = honest.room.folds[2]
    late = fit_of(
        "calibrator of fold 2",
        FoldRecord.of(fold, honest.room.ts.label_end).test_start + HOUR,
        fold.test_start,
    )
    found = replace(honest, fits=(*honest.fits, late)).findings()
    assert_only(found, "fit_on_test", "calibrator of fold 2")
    assert found["fit_on_test"][0].figure == pytest.approx(60.0)


@pytest.mark.parametrize(
    ("part", "change", "law"),
    [
        ("bars", pl.col("as_of") - timedelta(minutes=7, seconds=30), "decision as_of"),
        ("features_time", pl.col("known_at") - timedelta(minutes=1), "known_at"),
        ("outcomes", pl.col("entry_at") - timedelta(minutes=1), "entry after"),
        ("outcomes", pl.col("exit_at") - timedelta(hours=9), "exit at or after"),
    ],
)
def test_a_time_that_runs_backwards_is_found(honest: Night, part: str, change: pl.Expr, law: str) -> None:
    changed: dict[str, Any] = {part: getattr(honest, part).with_columns(change)}
    found = replace(honest, **changed).findings()
    assert {name for name, findings in found.items() if findings} == {"timestamp_alignment"}
    assert any(law in finding.subject for finding in found["timestamp_alignment"])


def test_feature_rows_out_of_order_are_found(honest: Night) -> None:
    shuffled = honest.features_time[:500].reverse().vstack(honest.features_time[500:])
    found = replace(honest, features_time=shuffled).findings()
    assert any("rising order" in finding.subject for finding in found["timestamp_alignment"])
