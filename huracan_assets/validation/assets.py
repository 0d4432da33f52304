"""Is it real? The out-of-sample record, chance, stress, and the audit for leaks.

The leakage checks live in `guards/`; their asset stands here, where the folds and the fits of the night are known.
"""

from datetime import date
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from huracan_assets.days import DAY
from huracan_assets.decision.assets import Policies
from huracan_assets.decision.brain import Brain
from huracan_assets.features.assets import load_candles
from huracan_assets.features.feature_version import FeatureVersion
from huracan_assets.guards.leakage import LeakageReport
from huracan_assets.guards.leakage import leakage_report as list_findings
from huracan_assets.learning.assets import LAST_FOLD, out_of_fold
from huracan_assets.learning.calibration import apply_pair
from huracan_assets.learning.classroom import Classroom, classroom
from huracan_assets.learning.records import Calibrator, LightGBMModel
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.observability.plots import equity_and_drawdown, permutation_histogram, stress_bars
from huracan_assets.observability.tables import markdown_table
from huracan_assets.partitions import symbol_day
from huracan_assets.resources.io_manager import artifact
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.materialize import checked_document, room
from huracan_assets.resources.tracking import Tracking
from huracan_assets.settings import settings
from huracan_assets.shadow.ledger import daily_returns
from huracan_assets.shadow.replay import Stretch
from huracan_assets.simulation.costs import Costs
from huracan_assets.validation.audit import audit, fit_of
from huracan_assets.validation.permutation_report import PermutationReport
from huracan_assets.validation.permutation_report import permutation_report as permute
from huracan_assets.validation.stress_report import StressReport, Subject
from huracan_assets.validation.stress_report import stress_report as run_stress
from huracan_assets.validation.walk_forward_report import Forecasts, WalkForwardReport
from huracan_assets.validation.walk_forward_report import walk_forward_report as measure


class LeakageFindings(BaseModel):
    """The five checks and what each found."""

    model_config = ConfigDict(frozen=True)
    report: LeakageReport


@dg.asset(**room("validation", "json"))
def leakage_report(
    context: dg.AssetExecutionContext,
    feature_version: FeatureVersion,
    decision_bars: pl.DataFrame,
    trade_outcomes: pl.DataFrame,
    lightgbm_model: LightGBMModel,
    calibrator: Calibrator,
    decision_policy: Policies,
) -> dg.MaterializeResult[LeakageFindings]:
    """Five checks: future correlation, label overlap, fit on test, timestamps, target proxies."""
    room_ = classroom(feature_version, decision_bars, trade_outcomes, settings().learning)
    lake, symbol, window = Lake.open(), feature_version.symbol, feature_version.window
    fits = [
        fit_of(f"LightGBM of fold {fold.index}", fold.fitted_until, room_.folds[fold.index].test_start)
        for fold in lightgbm_model.folds
    ]
    for what, known in (("calibrator", calibrator.fitted_until), ("policy", decision_policy.fitted_until)):
        fits += [
            fit_of(f"{what} of fold {index}", until, room_.folds[index].test_start)
            for index, until in enumerate(known)
            if until is not None
        ]
    horizon = settings().simulation.horizon_minutes // settings().decision_minutes + 1
    found = audit(
        room_,
        MinuteGrid.from_candles(lake.read_window("candles", symbol, window), window[0], window[-1]),
        lake.read_window("features", symbol, window, ["ts", "known_at"]),
        decision_bars,
        trade_outcomes,
        fits,
        horizon,
        settings().guards.leakage_correlation_max,
    )
    report = list_findings(found)
    rows = [
        {"check": check, "findings": len(findings), "first": findings[0].sentence if findings else "clean"}
        for check, findings in report.findings.items()
    ]
    return artifact(
        LeakageFindings(report=report), {"clean": report.clean, "checks": dg.MetadataValue.md(markdown_table(rows))}
    )


