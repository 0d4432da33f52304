"""Can the data be trusted? Quality of the window, the bars that survive it, and drift.

The leakage report needs the folds and the fits of the night, so its asset stands in `validation/`; its checks are here.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from huracan_assets.days import DAY, MINUTES_PER_DAY, days_until
from huracan_assets.errors import ContractError
from huracan_assets.features.compute import decision_bars as take_bars
from huracan_assets.features.feature_version import FeatureVersion
from huracan_assets.features.recipe import recipe_hash
from huracan_assets.guards.breaks import leave_out_breaks
from huracan_assets.guards.data_quality import CHECKS, quality, read_evidence
from huracan_assets.guards.drift import drift
from huracan_assets.guards.quality_window import QualityWindow, calendar_table, newest_day_table
from huracan_assets.market.assets import heal
from huracan_assets.observability.calendar_plot import status_calendar
from huracan_assets.observability.plots import drift_bars
from huracan_assets.observability.tables import markdown_table
from huracan_assets.partitions import look_back
from huracan_assets.resources.io_manager import artifact
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.materialize import checked_document, room
from huracan_assets.settings import settings


@dg.asset(
    **room("guards", "polars", "json"),
    deps=[
        dg.AssetDep("minute_status", partition_mapping=look_back),
        dg.AssetDep("hourly_candles", partition_mapping=look_back),
        dg.AssetDep("revision_report"),
    ],
)
def data_quality_report(
    context: dg.AssetExecutionContext, feature_version: FeatureVersion
) -> dg.MaterializeResult[QualityWindow]:
    """Six checks of every day of the look-back; a day that fails one gravely is quarantined: it trains nothing.

    Completeness, staleness, outliers, zero-volume share, agreement with a second view, integrity of timestamps. The
    accounts of minutes and the hourly candles that the lake lacks are made here, and so is what the source tells
    today of the days before the night, where act 1 did not come to ask.
    """
    symbol, days = feature_version.symbol, feature_version.window
    for asset in ("hourly_candles", "minute_status"):
        heal(context, asset, symbol, days)
    heal(context, "revision_report", symbol, days[-1:])
    evidence = read_evidence(Lake.open(), symbol, settings().market.benchmark, days)
    judged = quality(evidence, days, settings().guards, settings().market.max_unknown_minutes)
    window = QualityWindow(symbol=symbol, days=tuple(judged))
    return artifact(
        window,
        {
            "quarantined_days": len(window.quarantined),
            "missing_minutes": sum(report.missing_minutes for report in window.days),
            "days_asked_of_again": len(evidence.later.asked) if evidence.later is not None else 0,
            "calendar": dg.MetadataValue.md(status_calendar({report.day: report.status for report in window.days})),
            "newest_day": dg.MetadataValue.md(markdown_table(newest_day_table(window))),
            "days": dg.MetadataValue.md(markdown_table(calendar_table(window))),
        },
    )


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(name, asset=data_quality_report, blocking=True, description=f"{question} (the night's day)")
        for name, question in CHECKS.items()
    ]
)
def quality_checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    """The six checks of the night's own day: an ERROR ends the night here, a WARN is shown."""
    window = checked_document(context, "data_quality_report", QualityWindow)
    for check in window.newest.checks:
        yield dg.AssetCheckResult(
            check_name=check.name,
            passed=check.passed,
            severity=dg.AssetCheckSeverity[check.severity],
            description=check.sentence or "nothing found",
            metadata={
                "figure": check.figure if check.figure is not None else "not judged",
                "bound": check.bound,
                "unit": check.unit,
                "days_of_the_look_back_that_fail": sum(not report.check(check.name).passed for report in window.days),
            },
        )


@dg.asset(**room("guards", "polars", "parquet"))
def decision_bars(
    context: dg.AssetExecutionContext, feature_version: FeatureVersion, data_quality_report: QualityWindow
) -> dg.MaterializeResult[pl.DataFrame]:
    """The decision bars of the look-back: the features known at each, on the days that the guards trust.

    Bars that remember too long a stretch of unknown minutes are left out: no learner crosses it without a break.
    """
    data_quality_report.require_trusted()
    feature_version.require_recipe(recipe_hash())
    lake, symbol = Lake.open(), feature_version.symbol
    for entry in feature_version.days:
        found = lake.frame_hash("features", symbol, entry.day)
        if found != entry.features_sha256:
            raise ContractError(
                f"features of {entry.day}|{symbol} have changed since its feature version was taken: "
                "materialise feature_version again"
            )
    trusted = [day for day in feature_version.window if day not in data_quality_report.quarantined]
    taken = take_bars(lake.read_window("features", symbol, trusted), settings().decision_minutes)
    bars = _without_breaks(context, symbol, feature_version.window, taken)
    if bars.is_empty():
        raise ContractError(
            f"no decision bar of {symbol} up to {feature_version.day} is left: every one lies in quarantine or after "
            f"a break; `huracan market doctor {symbol}` names the gaps"
        )
    return artifact(
        bars,
        {
            "days": len(trusted),
            "left_out_after_breaks": taken.height - bars.height,
            "from": str(bars["as_of"][0]),
            "to": str(bars["as_of"][-1]),
        },
    )


def _without_breaks(
    context: dg.AssetExecutionContext, symbol: str, window: list[date], bars: pl.DataFrame
) -> pl.DataFrame:
    guards, lake = settings().guards, Lake.open()
    # A stretch at the end of a day is remembered on the next; before a listing there is no day to account for.
    days_back = -(-guards.break_minutes // MINUTES_PER_DAY)
    before = [day for day in days_until(window[0] - DAY, days_back) if lake.has("candles", symbol, day)]
    heal(context, "minute_status", symbol, [*before, *window])
    status = lake.read_window("minute_status", symbol, [*before, *window])
    return leave_out_breaks(bars, status, guards.break_minutes, guards.max_unknown_stretch_minutes)


@dg.asset(**room("guards", "polars", "parquet"))
def drift_report(decision_bars: pl.DataFrame) -> dg.MaterializeResult[pl.DataFrame]:
    """PSI and KS of each feature's newest days against the days before, beside thresholds from its own null."""
    guards, bound = settings().guards, settings().gates.psi_max
    report = drift(decision_bars, guards.drift_current_days, guards.drift_bins, guards.drift_alarm_quantile)
    known = report.drop_nulls("psi")
    worst = known.sort("psi", descending=True)[:10]
    metadata: dict[str, Any] = {
        "above_the_bound": known.filter(pl.col("psi") > bound).height,
        "alarms": known["alarm"].sum(),
        "alarms_by_chance": known.height * (1.0 - guards.drift_alarm_quantile),
        "worst": dg.MetadataValue.md(
            markdown_table(worst.to_dicts(), columns=["feature", "psi", "psi_threshold", "ks", "ks_threshold", "alarm"])
        ),
        "plot": dg.MetadataValue.md(
            drift_bars(known["feature"].to_list(), known["psi"].to_numpy(), known["psi_threshold"].to_numpy(), bound)
        ),
    }
    return artifact(report, metadata)
