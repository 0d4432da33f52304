"""How would it have traded? The policy out of sample, and last night's champion on the day it has never seen."""

import tempfile
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import orjson
import polars as pl

from huracan_assets.decision.assets import Policies, night_evidence
from huracan_assets.decision.brain import Brain
from huracan_assets.decision.intelligence_gates import REASONS
from huracan_assets.decision.policy import Evidence, decide
from huracan_assets.errors import ContractError
from huracan_assets.features.assets import load_market
from huracan_assets.features.feature_version import FeatureVersion
from huracan_assets.learning.explanation import mean_contributions
from huracan_assets.learning.records import LightGBMModel
from huracan_assets.learning.walk_forward import WalkForward, walk_forward
from huracan_assets.memory.set_up_map import SetUpMap
from huracan_assets.memory.trade_memory import replace_ledger
from huracan_assets.observability.plots import equity_and_drawdown
from huracan_assets.observability.sparkline import sparkline
from huracan_assets.observability.tables import markdown_table
from huracan_assets.partitions import symbol_day
from huracan_assets.resources import postgres
from huracan_assets.resources.io_manager import artifact
from huracan_assets.resources.lake import Lake, content_hash
from huracan_assets.resources.materialize import check_partitions, room
from huracan_assets.resources.tracking import TRIAL_SHARPE, Tracking
from huracan_assets.resources.trials import night_trial
from huracan_assets.settings import settings
from huracan_assets.shadow.analysis_page import Markdown, analysis_page
from huracan_assets.shadow.analysis_tables import replace_analysis
from huracan_assets.shadow.contract import validate_ledger
from huracan_assets.shadow.forward import ForwardLedger, recalled_then
from huracan_assets.shadow.ledger import Traded, daily_returns, of_a_position, trade
from huracan_assets.shadow.replay import Stretch, replay
from huracan_assets.shadow.trade_analysis import Material, analyse, validate_analysis
from huracan_assets.shadow.trade_reasons import trade_reasons
from huracan_assets.simulation.assets import window_market, window_trades, window_unknown
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.trade_market import TradeMarket

# The decisions of the ledger's segments lie beside it, for its analysts.
DECISIONS = "shadow_decisions"
# What the models leaned on at each trade, LightGBM and line, lies beside it too.
TRADE_REASONS = "shadow_reasons"
SHOWN_REASONS = 15


@dg.asset(**room("shadow", "polars", "postgres"), deps=["ppo_checkpoint"])
def shadow_ledger(
    context: dg.AssetExecutionContext,
    feature_version: FeatureVersion,
    decision_bars: pl.DataFrame,
    regimes: pl.DataFrame,
    alpha_signals: pl.DataFrame,
    trade_outcomes: pl.DataFrame,
    pattern_library: pl.DataFrame,
    lightgbm_model: LightGBMModel,
    decision_policy: Policies,
) -> dg.MaterializeResult[pl.DataFrame]:
    """The policy's own trades over the out-of-sample segments, one at a time, within its limits.

    Each segment is traded by the policy and the models that had seen only what came before it. The trades go to the
    lake and, with their set-ups, to `trade_memory`, where the nights to come find them if `leakage_report` is clean.
    """
    day, symbol = symbol_day(context.partition_key)
    walk = walk_forward(feature_version, decision_bars, trade_outcomes, settings().learning)
    evidence = night_evidence(
        feature_version, decision_bars, regimes, alpha_signals, pattern_library, lightgbm_model, walk
    )
    decisions = segment_decisions(evidence, decision_policy, walk)
    market, limits = window_trades(feature_version, decision_bars), settings().decision
    read = {"decision_policy": content_hash(decision_policy), "decisions": content_hash(decisions)}
    with night_trial(symbol, day, "policy", read, limits, settings().simulation, seed=settings().seed) as trial:
        traded = trade(symbol, decisions, market, limits)
        trial.finish(_tried(traded.ledger, walk, day, limits.position_gbp))
    _remember(feature_version, traded.ledger, decision_bars)
    lake = Lake.open()
    lake.write_document("shadow_ledger", symbol, day, {"refusals": dict(traded.refusals)})
    lake.write_frame(DECISIONS, symbol, day, _with_limits(decisions, traded))
    reasons = trade_reasons(traded.ledger, walk.ts, lightgbm_model.per_fold)
    lake.write_frame(TRADE_REASONS, symbol, day, reasons)
    leaned_on = mean_contributions(reasons).head(SHOWN_REASONS).to_dicts()
    page = {"leaned_on": dg.MetadataValue.md(markdown_table(leaned_on))} if leaned_on else {}
    return artifact(traded.ledger, _metadata(traded, decisions.height, limits.position_gbp) | page)