@dg.asset_check(asset=leakage_report)
def no_leak_found(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """None of the five checks found a leak; the verdict refuses on any."""
    found = checked_document(context, "leakage_report", LeakageFindings)
    return dg.AssetCheckResult(passed=found.report.clean)


@dg.asset(**room("validation", "numpy", "mlflow"))
def walk_forward_report(
    context: dg.AssetExecutionContext,
    feature_version: FeatureVersion,
    decision_bars: pl.DataFrame,
    trade_outcomes: pl.DataFrame,
    lightgbm_model: LightGBMModel,
    calibrator: Calibrator,
    shadow_ledger: pl.DataFrame,
) -> dg.MaterializeResult[WalkForwardReport]:
    """Sharpe, deflated by every recorded trial; drawdown, losing runs, calibration; out of sample and net."""
    day, symbol = symbol_day(context.partition_key)
    room_ = classroom(feature_version, decision_bars, trade_outcomes, settings().learning)
    daily = out_of_sample_returns(shadow_ledger, room_, day)
    counted = Tracking.open().trials(symbol, day)
    report = measure(
        shadow_ledger,
        daily,
        _forecasts(room_, lightgbm_model, calibrator, symbol, day),
        Lake.open().read_document("shadow_ledger", symbol, day)["refusals"],
        counted.n_distinct,
        counted.sharpes,
        settings().validation,
        settings().seed,
    )
    plain = report.model_dump(exclude={"by_regime", "refusals", "daily"})
    figures = [{"figure": name, "value": value} for name, value in plain.items()]
    regimes = [{"regime": name, **row} for name, row in report.by_regime.items()]
    equity = np.cumsum(daily["net_return"].to_numpy()) * 1e4
    return artifact(
        report,
        {
            "figures": dg.MetadataValue.md(markdown_table(figures)),
            "by_regime": dg.MetadataValue.md(markdown_table(regimes)),
            "equity": dg.MetadataValue.md(equity_and_drawdown(daily["day"].to_numpy(), equity)),
        },
    )


@dg.asset(**room("validation", "numpy"))
def permutation_report(
    context: dg.AssetExecutionContext,
    feature_version: FeatureVersion,
    decision_bars: pl.DataFrame,
    trade_outcomes: pl.DataFrame,
    shadow_ledger: pl.DataFrame,
) -> dg.MaterializeResult[PermutationReport]:
    """The ledger's trades against all circular shifts of themselves: dependence kept, alignment broken."""
    room_ = classroom(feature_version, decision_bars, trade_outcomes, settings().learning)
    rows = np.concatenate([fold.test for fold in room_.traded])
    report = permute(
        shadow_ledger,
        room_.ts.as_of[rows],
        room_.ts.net_bps[rows],
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


@dg.asset(**room("validation", "numpy"))
def stress_report(
    context: dg.AssetExecutionContext,
    feature_version: FeatureVersion,
    decision_bars: pl.DataFrame,
    lightgbm_model: LightGBMModel,
    ppo_checkpoint: bytes,
    decision_policy: Policies,
) -> dg.MaterializeResult[StressReport]:
    """Eight scenarios over the newest out-of-sample days, traded by the Brain that had not seen them."""
    day, symbol = symbol_day(context.partition_key)
    last = lightgbm_model.folds[-1]
    wanted = max(last.test_start.date(), day - DAY * (settings().validation.stress_days - 1))
    days = [past for past in feature_version.window if past >= wanted]
    candles, benchmark, funding = load_candles(context, symbol, days)
    brain = Brain(
        policy=decision_policy.of_fold(last.index),
        models=lightgbm_model.per_fold[last.index],
        agent=Lake.open().read_weights("ppo_checkpoint", symbol, day, LAST_FOLD),
        names=lightgbm_model.names,
        recipe_sha256=lightgbm_model.recipe_sha256,
    )
    stretch = Stretch(symbol, days, candles, benchmark, funding)
    bars = decision_bars.filter(pl.col("as_of").dt.offset_by("-1us").dt.date().is_in(days))
    report = run_stress(Subject(brain, stretch, bars, settings(), Costs.of(settings().simulation), settings().seed))
    bound = settings().gates.stress_drawdown_multiple * settings().gates.drawdown_max
    rows = [result.model_dump() for result in report.results]
    names, depth = [result.scenario for result in report.results], np.array([r.drawdown for r in report.results])
    return artifact(
        report,
        {
            "days": len(days),
            "scenarios": dg.MetadataValue.md(markdown_table(rows)),
            "drawdown": dg.MetadataValue.md(stress_bars(names, depth, bound)),
        },
    )


def out_of_sample_returns(ledger: pl.DataFrame, room_: Classroom, last: date) -> pl.DataFrame:
    """`day, net_return` over the traded segments."""
    first: date = room_.traded[0].test_start.astype("datetime64[D]").item()
    return daily_returns(ledger, first, last, settings().decision.position_gbp)


def _forecasts(room_: Classroom, model: LightGBMModel, calibrator: Calibrator, symbol: str, day: date) -> Forecasts:
    """Both sides of every bar of the traded segments, each through its own segment's maps."""
    raw, ts = out_of_fold(model, room_, symbol, day), room_.ts
    said: list[Any] = []
    rows = np.concatenate([fold.test for fold in room_.traded])
    for fold in room_.traded:
        said.append(apply_pair(calibrator.of_fold(fold.index), raw[fold.test]))
    # A bar's two sides share their minutes: together they are one label.
    return Forecasts(
        probability=np.concatenate(said).ravel(),
        won=ts.won[rows].astype(np.float64).ravel(),
        uniqueness=np.repeat(ts.uniqueness[rows] / 2.0, 2),
    )
