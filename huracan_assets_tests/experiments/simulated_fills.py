"""What recorded candles say of the simulator's figures: the coefficient of impact, how thin the minutes are, and whom
a resting limit fills.

Limits are asked of a long and of a short at every bar, so of decisions that know nothing: what the market does to them
before costs is zero in the mean, and what it does to those that are filled is the selection.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.settings import read_settings
from huracan_assets.shadow.counterfactuals import Entries
from huracan_assets.shadow.other_entry import fill_record
from huracan_assets.simulation.conditions import DAY_MINUTES, trade_conditions
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.trade_market import TradeMarket, rejections
from huracan_assets.simulation.trade_outcomes import outcome_frame
from huracan_assets_tests.experiments.harness import Row, experiment
from huracan_assets_tests.real_candles import SPOT_2023

SETTINGS = read_settings("local")
SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT", "ARB-USDT", "SUI-USDT")
FIRST, LAST = date(2023, 2, 1), date(2023, 6, 30)
BINS = np.linspace(0.05, 0.995, 13)
OFFSETS, PATIENCE = (0.0, 1.0, 5.0), (1, 5, 15, 60)  # half spreads, minutes


def _conclude(rows: Sequence[Row]) -> dict[str, Any]:
    told = [row for row in rows if row["fitted"]]
    sane = all(0.5 < row["coefficient"] < 2.0 and 0.4 < row["exponent"] < 1.0 for row in told)
    limits = [line for row in rows for line in row["limits"]]
    selected = all(line["high"] < 0.0 for line in limits)
    saved = [line["saved_bps"] for line in limits]
    return {
        "ok": bool(told) and sane and selected,
        "symbols": len(rows),
        "saved_bps": [min(saved), max(saved)],
    }


@experiment(
    question="is the impact that takers' flow shows of the order of one, how many entries are filled in part, and does "
    "a limit fill those that the market is about to prove wrong?",
    seeds=range(len(SYMBOLS)),
    conclude=_conclude,
)
def simulated_fills(seed: int) -> Row:
    """One symbol, 150 days, a decision each 15 minutes, positions as in the settings."""
    symbol, simulation = SYMBOLS[seed], SETTINGS.simulation
    candles = ArchiveSource(SPOT_2023).candles(symbol, FIRST, LAST)
    grid = MinuteGrid.from_candles(candles, candles["ts"][0].date(), LAST)
    bars = pl.Series("as_of", grid.known_at[14::15]).dt.replace_time_zone("UTC").to_frame()
    costs, position = Costs.of(simulation), SETTINGS.decision.position_gbp
    known = trade_conditions(grid, bars, costs, simulation, position)
    market = TradeMarket.of(grid, bars, None, costs, simulation, position)
    outcomes = outcome_frame(market)
    fitted = bool(known.impact_fitted.any())
    return {
        "symbol": symbol,
        "fitted": fitted,
        "coefficient": float(np.median(known.impact_coefficient)),
        "from": float(np.quantile(known.impact_coefficient, 0.05)),
        "to": float(np.quantile(known.impact_coefficient, 0.95)),
        "exponent": _exponent(grid) if fitted else None,
        "impact_bps": float(np.nanmedian(known.impact_bps)),
        "filled_in_part": float((outcomes["filled_share"] < 1.0).mean()),  # type: ignore[arg-type]
        "refused": rejections(market.every_trade()[0]),
        "limits": [_limits(market, outcomes, offset, patience) for offset in OFFSETS for patience in PATIENCE],
    }


def _limits(market: TradeMarket, orders: pl.DataFrame, offset: float, patience: int) -> dict[str, float | None]:
    """A limit from every bar in place of the market order: share filled, selection, and net bps saved a trade."""
    change = {"limit_offset_half_spreads": offset, "limit_patience_minutes": patience}
    simulation = SETTINGS.simulation.model_copy(update=change)
    entries = Entries(orders, market, simulation, np.zeros(len(market.path.open), np.bool_))
    record = fill_record(entries, SETTINGS.analysts)
    limits = entries.outcomes(entries.under({"entry": "limit"}))
    wanted = (limits["net_bps"] * limits["filled_share"]).drop_nulls().to_numpy()
    net = limits.filter(pl.col("filled_share") > 0.0)["net_bps"].to_numpy()
    return {
        "offset": offset,
        "patience": patience,
        "filled": record.filled,
        "selection_bps": record.selection_bps,
        "low": record.low_bps,
        "high": record.high_bps,
        "left_move_bps": record.left_move_bps,
        "net_bps": float(net.mean()),
        "net_of_wanted_bps": float(wanted.mean()),
        "saved_bps": float(net.mean()) - float(orders["net_bps"].to_numpy().mean()),
    }


def _exponent(grid: MinuteGrid) -> float:
    """Slope of the mean signed return of a minute over the flow of its takers, both as shares of their day, in logs."""
    days = len(grid) // DAY_MINUTES
    returns = np.diff(np.log(grid.close), prepend=np.nan)
    flow = (2.0 * grid.taker_buy_volume - grid.volume) * grid.close
    by_day = (days, DAY_MINUTES)
    sigma = np.sqrt(np.nansum(returns.reshape(by_day) ** 2, axis=1)).repeat(DAY_MINUTES)
    turnover = np.nansum((grid.volume * grid.close).reshape(by_day), axis=1).repeat(DAY_MINUTES)
    size, moved = np.abs(flow) / turnover, np.sign(flow) * returns / sigma
    sound = np.isfinite(size * moved) & (size > 0)
    size, moved = size[sound], moved[sound]
    place = np.digitize(size, np.quantile(size, BINS))
    means = np.array([(size[place == k].mean(), moved[place == k].mean()) for k in range(1, len(BINS))])
    log_size, log_move = np.log(means).T
    return float(np.polyfit(log_size, log_move, 1)[0])