def _tried(ledger: pl.DataFrame, walk: WalkForward, last: date, position_gbp: float) -> dict[str, float]:
    """What the trial leaves on the record; a ledger whose days are all alike has no Sharpe ratio."""
    daily = out_of_sample_returns(ledger, walk, last, position_gbp)["net_return"].to_numpy()
    told = {"trades": float(ledger.height)}
    return told | ({TRIAL_SHARPE: float(daily.mean() / daily.std(ddof=1))} if np.ptp(daily) > 0.0 else {})


def out_of_sample_returns(ledger: pl.DataFrame, walk: WalkForward, last: date, position_gbp: float) -> pl.DataFrame:
    """`day, net_return` over the traded segments."""
    first: date = walk.traded[0].test_start.astype("datetime64[D]").item()
    return daily_returns(ledger, first, last, position_gbp)


def _with_limits(decisions: pl.DataFrame, traded: Traded) -> pl.DataFrame:
    """The decisions, each with what refused it in the end: a gate, a limit of the ledger, or nothing."""
    limited = traded.limited.rename({"refused_by": "limited_by"})
    joined = decisions.join(limited, on="as_of", how="left", maintain_order="left")
    return joined.with_columns(refused_by=pl.coalesce("limited_by", "refused_by")).drop("limited_by")


def segment_decisions(evidence: Evidence, policies: Policies, walk: WalkForward) -> pl.DataFrame:
    """What each segment's policy decides at every bar of it, in order, and the segment as `fold`.

    At every bar: that the market will refuse an order is not known at the decision.
    """
    return pl.concat(
        decide(policies.of_fold(fold.index), evidence.at(fold.asked)).with_columns(fold=pl.lit(fold.index, pl.Int32))
        for fold in walk.traded
    )


def _remember(version: FeatureVersion, ledger: pl.DataFrame, bars: pl.DataFrame) -> None:
    """Embed the trades' set-ups by the map of this recipe, and write them to Postgres, where they await their judge."""
    mapped = SetUpMap.of(version, settings())
    points = mapped.points_at(bars, ledger["as_of"])
    with postgres.connection() as connection:
        replace_ledger(connection, version.symbol, version.day, ledger, points, mapped.name)


