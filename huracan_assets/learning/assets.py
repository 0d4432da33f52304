"""What can be learned? LightGBM, PPO and the calibrator, each fold by fold, each fit on the record before it begins;
and what the models stand on.
"""

from datetime import date, timedelta
from typing import Any

import dagster as dg
import numpy as np
import polars as pl

from huracan_assets.days import DAY
from huracan_assets.features.feature_version import FeatureVersion
from huracan_assets.features.recipe import RECIPE
from huracan_assets.learning.calibration import fit_calibrators, regime_at
from huracan_assets.learning.calibration_page import calibration_page
from huracan_assets.learning.feature_importance import (
    METRIC,
    FeatureImportance,
    Importance,
    Stability,
    agreement,
    describe,
    importance_rows,
    measure_importance,
    members,
    seed_of,
    since,
)
from huracan_assets.learning.lightgbm_model import train_walk_forward as train_lightgbm
from huracan_assets.learning.ppo_context import bar_context
from huracan_assets.learning.ppo_page import ppo_page
from huracan_assets.learning.ppo_walk_forward import train_walk_forward as train_ppo
from huracan_assets.learning.records import Calibrator, FoldRecord, LightGBMModel, out_of_fold_frame, utc
from huracan_assets.learning.training_set import Floats, Times
from huracan_assets.learning.walk_forward import WalkForward, walk_forward
from huracan_assets.observability.importance_plot import importance_bars
from huracan_assets.observability.plots import importance
from huracan_assets.observability.readable import link
from huracan_assets.observability.tables import markdown_table
from huracan_assets.partitions import symbol_day
from huracan_assets.resources.io_manager import artifact
from huracan_assets.resources.lake import Lake, content_hash
from huracan_assets.resources.materialize import room
from huracan_assets.resources.tracking import Trial
from huracan_assets.resources.trials import night_trial
from huracan_assets.settings import Section, settings
from huracan_assets.simulation.assets import window_trades, window_unknown
from huracan_assets.simulation.fill_returns import fill_returns

FAMILIES = {feature.name: feature.family for feature in RECIPE}
FAMILY_COLUMNS = ("family", "gain %", "variance %", "loss", "error")
FEATURE_COLUMNS = ("feature", *FAMILY_COLUMNS)
LAST_FOLD = "last_fold."
# The document on the seeds names the frame of votes beside it.
VOTES_SHA256 = "votes_sha256"


@dg.asset(**room("learning", "lightgbm", "mlflow"))
def lightgbm_model(
    context: dg.AssetExecutionContext,
    feature_version: FeatureVersion,
    decision_bars: pl.DataFrame,
    trade_outcomes: pl.DataFrame,
) -> dg.MaterializeResult[LightGBMModel]:
    """The probability that a long and that a short pays, net: trees beside a line. Purged, embargoed walk-forward.

    The out-of-fold probabilities lie beside the document as a frame; the final pair is fitted on all rows.
    """
    day, symbol = symbol_day(context.partition_key)
    walk = walk_forward(feature_version, decision_bars, trade_outcomes, settings().learning)
    parameters = settings().learning.lightgbm
    read = {"feature_version": content_hash(feature_version)}
    with _trial(context, "lightgbm", read, parameters) as trial:
        models = train_lightgbm(
            walk.ts,
            walk.folds,
            parameters,
            settings().seed,
            timedelta(minutes=settings().learning.embargo_minutes),
            lambda done, total: context.log.info(f"LightGBM {symbol} {day}: {done} of {total} fits"),
        )
        rows = walk.out_of_sample()
        better = np.sign(walk.ts.net_bps[rows, 0] - walk.ts.net_bps[rows, 1])
        lean = models.raw[rows, 0] - models.raw[rows, 1]
        trial.finish({"side_accuracy": float((np.sign(lean - np.median(lean)) == better).mean())})
    out_of_fold = out_of_fold_frame(walk.ts, walk.folds, models.raw)
    model = LightGBMModel(
        names=walk.ts.names,
        recipe_sha256=feature_version.recipe_sha256,
        folds=tuple(FoldRecord.of(fold, walk.ts.label_end) for fold in walk.folds),
        per_fold=models.per_fold,
        final=models.final,
        importance=tuple(zip(walk.ts.names, models.importance.tolist(), strict=True)),
        out_of_fold_sha256=Lake.open().write_frame("lightgbm_model", symbol, day, out_of_fold),
    )
    return artifact(
        model,
        {
            "trial": dg.MetadataValue.md(link("the fit's run in MLflow", trial.url)),
            "rows": len(walk.ts),
            "independent_labels": float(walk.ts.uniqueness.sum()),
            "folds": dg.MetadataValue.md(markdown_table(_segments(model))),
            "final_rounds": model.rounds[-1],
            "importance": dg.MetadataValue.md(importance(model.names, models.importance)),
        },
    )


