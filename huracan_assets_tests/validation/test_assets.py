"""The reports ask what keeps them honest: every trial, distant shifts alone, and a Brain that had not seen the days."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest

from huracan_assets.days import DAY, midnight
from huracan_assets.decision.assets import Policies, night_evidence
from huracan_assets.decision.brain import feature_matrix
from huracan_assets.engines.consensus import alpha_signals
from huracan_assets.features.feature_version import FeatureVersion
from huracan_assets.guards.leakage import CHECKS, Finding, LeakageReport
from huracan_assets.learning.assets import LAST_FOLD, VOTES_SHA256
from huracan_assets.learning.ppo_context import bar_context
from huracan_assets.learning.ppo_walk_forward import vote
from huracan_assets.learning.records import Calibrator, FoldRecord, LightGBMModel, utc
from huracan_assets.learning.side_model import SidePair
from huracan_assets.learning.walk_forward import WalkForward, walk_forward
from huracan_assets.memory.recall import RECALL_SCHEMA
from huracan_assets.memory.set_ups import Memory, held, known_set_ups
from huracan_assets.memory.trade_memory import replace_ledger
from huracan_assets.partitions import partition_key
from huracan_assets.regimes.regimes import classify
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.postgres import connection
from huracan_assets.resources.tracking import Tracking
from huracan_assets.settings import settings
from huracan_assets.shadow.assets import segment_decisions
from huracan_assets.shadow.ledger import trade
from huracan_assets.shadow.replay import Stretch
from huracan_assets.simulation.assets import window_trades
from huracan_assets.simulation.trade_outcomes import outcome_frame
from huracan_assets.validation import assets
from huracan_assets.validation.permutation_report import PermutationReport
from huracan_assets.validation.planted_leaks import SelfTest
from huracan_assets.validation.sharpe import deflated_sharpe, moments
from huracan_assets.validation.stress_report import StressReport, Subject
from huracan_assets.validation.walk_forward_report import WalkForwardReport
from huracan_assets_tests.decision.brains import brain, side_pair, stretch
from huracan_assets_tests.decision.evidence import policy
from huracan_assets_tests.gates.evidence import stress
from huracan_assets_tests.learning.small_nights import night, version
from huracan_assets_tests.memory.ledgers import MAP, NIGHT, points
from huracan_assets_tests.memory.ledgers import ledger as written_ledger
from huracan_assets_tests.shadow.trades import ledger, row

SYMBOL = "ATOM-USDT"
DAYS = settings().learning.first_train_days + settings().learning.folds
VERSION = version(DAYS)
BARS, OUTCOMES = night(7, DAYS)


def walk() -> WalkForward:
    return walk_forward(VERSION, BARS, OUTCOMES, settings().learning)


def context(day: date) -> dg.AssetExecutionContext:
    return dg.build_asset_context(partition_key=partition_key(day, SYMBOL))


def told(result: Any) -> Any:
    assert isinstance(result, dg.MaterializeResult)
    return result.value


def traded(of: WalkForward) -> pl.DataFrame:
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
    day, of, lake, tracking = VERSION.day, walk(), Lake.open(), Tracking.open()
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
    found = told(assets.permutation_report(VERSION, BARS, OUTCOMES, traded(walk())))
    assert isinstance(found, PermutationReport)
    bars = sum(len(fold.test) for fold in walk().traded)
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
    told(assets.stress_report(context(night_), window, bars, pl.DataFrame(schema=RECALL_SCHEMA), models, seen))
    (subject,) = subjects
    assert (subject.brain.policy, subject.brain.agent) == (policies[0], brain().agent)
    assert subject.brain.models == last != models.final
    assert subject.stretch.days == whole.days[1 if begins == time() else 2 :]
    assert subject.bars["as_of"].min() > segment  # type: ignore[operator]


@pytest.fixture(scope="module")
def remembering_night() -> tuple[Stretch, pl.DataFrame, pl.DataFrame]:
    """Candles of five days, their bars, and a memory of trades that lost, or won, by the hour of the day."""
    whole = stretch(5)
    bars = whole.bars(settings().decision_minutes)
    losing = (pl.col("as_of").dt.hour() % 4 < 2).cast(pl.Float64)
    net, rms = 12.0 - 30.0 * losing, pl.lit(25.0)
    said = {"neighbours": pl.lit(20), "same_regime": pl.lit(True), "win_rate": pl.lit(0.4), "nearest": pl.lit(1.0)}
    said |= {"mean_net_bps": net}
    for side in ("long", "short"):
        said |= {f"{side}_neighbours": pl.lit(10), f"{side}_mean_net_bps": net, f"{side}_rms_net_bps": rms}
    recalled = bars.select("as_of", **said).select(list(RECALL_SCHEMA)).cast(pl.Schema(RECALL_SCHEMA))
    return whole, bars, recalled


def test_the_unstressed_world_is_traded_as_the_ledger_traded_it(
    remembering_night: tuple[Stretch, pl.DataFrame, pl.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same Brain, days and memory: what gate 4 judges is what the ledger shows, trade by trade and to the bit."""
    monkeypatch.setenv("HURACAN_LAKE", str(tmp_path))
    whole, bars, recalled = remembering_night
    version_ = written(whole)
    market, limits = window_trades(version_, bars), brain().policy.limits
    learning = settings().learning.model_copy(update={"first_train_days": 1, "folds": 2, "embargo_minutes": 120})
    walk = walk_forward(version_, bars, outcome_frame(market), learning)
    models, policies = (
        answered(walk, bars, recalled),
        Policies(per_fold=(None, brain().policy), fitted_until=(None, None), final=brain().policy),
    )
    regimes = classify(bars)
    evidence = night_evidence(version_, bars, regimes, alpha_signals(bars, regimes), recalled, models, walk)
    shadow = trade(whole.symbol, segment_decisions(evidence, policies, walk), market, limits)
    assert shadow.ledger.height > 5
    assert shadow.refusals["patterns"] > 20

    subjects: list[Subject] = []

    def report(subject: Subject) -> StressReport:
        subjects.append(subject)
        return stress()

    monkeypatch.setattr(assets, "run_stress", report)
    monkeypatch.setattr(assets, "load_market", lambda *_: (whole.candles, whole.benchmark, whole.funding, whole.more))
    Lake.open().write_weights("ppo_checkpoint", whole.symbol, version_.day, brain().agent, LAST_FOLD)
    key = dg.build_asset_context(partition_key=partition_key(version_.day, whole.symbol))
    told(assets.stress_report(key, version_, bars, recalled, models, policies))
    unstressed = subjects[0].unstressed
    assert unstressed.ledger.drop("fold").equals(shadow.ledger.drop("fold"))
    assert unstressed.refusals == shadow.refusals


