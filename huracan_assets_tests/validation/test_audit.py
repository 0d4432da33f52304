"""The audit of a tiny honest night is clean; each planted fault is found by its own check."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

import numpy as np
import polars as pl
import pytest

from huracan_assets.guards.leakage import CHECKS, Finding
from huracan_assets.guards.recomputation import Refit, Replay
from huracan_assets.learning.records import FoldRecord
from huracan_assets.validation.audit import Material, audit, fit_of
from huracan_assets_tests.leak_zoo import night

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def honest() -> Material:
    walk = night.walk()
    fits = [
        fit_of(f"model of fold {fold.index}", FoldRecord.of(fold, walk.ts.label_end).fitted_until, fold.test_start)
        for fold in walk.folds
    ]
    frame = pl.DataFrame({"ts": [night.bars()["as_of"][0]], "ret_15": [1.0]})
    replays = [Replay("features", np.datetime64("2021-02-24", "us"), frame, frame)]
    return replace(night.material(night.bars()), fits=fits, replays=replays)


def checks(material: Material) -> dict[str, list[Finding]]:
    return {name: found for name, found in audit(material).items() if found}


def only(found: dict[str, list[Finding]], check: str, subject: str) -> None:
    assert set(found) == {check}
    assert subject in found[check][0].subject


def test_all_five_checks_run_and_an_honest_night_is_clean(honest: Material) -> None:
    found = audit(honest)
    assert set(found) == set(CHECKS)
    assert {name: [finding.sentence for finding in findings] for name, findings in found.items() if findings} == {}
    assert honest.proven == {"ret_15"}
    assert honest.horizon_bars == 9


def with_column(material: Material, name: str, values: np.ndarray) -> Material:
    ts, column = material.walk.ts, material.walk.ts.names.index(name)
    features = ts.features.copy()
    features[:, column] = values
    return replace(material, walk=replace(material.walk, ts=replace(ts, features=features)))


def test_a_feature_of_the_next_bar_is_found_though_its_replay_was_clean(honest: Material) -> None:
    past = honest.walk.ts.features[:, honest.walk.ts.names.index("ret_15")]
    found = checks(with_column(honest, "ret_15", np.append(past[1:], np.float32("nan"))))
    assert [finding.subject for finding in found["future_correlation"]] == ["ret_15"]


def test_a_feature_made_of_the_label_is_found(honest: Material) -> None:
    label = honest.walk.ts.gross_bps[:, 0]
    noise = np.random.default_rng(3).normal(size=len(label)) * np.nanstd(label)
    found = checks(with_column(honest, "kurt", (label + noise).astype(np.float32)))
    assert [finding.subject for finding in found["target_proxy"]] == ["kurt"]


def test_a_training_label_that_reaches_into_the_test_is_found(honest: Material) -> None:
    folds = list(honest.walk.folds)
    folds[1] = replace(folds[1], train=np.append(folds[1].train, folds[1].test[0] - 1))
    only(checks(replace(honest, walk=replace(honest.walk, folds=folds))), "label_overlap", "fold 1")


def test_a_row_without_a_label_that_teaches_is_found(honest: Material) -> None:
    walk = honest.walk
    bare = np.arange(len(walk.ts)) == walk.folds[0].train[3]
    ts = replace(walk.ts, label_end=np.where(bare, np.datetime64("NaT", "us"), walk.ts.label_end))
    only(checks(replace(honest, walk=replace(walk, ts=ts, folds=walk.folds[:1]))), "label_overlap", "fold 0")


def test_a_fit_that_saw_its_test_is_found_by_its_word_and_by_its_bits(honest: Material) -> None:
    start = honest.walk.folds[2].test_start
    late = fit_of("calibrator of fold 2", start.astype(object).replace(tzinfo=UTC) + HOUR, start)
    found = checks(replace(honest, fits=[*honest.fits, late]))
    only(found, "fit_on_test", "calibrator of fold 2")
    assert found["fit_on_test"][0].figure == pytest.approx(60.0)
    only(checks(replace(honest, refits=[Refit("scaler", {"a": 1.0}, {"a": 1.1})])), "fit_on_test", "scaler")


@pytest.mark.parametrize(
    ("change", "law"),
    [
        ({"bars": pl.col("as_of") - timedelta(minutes=7, seconds=30)}, "decision as_of"),
        ({"outcomes": pl.col("entry_at") - timedelta(minutes=1)}, "entry after"),
        ({"outcomes": pl.col("exit_at") - timedelta(hours=9)}, "exit at or after"),
    ],
)
def test_a_time_that_runs_backwards_is_found(honest: Material, change: dict[str, pl.Expr], law: str) -> None:
    ((part, expression),) = change.items()
    window = replace(honest.window, **{part: getattr(honest.window, part).with_columns(expression)})
    only(checks(replace(honest, window=window)), "timestamp_alignment", law)


def test_features_that_are_early_or_out_of_order_are_found(honest: Material) -> None:
    times = honest.features_time
    early = times.with_columns(pl.col("known_at") - timedelta(minutes=1))
    only(checks(replace(honest, features_time=early)), "timestamp_alignment", "known_at")
    shuffled = times[:500].reverse().vstack(times[500:])
    found = checks(replace(honest, features_time=shuffled))["timestamp_alignment"]
    assert any("rising order" in finding.subject for finding in found)


def test_a_row_that_needs_the_future_is_found_and_a_universe_of_survivors(honest: Material) -> None:
    (replay,) = honest.replays
    other = replace(replay, again=replay.again.with_columns(ret_15=pl.lit(2.0)))
    altered = replace(honest, replays=[other])
    only(checks(altered), "timestamp_alignment", "ret_15")
    assert altered.proven == frozenset()
    dead = [listing for listing in honest.settings.market.symbols if listing.delisted is not None]
    survivors = frozenset(set(honest.settings.market.symbol_names()) - {listing.symbol for listing in dead})
    only(checks(replace(honest, candidates=survivors)), "timestamp_alignment", "universe")


def test_the_plain_return_is_that_of_the_candles(honest: Material) -> None:
    candles = night.market().candles
    for row in (0, 500, 2000):
        as_of = honest.walk.ts.as_of[row].astype(object).replace(tzinfo=UTC)
        held = candles.filter(pl.col("ts").is_between(as_of + timedelta(minutes=1), as_of + timedelta(minutes=120)))
        assert held.height == 120
        assert honest.plain_return[row] == pytest.approx(np.log(held["close"][-1] / held["open"][0]))
        before = candles.filter(pl.col("known_at") == as_of)["close"][0]
        assert honest.last_price[row] == pytest.approx(np.log(before))