def _segments(model: LightGBMModel) -> list[dict[str, Any]]:
    return [
        {
            "segment": record.index,
            "test from": record.test_start.date(),
            "train rows": record.train_rows,
            "test rows": record.test_rows,
            "rounds": rounds,
        }
        for record, rounds in zip(model.folds, model.rounds[:-1], strict=True)
    ]


@dg.asset(**room("learning", "pytorch", "mlflow"))
def ppo_checkpoint(
    context: dg.AssetExecutionContext,
    feature_version: FeatureVersion,
    decision_bars: pl.DataFrame,
    trade_outcomes: pl.DataFrame,
    regimes: pl.DataFrame,
    pattern_library: pl.DataFrame,
) -> dg.MaterializeResult[bytes]:
    """PPO agents of several seeds: weights, optimiser, RNG and observation statistics as safetensors.

    They learn on the rows before each segment and vote on the segment with their statistics frozen; the regime and what
    the memory recalls at a bar bias their actions. The votes lie beside the checkpoint as a frame, the report on the
    seeds as a document, the agents of the last segment as `<day>.last_fold.safetensors`.
    """
    day, symbol = symbol_day(context.partition_key)
    walk = walk_forward(feature_version, decision_bars, trade_outcomes, settings().learning)
    parameters = settings().learning.ppo
    returns, costs = bar_market(feature_version, decision_bars, walk.ts.as_of)
    read = {"feature_version": content_hash(feature_version), "pattern_library": content_hash(pattern_library)}
    with _trial(context, "ppo", read, parameters) as trial:
        trained = train_ppo(
            walk.ts.features,
            bar_context(walk.ts.as_of, regimes, pattern_library),
            returns,
            costs,
            walk.folds,
            walk.ts.teachable,
            parameters,
            settings().seed,
            feature_version.feature_set.reference,
            _log_progress(context),
        )
        trial.finish(trained.seeds.overall.figures())
    lake, rows = Lake.open(), walk.asked()
    as_of = pl.Series(walk.ts.as_of[rows].astype("datetime64[us]")).dt.replace_time_zone("UTC")
    votes = lake.write_frame("ppo_checkpoint", symbol, day, pl.DataFrame({"as_of": as_of, "vote": trained.votes[rows]}))
    seeds = trained.seeds.model_dump() | {VOTES_SHA256: votes}
    return artifact(
        trained.checkpoint,
        {
            "trial": dg.MetadataValue.md(link("the fit's run in MLflow", trial.url)),
            "votes_sha256": votes,
            "seeds_sha256": lake.write_document("ppo_checkpoint", symbol, day, seeds),
            "last_fold_sha256": lake.write_weights("ppo_checkpoint", symbol, day, trained.last_fold, LAST_FOLD),
            "updates": len(trained.curve),
            "seeds_that_earn": trained.seeds.earning,
            "agreement": trained.seeds.agreement,
            **{name: dg.MetadataValue.md(section) for name, section in ppo_page(trained, walk.ts.names).items()},
        },
    )


@dg.asset(**room("learning", "scikitlearn", "json"))
def calibrator(
    context: dg.AssetExecutionContext,
    feature_version: FeatureVersion,
    decision_bars: pl.DataFrame,
    trade_outcomes: pl.DataFrame,
    regimes: pl.DataFrame,
    lightgbm_model: LightGBMModel,
) -> dg.MaterializeResult[Calibrator]:
    """Temperature, Platt or isotonic maps from raw scores to probabilities, chosen on what came later, by regime.

    Fold k's have seen the out-of-fold record of the folds before k and nothing else, so its diagram is honest. Where no
    map was better than the base rate, the base rate is the answer, and the page says so.
    """
    day, symbol = symbol_day(context.partition_key)
    learning = settings().learning
    walk = walk_forward(feature_version, decision_bars, trade_outcomes, learning)
    ts, raw = walk.ts, out_of_fold(lightgbm_model, walk, symbol, day)
    regime = regime_at(regimes, ts.as_of)
    fitted = fit_calibrators(walk, raw, regime, learning)
    result = Calibrator(
        per_fold=fitted.per_fold,
        final=fitted.final,
        fitted_until=(None, *(utc(ts.label_end[walk.known_before(fold)].max()) for fold in walk.traded)),
    )
    page = calibration_page(result, raw, regime, walk, settings().validation.regime_labels_min)
    return artifact(
        result, {name: dg.MetadataValue.md(shown) if isinstance(shown, str) else shown for name, shown in page.items()}
    )


