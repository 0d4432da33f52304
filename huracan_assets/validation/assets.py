"""Is it real? The out-of-sample record, chance, stress, and the audit for leaks.

The leakage checks live in `guards/`; their asset stands here, where the folds and the fits of the night are known.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from huracan_assets.days import DAY
from huracan_assets.decision.assets import Policies, night_evidence
from huracan_assets.decision.brain import Brain
from huracan_assets.features.assets import load_market
from huracan_assets.features.feature_version import FeatureVersion
from huracan_assets.guards.feature_truncation import Market, truncated_features
from huracan_assets.guards.leakage import CHECKS, LeakageReport
from huracan_assets.guards.leakage import leakage_report as list_findings
from huracan_assets.learning.assets import LAST_FOLD, out_of_fold
from huracan_assets.learning.calibration import apply_pair, regime_at
from huracan_assets.learning.ppo_context import bar_context
from huracan_assets.learning.records import Calibrator, LightGBMModel
from huracan_assets.learning.walk_forward import WalkForward, walk_forward
from huracan_assets.market.universe import read_universe
from huracan_assets.memory.clearance import judge_night
from huracan_assets.memory.recall import recalled_at
from huracan_assets.memory.set_up_map import DIMENSIONS, SetUpMap
from huracan_assets.memory.set_ups import compare_nights
from huracan_assets.memory.trade_memory import remembered_ledger
from huracan_assets.observability.plots import equity_and_drawdown, permutation_histogram, stress_bars
from huracan_assets.observability.tables import markdown_table
from huracan_assets.partitions import symbol_day
from huracan_assets.resources import postgres
from huracan_assets.resources.io_manager import artifact
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.materialize import checked_document, room
from huracan_assets.resources.tracking import Tracking
from huracan_assets.settings import settings
from huracan_assets.shadow.assets import out_of_sample_returns
from huracan_assets.shadow.ledger import INSTANT
from huracan_assets.shadow.replay import Stretch
from huracan_assets.simulation.assets import window_market, window_unknown
from huracan_assets.simulation.costs import Costs
from huracan_assets.validation.audit import Material, audit
from huracan_assets.validation.permutation_report import PermutationReport
from huracan_assets.validation.permutation_report import permutation_report as permute
from huracan_assets.validation.planted_leaks import Planting, SelfTest, self_test
from huracan_assets.validation.refits import Fitted, SetUps, claims, refits
from huracan_assets.validation.replays import Window, cut_instant, replay_window
from huracan_assets.validation.stress_report import StressReport, Subject
from huracan_assets.validation.stress_report import stress_report as run_stress
from huracan_assets.validation.walk_forward_report import Forecasts, WalkForwardReport
from huracan_assets.validation.walk_forward_report import walk_forward_report as measure


class LeakageFindings(BaseModel):
    """The five checks and what each found; what was made again to find it; the leaks planted to prove the checks."""

    model_config = ConfigDict(frozen=True)
    report: LeakageReport
    self_test: SelfTest
    replayed: tuple[str, ...]
    refitted: tuple[str, ...]
    proven_features: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing was found, by checks that find what is planted."""
        return self.report.clean and not self.self_test.missed


@dg.asset(**room("validation", "json", "postgres"), deps=["ppo_checkpoint", "shadow_ledger"])
def leakage_report(
    context: dg.AssetExecutionContext,
    feature_version: FeatureVersion,
    decision_bars: pl.DataFrame,
    regimes: pl.DataFrame,
    alpha_signals: pl.DataFrame,
    trade_outcomes: pl.DataFrame,
    pattern_library: pl.DataFrame,
    lightgbm_model: LightGBMModel,
    calibrator: Calibrator,
    decision_policy: Policies,
) -> dg.MaterializeResult[LeakageFindings]:
    """Five checks: future correlation, label overlap, fit on test, timestamps, target proxies.

    Claims are tried: features, regimes, signals, outcomes and training rows are made again with the future removed, and
    what was fitted is fitted again on the rows known before its judging began. Any other bit is a finding. The checks
    themselves are tried on leaks planted into copies of this evidence. Only a clean night teaches those after it.
    """
    day, symbol = symbol_day(context.partition_key)
    walk = walk_forward(feature_version, decision_bars, trade_outcomes, settings().learning)
    window = _window(feature_version, decision_bars, regimes, alpha_signals, trade_outcomes, walk)
    evidence = night_evidence(
        feature_version, decision_bars, regimes, alpha_signals, pattern_library, lightgbm_model, walk
    )
    known = bar_context(walk.ts.as_of, regimes, pattern_library)
    fitted = _fitted(feature_version, decision_bars, known, lightgbm_model, calibrator, decision_policy)
    market, universe = Market(*load_market(context, symbol, [day])), read_universe(Lake.open(), day)
    material = Material(
        walk=walk,
        window=window,
        features_time=Lake.open().read_window("features", symbol, feature_version.window, ["ts", "known_at"]),
        fits=claims(walk, fitted),
        replays=(
            *truncated_features(day, market, settings().guards.leakage_cuts, context.partition_key),
            *replay_window(window, cut_instant(window, context.partition_key)),
        ),
        refits=refits(walk, evidence, fitted, settings()),
        day=day,
        candidates=None if universe is None else frozenset(one.symbol for one in universe.candidates),
        settings=settings(),
    )
    found = LeakageFindings(
        report=list_findings(audit(material)),
        self_test=self_test(Planting(material, market, evidence.raw)),
        replayed=tuple(f"{replay.what} at {replay.at}" for replay in material.replays),
        refitted=tuple(refit.what for refit in material.refits),
        proven_features=tuple(sorted(material.proven)),
    )
    let_teach(symbol, day, found)
    return artifact(found, _leakage_metadata(found))


