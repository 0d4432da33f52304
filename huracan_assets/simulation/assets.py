"""What would a trade have brought? The outcome of both sides at every decision bar: the labels of all learning."""

import dagster as dg
import numpy as np
import polars as pl

from huracan_assets.features.feature_version import FeatureVersion
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.market.minute_status import Bools, minute_mask
from huracan_assets.observability.tables import markdown_table
from huracan_assets.resources.io_manager import artifact
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.materialize import check_partitions, room
from huracan_assets.settings import settings
from huracan_assets.simulation.conditions import TradeConditions
from huracan_assets.simulation.contract import validate_outcomes
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.quoted_grid import quoted
from huracan_assets.simulation.trade_market import TradeMarket, double_touches, rejections
from huracan_assets.simulation.trade_outcomes import outcome_frame


@dg.asset(**room("simulation", "numba", "parquet"))
def trade_outcomes(feature_version: FeatureVersion, decision_bars: pl.DataFrame) -> dg.MaterializeResult[pl.DataFrame]:
    """A long and a short from every bar of the look-back: triple barrier on the 1-minute path, net of all costs."""
    market = window_trades(feature_version, decision_bars)
    frame, (simulated, _) = outcome_frame(market, window_unknown(feature_version)), market.every_trade()
    sides = frame.group_by("side", maintain_order=True).agg(
        pl.len().alias("trades"),
        (pl.col("net_bps") > 0).mean().alias("win rate"),
        pl.col("gross_bps").mean().alias("gross bps"),
        pl.col("cost_bps").mean().alias("cost bps"),
        pl.col("net_bps").mean().alias("net bps"),
    )
    named = sides.with_columns(
        pl.when(pl.col("side") > 0).then(pl.lit("long")).otherwise(pl.lit("short")).alias("side")
    )
    reasons = frame.group_by("exit_reason").agg(pl.len().alias("trades")).sort("exit_reason")
    return artifact(
        frame,
        {
            "sides": dg.MetadataValue.md(markdown_table(named.to_dicts())),
            "exits": dg.MetadataValue.md(markdown_table(reasons.to_dicts())),
            "independent_labels": float(frame["uniqueness"].sum()) / 2.0,
            "crossing_unknown_minutes": int(frame["crosses_unknown"].sum()),
            "filled_in_part": int(frame["filled_share"].is_between(0.0, 1.0, closed="none").sum()),
            "double_touches": double_touches(simulated),
            "orders_refused": dg.MetadataValue.md(markdown_table([rejections(simulated)])),
            **_told(market.conditions),
        },
    )


def _told(known: TradeConditions) -> dict[str, object]:
    """Where impact and spread come from."""
    fitted = float(known.impact_fitted.mean()) if len(known.sigma) else 0.0
    impact = f"fitted to the flow of takers at {fitted:.1%} of the bars, else the setting"
    if not fitted:
        impact = "the setting: the source tells no taker_buy_volume, or the market's flow is too short"
    return {
        "impact_from": impact,
        "impact_coefficient": float(np.median(known.impact_coefficient)) if len(known.sigma) else float("nan"),
        "spread_from_order_book": float(known.spread_quoted.mean()) if len(known.sigma) else 0.0,
    }


@dg.asset_check(asset=trade_outcomes, blocking=True)
def trade_outcomes_contract(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Entries lie after decisions, exits after entries, everything is finite, net is gross less costs."""
    return check_partitions(context, "trade_outcomes", lambda symbol, day, frame: validate_outcomes(frame))


def window_market(version: FeatureVersion) -> tuple[MinuteGrid, pl.DataFrame | None]:
    """The minutes, with the spreads that books quoted, and the funding of a look-back; None where there is none.

    Raises:
        StorageError: a day is not there, or is not the one that the version names.
    """
    lake, days, symbol = Lake.open(), version.window, version.symbol
    candles = lake.read_named_window("candles", symbol, {entry.day: entry.candles_sha256 for entry in version.days})
    funding = lake.read_named_window(
        "funding_rates", symbol, {entry.day: entry.funding_sha256 for entry in version.days}
    )
    named = {entry.day: entry.books_sha256 for entry in version.days if entry.books_sha256 is not None}
    books = lake.read_named_window("order_books", symbol, named) if named else None
    grid = MinuteGrid.from_candles(candles, days[0], days[-1])
    return quoted(grid, books), None if funding.is_empty() else funding


def window_trades(version: FeatureVersion, bars: pl.DataFrame) -> TradeMarket:
    """The simulator on a look-back, with its funding, for orders at these bars under the settings in force."""
    simulation, position = settings().simulation, settings().decision.position_gbp
    grid, funding = window_market(version)
    return TradeMarket.of(grid, bars, funding, Costs.of(simulation), simulation, position)


def window_unknown(version: FeatureVersion) -> Bools:
    """Which minutes of a look-back window nobody knows, on the grid of `window_market`, (n,)."""
    days = version.window
    return minute_mask(Lake.open().read_window("minute_status", version.symbol, days), days[0], days[-1])
