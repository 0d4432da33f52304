"""The reports ask what keeps them honest: every trial, distant shifts alone, and a Brain that had not seen the days."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest

from huracan_assets.days import DAY, midnight
from huracan_assets.decision.assets import Policies
from huracan_assets.learning.assets import LAST_FOLD
from huracan_assets.learning.classroom import Classroom, classroom
from huracan_assets.learning.records import Calibrator, FoldRecord, LightGBMModel
from huracan_assets.learning.side_model import SidePair
from huracan_assets.partitions import partition_key
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.tracking import Tracking
from huracan_assets.settings import settings
from huracan_assets.validation import assets
from huracan_assets.validation.permutation_report import PermutationReport
from huracan_assets.validation.sharpe import deflated_sharpe, moments
from huracan_assets.validation.stress_report import StressReport, Subject
from huracan_assets.validation.walk_forward_report import WalkForwardReport
from huracan_assets_tests.decision.brains import brain, side_pair, stretch
from huracan_assets_tests.decision.evidence import policy
from huracan_assets_tests.gates.evidence import stress
from huracan_assets_tests.learning.test_classroom import night, version
from huracan_assets_tests.shadow.trades import ledger, row

SYMBOL = "ATOM-USDT"
DAYS = settings().learning.first_train_days + settings().learning.folds
VERSION = version(DAYS)
BARS, OUTCOMES = night(7, DAYS)


def room() -> Classroom:
    return classroom(VERSION, BARS, OUTCOMES, settings().learning)


def context(day: date) -> dg.AssetExecutionContext:
    return dg.build_asset_context(partition_key=partition_key(day, SYMBOL))


def told(result: Any) -> Any:
    assert isinstance(result, dg.MaterializeResult)
    return result.value


def traded(of: Classroom) -> pl.DataFrame:
    """Every fortieth bar that is traded."""
    rows = np.concatenate([fold.test for fold in of.traded])[::40]
    rng = np.random.default_rng(1)
    return ledger(
        *(row(moment.replace(tzinfo=UTC), float(rng.normal(8.0, 40.0))) for moment in of.ts.as_of[rows].tolist())
    )


def model(pairs: tuple[SidePair, ...] = (), folds: tuple[FoldRecord, ...] = (), digest: str = "") -> LightGBMModel:
    return LightGBMModel(
        names=brain().names, recipe_sha256=brain().recipe_sha256, folds=folds, per_fold=pairs, final=brain().models,
        importance=(), out_of_fold_sha256=digest,
    )  # fmt: skip


@pytest.mark.usefixtures("engine_home")
def test_the_sharpe_ratio_is_deflated_by_every_trial_on_record() -> None:
    day, of, lake, tracking = VERSION.day, room(), Lake.open(), Tracking.open()
    for number, when in enumerate((day - DAY, day, day)):
        tracking.begin_trial(SYMBOL, when, "lightgbm", f"key {number}", {}).fail()
    tracking.begin_trial(SYMBOL, day + DAY, "lightgbm", "of tomorrow", {}).fail()
    said = np.random.default_rng(2).uniform(0.3, 0.7, (len(of.asked()), 2))
    digest = lake.write_frame("lightgbm_model", SYMBOL, day, pl.DataFrame({"long": said[:, 0], "short": said[:, 1]}))
    lake.write_document("shadow_ledger", SYMBOL, day, {"refusals": {"cost": 7}})
    maps, regimes = brain().policy.calibrators, BARS.select("as_of", regime=pl.lit("RANGE"))
    calibrator = Calibrator(
        per_fold=(None, *[maps] * len(of.traded)), final=maps, fitted_until=(None,) * len(of.folds)
    )  # fmt: skip
    found = told(
        assets.walk_forward_report(
            context(day), VERSION, BARS, OUTCOMES, regimes, model(digest=digest), calibrator, traded(of)
        )
    )
    assert isinstance(found, WalkForwardReport)
    assert found.trials == 3
    daily = moments(np.array([value for _, value in found.daily]))
    assert found.deflated_sharpe is not None
    assert found.deflated_sharpe == pytest.approx(deflated_sharpe(daily, 3))
    assert found.deflated_sharpe < deflated_sharpe(daily, 1) - 0.005


def test_trades_are_compared_with_shifts_of_a_day_and_more_alone() -> None:
    found = told(assets.permutation_report(VERSION, BARS, OUTCOMES, traded(room())))
    assert isinstance(found, PermutationReport)
    bars = sum(len(fold.test) for fold in room().traded)
    nearest = settings().validation.permutation_min_shift_bars
    assert nearest * settings().decision_minutes == 24 * 60
    assert found.shifts == bars - 2 * nearest + 1


@pytest.mark.usefixtures("engine_home")
@pytest.mark.parametrize("begins", [time(), time(18)])
def test_stress_is_traded_by_the_brain_of_the_last_segment_on_whole_days_of_it(
    begins: time, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = stretch(4)
    night_, segment = whole.days[-1], datetime.combine(whole.days[1], begins, UTC)
    subjects: list[Subject] = []

    def report(subject: Subject) -> StressReport:
        subjects.append(subject)
        return stress()

    def market(_: Any, symbol: str, days: Any) -> tuple[Any, ...]:
        return whole.candles, whole.benchmark, whole.funding, whole.more

    monkeypatch.setattr(assets, "run_stress", report)
    monkeypatch.setattr(assets, "load_market", market)
    Lake.open().write_weights("ppo_checkpoint", SYMBOL, night_, brain().agent, LAST_FOLD)
    dates = (segment - timedelta(days=9), segment, midnight(night_ + DAY))
    folds = tuple(
        FoldRecord(
            index=index, test_start=start, test_end=end, train_rows=1, test_rows=1, fitted_until=start
        )
        for index, (start, end) in enumerate(pairwise(dates))
    )  # fmt: skip
    policies, earlier = [policy(seed) for seed in range(2)], side_pair()
    last = earlier.model_copy(update={"usual_lean": 2.0 * earlier.usual_lean})
    models = model((earlier, last), folds)
    seen = Policies(per_fold=(None, policies[0]), fitted_until=(None, None), final=policies[1])
    days = tuple(version(1).days[0].model_copy(update={"day": day}) for day in whole.days)
    window = VERSION.model_copy(update={"days": days, "day": night_})
    bars = whole.bars(settings().decision_minutes)
    told(assets.stress_report(context(night_), window, bars, models, seen))
    (subject,) = subjects
    assert (subject.brain.policy, subject.brain.agent) == (policies[0], brain().agent)
    assert subject.brain.models == last != models.final
    assert subject.stretch.days == whole.days[1 if begins == time() else 2 :]
    assert subject.bars["as_of"].min() > segment  # type: ignore[operator]