def let_teach(symbol: str, day: date, found: LeakageFindings) -> None:
    """Let the night's remembered trades teach the nights after it, or keep them from it, as its report says."""
    with postgres.connection() as connection:
        judge_night(connection, symbol, day, clean=found.clean)
        compare_nights(connection, day + DAY)


def _window(
    version: FeatureVersion,
    bars: pl.DataFrame,
    regimes: pl.DataFrame,
    signals: pl.DataFrame,
    outcomes: pl.DataFrame,
    walk: WalkForward,
) -> Window:
    (grid, funding), unknown = window_market(version), window_unknown(version)
    simulation, position = settings().simulation, settings().decision.position_gbp
    return Window(grid, unknown, funding, bars, regimes, signals, outcomes, walk.ts, simulation, position)


def _fitted(
    version: FeatureVersion,
    bars: pl.DataFrame,
    known: NDArray[np.float32],
    models: LightGBMModel,
    calibrator: Calibrator,
    policies: Policies,
) -> Fitted:
    agent = Lake.open().read_weights("ppo_checkpoint", version.symbol, version.day, LAST_FOLD)
    with postgres.connection() as connection:
        trades = remembered_ledger(connection, version.symbol, version.day)
    points = trades["embedding"].to_numpy().reshape(-1, DIMENSIONS).astype(np.float32)
    set_ups = SetUps(SetUpMap.of(version, settings()), bars, trades["as_of"], points)
    per_fold = {index: policy for index, policy in enumerate(policies.per_fold) if policy is not None}
    return Fitted(models, calibrator, per_fold, policies.fitted_until, agent, known, set_ups)


def _leakage_metadata(found: LeakageFindings) -> dict[str, Any]:
    rows = [
        {"check": check, "findings": len(findings), "first": findings[0].sentence if findings else "clean"}
        for check, findings in found.report.findings.items()
    ]
    tried = [
        {"planted leak": name, "found": "no" if name in found.self_test.missed else "yes"}
        for name in found.self_test.planted
    ]
    return {
        "clean": found.report.clean,
        "teaches_later_nights": found.clean,
        "checks": dg.MetadataValue.md(markdown_table(rows)),
        "made_again_without_the_future": len(found.replayed),
        "fitted_again_on_the_past": len(found.refitted),
        "proven_features": len(found.proven_features),
        "planted_leaks_found": found.self_test.recall,
        "self_test": dg.MetadataValue.md(markdown_table(tried)),
    }


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(name, asset=leakage_report, blocking=True, description=question)
        for name, question in {**CHECKS, "self_test": "Is every leak found that is planted to try the checks?"}.items()
    ]
)
def leakage_checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    """The five checks and their self-test; any finding ends the night here, and the verdict refuses on it too."""
    found = checked_document(context, "leakage_report", LeakageFindings)
    for name, findings in found.report.findings.items():
        yield dg.AssetCheckResult(
            check_name=name,
            passed=not findings,
            description="; ".join(finding.sentence for finding in findings) or "nothing found",
        )
    missed = ", ".join(found.self_test.missed)
    yield dg.AssetCheckResult(
        check_name="self_test",
        passed=not missed,
        description=f"not found: {missed}" if missed else f"all {len(found.self_test.planted)} planted leaks found",
    )


@dg.asset(**room("validation", "numpy", "mlflow"))
def walk_forward_report(
    context: dg.AssetExecutionContext,
    feature_version: FeatureVersion,
    decision_bars: pl.DataFrame,
    trade_outcomes: pl.DataFrame,
    regimes: pl.DataFrame,
    lightgbm_model: LightGBMModel,
    calibrator: Calibrator,
    shadow_ledger: pl.DataFrame,
) -> dg.MaterializeResult[WalkForwardReport]:
    """Sharpe, deflated by every recorded trial; drawdown, losing runs, calibration; out of sample and net."""
    day, symbol = symbol_day(context.partition_key)
    walk = walk_forward(feature_version, decision_bars, trade_outcomes, settings().learning)
    daily = out_of_sample_returns(shadow_ledger, walk, day, settings().decision.position_gbp)
    counted = Tracking.open().trials(symbol, day)
    report = measure(
        shadow_ledger,
        daily,
        _forecasts(walk, regimes, lightgbm_model, calibrator, symbol, day),
        Lake.open().read_document("shadow_ledger", symbol, day)["refusals"],
        counted.n_distinct,
        counted.sharpes,
        settings().decision.position_gbp,
        settings().validation,
        settings().seed,
    )
    plain = report.model_dump(exclude={"by_regime", "calibration_by_regime", "refusals", "daily"})
    figures = [{"figure": name, "value": value} for name, value in plain.items()]
    by_regime = [{"regime": name, **row} for name, row in report.by_regime.items()]
    calibration = [figures.model_dump() for figures in report.calibration_by_regime]
    equity = np.cumsum(daily["net_return"].to_numpy()) * 1e4
    return artifact(
        report,
        {
            "figures": dg.MetadataValue.md(markdown_table(figures)),
            "by_regime": dg.MetadataValue.md(markdown_table(by_regime)),
            "calibration_by_regime": dg.MetadataValue.md(markdown_table(calibration)),
            "equity": dg.MetadataValue.md(equity_and_drawdown(daily["day"].to_numpy(), equity)),
        },
    )