@dg.asset_check(asset=shadow_ledger, blocking=True)
def shadow_ledger_contract(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """One position at a time, filled after its decision, closed inside the window, money and bps in agreement."""

    def validate(symbol: str, day: date, frame: pl.DataFrame) -> None:
        validate_ledger(frame, symbol, day + timedelta(days=1), settings().decision.position_gbp)

    return check_partitions(context, "shadow_ledger", validate)


@dg.asset(**room("shadow", "polars", "postgres"))
def trade_analysis(
    context: dg.AssetExecutionContext,
    feature_version: FeatureVersion,
    decision_bars: pl.DataFrame,
    regimes: pl.DataFrame,
    trade_outcomes: pl.DataFrame,
    shadow_ledger: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Why each shadow trade won or lost, what came after its exit, what was missed, and what else would have brought.

    One row a trade; the rankings, the holding times, the gates' records and the regrets lie beside it as a document.
    """
    day, symbol = symbol_day(context.partition_key)
    simulation, limits = settings().simulation, settings().decision
    grid, funding = window_market(feature_version)
    decisions = Lake.open().read_frame(DECISIONS, symbol, day)
    bars = decision_bars.join(decisions.filter("accepted"), on="as_of", how="semi", maintain_order="left")
    market = TradeMarket.of(grid, bars, funding, Costs.of(simulation), simulation, limits.position_gbp)
    unknown = window_unknown(feature_version)
    material = Material(shadow_ledger, decisions, trade_outcomes, regimes, grid, unknown, market, day)
    judged, document = analyse(material, settings().analysts, simulation, limits)
    with postgres.connection() as connection:
        watched = settings().analysts.post_exit_minutes
        replace_analysis(connection, symbol, day, judged, document.missed, watched)
    Lake.open().write_document("trade_analysis", symbol, day, document)
    page = analysis_page(judged, document)
    return artifact(
        judged, {name: dg.MetadataValue.md(v) if isinstance(v, Markdown) else v for name, v in page.items()}
    )


@dg.asset_check(asset=trade_analysis, blocking=True)
def trade_analysis_contract(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Every trade of the ledger has one row and one root cause from the list of its side of zero."""

    def validate(symbol: str, day: date, frame: pl.DataFrame) -> None:
        validate_analysis(frame, Lake.open().read_frame("shadow_ledger", symbol, day))

    return check_partitions(context, "trade_analysis", validate)


def _metadata(traded: Traded, bars: int, position_gbp: float) -> dict[str, object]:
    ledger, brought = traded.ledger, 1e4 * of_a_position(position_gbp)
    refusals = [
        {"refused by": name, "bars": count, "because": REASONS[name]} for name, count in sorted(traded.refusals.items())
    ]
    by_fold = ledger.group_by("fold").agg(
        pl.len().alias("trades"),
        (pl.col("net_bps") > 0).mean().alias("win rate"),
        pl.col("size_gbp").mean().alias("mean size, GBP"),
        brought.sum().alias("net, bps of a position"),
    )
    metadata: dict[str, object] = {
        "trades": ledger.height,
        "bars": bars,
        "pnl_gbp": float(ledger["pnl_gbp"].sum()),
        "refusals": dg.MetadataValue.md(markdown_table(refusals)),
        "segments": dg.MetadataValue.md(markdown_table(by_fold.sort("fold").to_dicts())),
    }
    if ledger.height:
        equity = np.cumsum(ledger.select(brought).to_series().to_numpy())
        metadata["equity_line"] = dg.MetadataValue.md(sparkline(equity, "cumulative net bps of a position"))
        metadata["equity"] = dg.MetadataValue.md(equity_and_drawdown(ledger["exit_at"].to_numpy(), equity))
    return metadata


@dg.asset(**room("shadow", "mlflow", "json", "postgres"), deps=["pattern_library"])
def forward_ledger(
    context: dg.AssetExecutionContext, feature_version: FeatureVersion, decision_bars: pl.DataFrame
) -> dg.MaterializeResult[ForwardLedger]:
    """The champion registered before this night trades every day since then: the live-consistency evidence.

    Each day is decided with what the memory held then, so a later night changes no earlier day.
    """
    day, symbol = symbol_day(context.partition_key)
    tracking = Tracking.open()
    champion = tracking.champion(symbol, before=day)
    if champion is None:
        return artifact(_no_champion("no champion was registered before this night"), {"champion": "none"})
    with tempfile.TemporaryDirectory() as folder:
        files = {file.name: file.read_bytes() for file in tracking.download(champion, Path(folder)).iterdir()}
    name = f"version {champion.version} of {champion.day}"
    try:
        brain = Brain.from_files(files, feature_version.feature_set)
    except ContractError as error:
        # No fault of this night. What was downloaded is what was registered, so it is of another recipe, or written in
        # an older form: the champion's record ends where the engine that made it does.
        note = f"{name} may not trade, and its record ends: {error}"
        return artifact(_no_champion(note), {"champion": name, "note": note})
    days = [past for past in feature_version.window if past > champion.day]
    bars = decision_bars.filter(pl.col("as_of").dt.offset_by("-1us").dt.date().is_in(days))
    with postgres.connection() as connection:
        recalled = recalled_then(connection, feature_version, decision_bars, bars, settings())
    stretch = Stretch(symbol, days, *load_market(context, symbol, days))
    traded = replay(brain, stretch, settings(), Costs.of(settings().simulation), bars=bars, recalled=recalled)
    daily = daily_returns(traded.ledger, days[0], days[-1], settings().decision.position_gbp)
    ledger = ForwardLedger(
        champion=name,
        champion_day=champion.day,
        note=f"{len(days)} days that it had never seen",
        backtest_sharpe=orjson.loads(files["walk_forward_report.json"])["sharpe"],
        trades=traded.ledger.height,
        daily=tuple(daily.select("day", "net_return").iter_rows()),
    )
    equity = np.cumsum(daily["net_return"].to_numpy()) * 1e4
    return artifact(
        ledger,
        {
            "champion": name,
            "days": len(days),
            "trades": ledger.trades,
            "net_bps": float(equity[-1]),
            "equity": dg.MetadataValue.md(equity_and_drawdown(daily["day"].to_numpy(), equity)),
        },
    )


def _no_champion(note: str) -> ForwardLedger:
    return ForwardLedger(champion=None, champion_day=None, note=note, backtest_sharpe=None, trades=0, daily=())
