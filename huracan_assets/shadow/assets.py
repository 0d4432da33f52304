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
from huracan_assets.decision.policy import Evidence, decide
from huracan_assets.errors import FeatureSetMismatch
from huracan_assets.features.assets import load_market
from huracan_assets.features.feature_version import FeatureVersion
from huracan_assets.learning.classroom import Classroom, classroom
from huracan_assets.learning.records import LightGBMModel
from huracan_assets.memory.embedding import Embedding
from huracan_assets.memory.trade_memory import replace_ledger
from huracan_assets.observability.plots import equity_and_drawdown
from huracan_assets.observability.sparkline import sparkline
from huracan_assets.observability.tables import markdown_table
from huracan_assets.partitions import symbol_day
from huracan_assets.resources import postgres
from huracan_assets.resources.io_manager import artifact
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.materialize import check_partitions, room
from huracan_assets.resources.tracking import Tracking
from huracan_assets.settings import settings
from huracan_assets.shadow.contract import validate_ledger
from huracan_assets.shadow.forward import ForwardLedger
from huracan_assets.shadow.ledger import Traded, daily_returns, trade
from huracan_assets.shadow.replay import Stretch, replay
from huracan_assets.simulation.costs import Costs


@dg.asset(**room("shadow", "polars", "postgres"))
def shadow_ledger(
    context: dg.AssetExecutionContext,
    feature_version: FeatureVersion,
    decision_bars: pl.DataFrame,
    regimes: pl.DataFrame,
    alpha_signals: pl.DataFrame,
    trade_outcomes: pl.DataFrame,
    pattern_library: pl.DataFrame,
    lightgbm_model: LightGBMModel,
    ppo_checkpoint: bytes,
    decision_policy: Policies,
) -> dg.MaterializeResult[pl.DataFrame]:
    """The policy's own trades over the out-of-sample segments, one at a time, within its limits.

    Each segment is traded by the policy and the models that had seen only what came before it. The trades go to the
    lake and, with their set-ups, to `trade_memory`, where the nights to come find them.
    """
    day, symbol = symbol_day(context.partition_key)
    room_ = classroom(feature_version, decision_bars, trade_outcomes, settings().learning)
    evidence = night_evidence(
        context, feature_version, decision_bars, regimes, alpha_signals, pattern_library, lightgbm_model, room_
    )
    decisions = pl.concat(_segment(evidence, decision_policy, room_, fold.index) for fold in room_.traded)
    traded = trade(symbol, decisions, trade_outcomes, settings().decision)
    _remember(symbol, day, traded.ledger, decision_bars, room_)
    Lake.open().write_document("shadow_ledger", symbol, day, {"refusals": dict(traded.refusals)})
    return artifact(traded.ledger, _metadata(traded, decisions.height))


def _segment(evidence: Evidence, policies: Policies, room_: Classroom, index: int) -> pl.DataFrame:
    rows = room_.folds[index].test
    return decide(policies.of_fold(index), evidence.at(rows)).with_columns(fold=pl.lit(index, pl.Int32))


def _remember(symbol: str, day: date, ledger: pl.DataFrame, bars: pl.DataFrame, room_: Classroom) -> None:
    """Embed the trades' set-ups by a map fitted before the first segment, and write them to Postgres."""
    ts = room_.ts
    embedding = Embedding.fit(ts.features[room_.folds[0].train], ts.names, settings().seed)
    set_ups = ledger.select("as_of").join(bars, on="as_of", how="left", maintain_order="left")
    features = set_ups.select(pl.col(ts.names).cast(pl.Float32)).to_numpy()
    points = embedding.transform(features, ts.names)
    with postgres.connection() as connection:
        replace_ledger(connection, symbol, day, ledger, points, embedding)


@dg.asset_check(asset=shadow_ledger, blocking=True)
def shadow_ledger_contract(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """One position at a time, filled after its decision, closed inside the window, money and bps in agreement."""

    def validate(symbol: str, day: date, frame: pl.DataFrame) -> None:
        validate_ledger(frame, symbol, day + timedelta(days=1), settings().decision.position_gbp)

    return check_partitions(context, "shadow_ledger", validate)


def _metadata(traded: Traded, bars: int) -> dict[str, object]:
    ledger = traded.ledger
    refusals = [{"refused by": name, "bars": count} for name, count in sorted(traded.refusals.items())]
    by_fold = ledger.group_by("fold").agg(
        pl.len().alias("trades"),
        (pl.col("net_bps") > 0).mean().alias("win rate"),
        pl.col("net_bps").sum().alias("net bps"),
    )
    metadata: dict[str, object] = {
        "trades": ledger.height,
        "bars": bars,
        "net_bps": float(ledger["net_bps"].sum()),
        "pnl_gbp": float(ledger["pnl_gbp"].sum()),
        "refusals": dg.MetadataValue.md(markdown_table(refusals)),
        "segments": dg.MetadataValue.md(markdown_table(by_fold.sort("fold").to_dicts())),
    }
    if ledger.height:
        equity = np.cumsum(ledger["net_bps"].to_numpy())
        metadata["equity_line"] = dg.MetadataValue.md(sparkline(equity, "cumulative net bps"))
        metadata["equity"] = dg.MetadataValue.md(equity_and_drawdown(ledger["exit_at"].to_numpy(), equity))
    return metadata


@dg.asset(**room("shadow", "mlflow", "json"))
def forward_ledger(
    context: dg.AssetExecutionContext,
    feature_version: FeatureVersion,
    decision_bars: pl.DataFrame,
    pattern_library: pl.DataFrame,
) -> dg.MaterializeResult[ForwardLedger]:
    """The champion registered before this night trades every day since then: the live-consistency evidence."""
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
    except FeatureSetMismatch as error:
        # No fault of this night: a champion's record ends where the recipe it was trained on does.
        note = f"{name} may not trade, and its record ends: {error}"
        return artifact(_no_champion(note), {"champion": name, "note": note})
    days = [past for past in feature_version.window if past > champion.day]
    bars = decision_bars.filter(pl.col("as_of").dt.offset_by("-1us").dt.date().is_in(days))
    recalled = pattern_library.filter(pl.col("as_of").is_in(bars["as_of"].implode()))
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