@dg.asset(**room("validation", "numpy"))
def permutation_report(
    feature_version: FeatureVersion,
    decision_bars: pl.DataFrame,
    trade_outcomes: pl.DataFrame,
    shadow_ledger: pl.DataFrame,
) -> dg.MaterializeResult[PermutationReport]:
    """The ledger's trades against all circular shifts of themselves: dependence kept, alignment broken."""
    walk = walk_forward(feature_version, decision_bars, trade_outcomes, settings().learning)
    rows = np.concatenate([fold.asked for fold in walk.traded])
    report = permute(
        shadow_ledger,
        walk.ts.as_of[rows],
        walk.ts.net_bps[rows],
        settings().decision.position_gbp,
        settings().validation.permutation_min_shift_bars,
    )
    null = np.repeat([edge for edge, _ in report.null_histogram], [count for _, count in report.null_histogram])
    return artifact(
        report,
        {
            "p_value": report.p_value if report.p_value is not None else "nothing was traded",
            "shifts": report.shifts,
            "null": dg.MetadataValue.md(permutation_histogram(null, report.observed_bps, "total net bps")),
        },
    )


@dg.asset(**room("validation", "numpy"), deps=["ppo_checkpoint"])
def stress_report(
    context: dg.AssetExecutionContext,
    feature_version: FeatureVersion,
    decision_bars: pl.DataFrame,
    pattern_library: pl.DataFrame,
    lightgbm_model: LightGBMModel,
    decision_policy: Policies,
) -> dg.MaterializeResult[StressReport]:
    """Eight scenarios over the newest whole out-of-sample days, traded by the Brain that had not seen them.

    With what the pattern memory answers at the recorded bars, in every scenario.
    """
    day, symbol = symbol_day(context.partition_key)
    last = lightgbm_model.folds[-1]
    unseen = (last.test_start + DAY - INSTANT).date()  # of a day in which the segment begins, the Brain knows a part
    wanted = max(unseen, day - DAY * (settings().validation.stress_days - 1))
    days = [past for past in feature_version.window if past >= wanted]
    brain = Brain(
        policy=decision_policy.of_fold(last.index),
        models=lightgbm_model.per_fold[last.index],
        agent=Lake.open().read_weights("ppo_checkpoint", symbol, day, LAST_FOLD),
        names=lightgbm_model.names,
        recipe_sha256=lightgbm_model.recipe_sha256,
    )
    stretch = Stretch(symbol, days, *load_market(context, symbol, days))
    bars = decision_bars.filter(pl.col("as_of").dt.offset_by("-1us").dt.date().is_in(days))
    costs, recalled = Costs.of(settings().simulation), recalled_at(pattern_library, bars["as_of"])
    report = run_stress(Subject(brain, stretch, bars, recalled, settings(), costs, settings().seed))
    bound = settings().gates.stress_drawdown_multiple * settings().gates.drawdown_max
    rows = [result.model_dump() for result in report.results]
    names, depth = [result.scenario for result in report.results], np.array([r.drawdown for r in report.results])
    return artifact(
        report,
        {
            "days": len(days),
            "unstressed_trades": report.unstressed_trades,
            "bars_with_neighbours": int((recalled["neighbours"] > 0).sum()),
            "scenarios": dg.MetadataValue.md(markdown_table(rows)),
            "drawdown": dg.MetadataValue.md(stress_bars(names, depth, bound)),
        },
    )


def _forecasts(
    walk: WalkForward, regimes: pl.DataFrame, model: LightGBMModel, calibrator: Calibrator, symbol: str, day: date
) -> Forecasts:
    """Both sides of every bar of the traded segments, each through its own segment's calibrators."""
    raw, ts = out_of_fold(model, walk, symbol, day), walk.ts
    regime = regime_at(regimes, ts.as_of)
    said: list[Any] = []
    rows = np.concatenate([fold.test for fold in walk.traded])
    for fold in walk.traded:
        said.append(apply_pair(calibrator.of_fold(fold.index), raw[fold.test], regime[fold.test]))
    # A bar's two sides share their minutes: together they are one label.
    return Forecasts(
        probability=np.concatenate(said).ravel(),
        won=ts.won[rows].astype(np.float64).ravel(),
        uniqueness=np.repeat(ts.uniqueness[rows] / 2.0, 2),
        regime=np.repeat(regime[rows], 2),
    )