def written(whole: Stretch) -> FeatureVersion:
    """The stretch in the lake, as a look-back."""
    lake, days = Lake.open(), []
    for day in whole.days:
        named: dict[str, object] = {"day": day}
        for asset, name, frame in (
            ("candles", "candles_sha256", whole.candles),
            ("funding_rates", "funding_sha256", whole.funding),
        ):
            assert frame is not None
            own = frame.filter(pl.col("ts").is_between(midnight(day), midnight(day + DAY), "left"))
            named[name] = lake.write_frame(asset, whole.symbol, day, own)
        days.append(version(1).days[0].model_copy(update=named))
    return VERSION.model_copy(update={"days": tuple(days), "day": whole.days[-1], "symbol": whole.symbol})


def answered(walk: WalkForward, bars: pl.DataFrame, recalled: pl.DataFrame) -> LightGBMModel:
    """The models of both segments, with what they and the agent say out of fold in the lake."""
    lake, rows, day = Lake.open(), walk.asked(), bars["as_of"].dt.offset_by("-1us").dt.date()[-1]
    asked = bars.filter(pl.col("as_of").is_in(pl.Series(walk.ts.as_of[rows]).dt.replace_time_zone("UTC").implode()))
    features = feature_matrix(asked, brain().names)
    said = brain().models.predict(features)
    frame = pl.DataFrame({"long": said[:, 0], "short": said[:, 1]})
    digest = lake.write_frame("lightgbm_model", "ETH-USDT", day, frame)
    known = bar_context(walk.ts.as_of[rows], classify(asked), recalled)
    votes = asked.select("as_of").with_columns(vote=vote(brain().agent, features, known))
    hashed = {VOTES_SHA256: lake.write_frame("ppo_checkpoint", "ETH-USDT", day, votes)}
    lake.write_document("ppo_checkpoint", "ETH-USDT", day, hashed)
    folds = tuple(
        FoldRecord(
            index=fold.index, test_start=utc(fold.test_start), test_end=utc(fold.test_end), train_rows=1,
            test_rows=len(fold.test), fitted_until=utc(fold.test_start),
        )
        for fold in walk.folds
    )  # fmt: skip
    return model((brain().models, brain().models), folds, digest)


LEAK = Finding(check="target_proxy", subject="rsi", figure=0.9, bound=0.5, sentence="rsi knows the label")


@pytest.mark.usefixtures("engine_home")
@pytest.mark.parametrize(
    ("findings", "missed", "teaches"), [((), (), True), ((LEAK,), (), False), ((), ("peek",), False)]
)
def test_a_night_teaches_the_next_one_if_its_report_is_clean(
    findings: tuple[Finding, ...], missed: tuple[str, ...], teaches: bool
) -> None:
    """Neither with a leak that was found, nor where one was planted and not found."""
    symbol = f"TAUGHT{len(findings)}{len(missed)}-USDT"
    trades, memory = written_ledger(symbol, 20), Memory(symbol, MAP, NIGHT + DAY)
    with connection() as conn:
        replace_ledger(conn, symbol, NIGHT, trades, points(20), MAP)
    found = assets.LeakageFindings(
        report=LeakageReport(dict.fromkeys(CHECKS, ()) | {"target_proxy": findings}),
        self_test=SelfTest(planted=("peek",), missed=missed), replayed=(), refitted=(), proven_features=(),
    )  # fmt: skip
    assets.let_teach(symbol, NIGHT, found)
    with connection() as conn:
        known, nights = known_set_ups(conn, memory), held(conn, memory)
    assert known["as_of"].to_list() == (trades["as_of"].to_list() if teaches else [])
    assert (nights.nights, nights.not_cleared) == (int(teaches), int(not teaches))
