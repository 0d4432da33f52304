"""Can the data be trusted? Quality of the window, the bars that survive it, and drift.

The leakage report needs the folds and the fits of the night, so its asset stands in `validation/`; its checks are here.
"""

from typing import Any

import dagster as dg
import polars as pl

from huracan_assets.errors import ContractError, HuracanError
from huracan_assets.features.compute import decision_bars as take_bars
from huracan_assets.features.feature_version import FeatureVersion
from huracan_assets.features.recipe import recipe_hash
from huracan_assets.guards.data_quality import quality
from huracan_assets.guards.drift import drift
from huracan_assets.guards.quality_window import QualityWindow
from huracan_assets.market.source import split_days
from huracan_assets.observability.plots import drift_bars
from huracan_assets.observability.tables import markdown_table
from huracan_assets.resources.io_manager import artifact
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.materialize import checked_document, room
from huracan_assets.settings import settings


@dg.asset(**room("guards", "polars", "json"))
def data_quality_report(
    context: dg.AssetExecutionContext, feature_version: FeatureVersion
) -> dg.MaterializeResult[QualityWindow]:
    """Gaps, stuck feeds and spikes of every day of the look-back; a quarantined day trains and trades nothing."""
    guards, market = settings().guards, settings().market
    candles = Lake.open().read_window("candles", feature_version.symbol, feature_version.window)
    days = split_days(candles, feature_version.window)
    window = QualityWindow(
        symbol=feature_version.symbol,
        days=tuple(quality(frame, day, guards, market.max_missing_minutes) for day, frame in days.items()),
    )
    return artifact(
        window,
        {
            "quarantined_days": len(window.quarantined),
            "missing_minutes": sum(report.missing_minutes for report in window.days),
            "imperfect_days": dg.MetadataValue.md(markdown_table(window.rows())),
        },
    )


@dg.asset_check(asset=data_quality_report, blocking=True)
def night_is_trusted(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """The night's own day is not in quarantine."""
    try:
        checked_document(context, "data_quality_report", QualityWindow).require_trusted()
    except HuracanError as error:
        return dg.AssetCheckResult(passed=False, description=str(error))
    return dg.AssetCheckResult(passed=True)


@dg.asset(**room("guards", "polars", "parquet"))
def decision_bars(
    context: dg.AssetExecutionContext, feature_version: FeatureVersion, data_quality_report: QualityWindow
) -> dg.MaterializeResult[pl.DataFrame]:
    """The decision bars of the look-back: the features known at each, on the days that the guards trust."""
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
    bars = take_bars(lake.read_window("features", symbol, trusted), settings().decision_minutes)
    return artifact(bars, {"days": len(trusted), "from": str(bars["as_of"][0]), "to": str(bars["as_of"][-1])})


@dg.asset(**room("guards", "polars", "parquet"))
def drift_report(context: dg.AssetExecutionContext, decision_bars: pl.DataFrame) -> dg.MaterializeResult[pl.DataFrame]:
    """PSI and KS of each feature's newest days against the days before, beside its own block-bootstrap null."""
    guards, bound = settings().guards, settings().gates.psi_max
    report = drift(
        decision_bars, guards.drift_current_days, guards.drift_bins, guards.drift_bootstrap_draws, settings().seed
    )
    known = report.drop_nulls("psi")
    worst = known.sort("psi", descending=True)[:10]
    metadata: dict[str, Any] = {
        "above_the_bound": known.filter(pl.col("psi") > bound).height,
        "above_their_null": known.filter(pl.col("psi") > pl.col("psi_null_99")).height,
        "worst": dg.MetadataValue.md(
            markdown_table(worst.to_dicts(), columns=["feature", "psi", "psi_null_99", "ks", "ks_p"])
        ),
        "plot": dg.MetadataValue.md(
            drift_bars(known["feature"].to_list(), known["psi"].to_numpy(), known["psi_null_99"].to_numpy(), bound)
        ),
    }
    return artifact(report, metadata)