@dg.asset(**room("learning", "lightgbm", "json"))
def feature_importance(
    context: dg.AssetExecutionContext,
    feature_version: FeatureVersion,
    decision_bars: pl.DataFrame,
    trade_outcomes: pl.DataFrame,
    lightgbm_model: LightGBMModel,
) -> dg.MaterializeResult[FeatureImportance]:
    """What the folds' models stand on: gain and variance share, and what each feature and family is worth unseen.

    Worth is the rise of the log loss on the test segment when a feature, or a family as one, is shifted in a circle.
    """
    day, symbol = symbol_day(context.partition_key)
    walk = walk_forward(feature_version, decision_bars, trade_outcomes, settings().learning)
    bounds = settings().validation
    families = [FAMILIES[name] for name in walk.ts.names]
    found = measure_importance(
        walk.ts,
        walk.folds,
        lightgbm_model.per_fold,
        members(families),
        bounds.importance_shifts,
        bounds.permutation_min_shift_bars,
        seed_of(context.partition_key, settings().seed),
    )
    features, grouped = describe(walk.ts.names, families, found)
    report = FeatureImportance(
        symbol=symbol,
        day=day,
        feature_set=lightgbm_model.feature_set.reference,
        metric=METRIC,
        shifts=bounds.importance_shifts,
        log_loss=tuple(found.log_loss.tolist()),
        features=features,
        families=grouped,
        stability=Stability(gain=agreement(found.gain), variance=agreement(found.variance), loss=agreement(found.loss)),
    )
    return artifact(report, _importance_metadata(report, found))


def _importance_metadata(report: FeatureImportance, found: Importance) -> dict[str, Any]:
    """The page; the night before is compared here and not in the document, which must not depend on who ran when."""
    lake, eve = Lake.open(), report.day - DAY
    before = None
    if lake.has("feature_importance", report.symbol, eve, "json"):
        document = lake.read_document("feature_importance", report.symbol, eve)
        before = since(FeatureImportance.model_validate(document), report)
    stability: dict[str, Any] = {
        f"stability_{name}": "no two folds have any" if value is None else round(value, 3)
        for name, value in report.stability.model_dump().items()
    }
    names, families = ([line.name for line in lines] for lines in (report.features, report.families))
    loss, family_loss = found.loss * 1e4, found.family_loss * 1e4
    return {
        **stability,
        "stability_overnight": f"the lake has no importance of {eve}" if before is None else round(before, 3),
        "families": dg.MetadataValue.md(markdown_table(importance_rows(report.families), FAMILY_COLUMNS)),
        "features": dg.MetadataValue.md(markdown_table(importance_rows(report.features), FEATURE_COLUMNS)),
        "plot": dg.MetadataValue.md(importance_bars(names, loss, families, family_loss, "rise of the log loss, 1e-4")),
    }


def out_of_fold(model: LightGBMModel, walk: WalkForward, symbol: str, day: date) -> Floats:
    """(n, 2) raw out-of-fold probabilities on the walk's rows, NaN on rows that no fold asks about.

    Raises:
        StorageError: the frame beside the model is not the one that the model names.
    """
    frame = Lake.open().read_named_frame("lightgbm_model", symbol, day, model.out_of_fold_sha256)
    raw = np.full((len(walk.ts), 2), np.nan)
    raw[walk.asked()] = frame.select("long", "short").to_numpy()
    return raw


def _trial(context: dg.AssetExecutionContext, learner: str, read: dict[str, str], parameters: Section) -> Trial:
    day, symbol = symbol_day(context.partition_key)
    others = settings().learning, settings().simulation
    trial = night_trial(symbol, day, learner, read, parameters, *others, seed=settings().seed)
    context.log.info(f"trial {trial.number} of {symbol}: {learner}, {trial.url}")
    return trial


def bar_market(version: FeatureVersion, bars: pl.DataFrame, as_of: Times) -> tuple[Floats, Floats]:
    """What PPO plays on: the return in bps from the fill of each of the bars `as_of` (n,) to the next, the cost."""
    used = bars.filter(pl.col("as_of").is_in(pl.Series(as_of).dt.replace_time_zone("UTC").implode()))
    market = window_trades(version, used)
    return fill_returns(market, window_unknown(version), settings().decision_minutes), market.conditions.taker_bps


def _log_progress(context: dg.AssetExecutionContext) -> Any:
    seen: set[float] = set()

    def log(metrics: Any) -> None:
        stage = metrics["stage"]
        if stage not in seen:
            seen.add(stage)
            learning = settings().learning
            context.log.info(f"PPO stage {stage:g} of {learning.folds}, {learning.ppo.seeds} seeds")

    return log
