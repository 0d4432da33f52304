"""What a trader earns who knows the planted signal: the true edge of a synthetic market, net of all costs.

It decides on the same bars, pays the same costs, obeys the same cost gate and limits, and trades through the same
simulator and ledger as the engine's own policy; it only knows x_t instead of having to learn it.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from huracan_assets.days import midnight
from huracan_assets.decision.ensemble import SOURCES
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.market.synthetic import FLOW_HALF_LIFE, SyntheticSource
from huracan_assets.settings import Settings
from huracan_assets.shadow.ledger import daily_returns, trade
from huracan_assets.simulation.conditions import trade_conditions
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.trade_outcomes import trade_outcomes
from huracan_assets.validation.sharpe import annual_sharpe


def oracle_sharpe(
    settings: Settings, source: SyntheticSource, symbol: str, first: date, last: date
) -> tuple[float, int]:
    """Annualised net Sharpe ratio and number of trades of the oracle over [first, last]."""
    candles = source.candles(symbol, first, last)
    grid = MinuteGrid.from_candles(candles, first, last)
    x = source.signal(symbol, first, last)
    step = settings.decision_minutes
    closes = np.arange(step - 1, len(grid), step)
    as_of = pl.Series("as_of", grid.known_at[closes].astype("datetime64[us]")).dt.replace_time_zone("UTC")
    bars = as_of.to_frame()
    costs, position = Costs.of(settings.simulation), settings.decision.position_gbp
    conditions = trade_conditions(grid, bars, costs, settings.simulation, position)
    outcomes = trade_outcomes(grid, bars, source.funding(symbol, first, last), costs, settings.simulation, position)
    decay = 0.5 ** (
        np.arange(settings.simulation.latency_minutes, settings.simulation.horizon_minutes) / FLOW_HALF_LIFE
    )
    expected = settings.market.synthetic.edge * np.abs(x[closes]) * decay.sum()
    accepted = expected >= settings.decision.min_edge_to_cost * 2.0 * conditions.taker_bps
    decisions = pl.DataFrame(
        {
            "as_of": as_of,
            "side": np.sign(x[closes]).astype(np.int8),
            "accepted": accepted & (as_of > midnight(first)).to_numpy(),
            "refused_by": np.where(accepted, "", "cost"),
            "confidence": np.ones(len(closes)),
            "expected_net_bps": expected,
            "agreement": np.ones(len(closes)),
            "size_gbp": np.full(len(closes), position),
            "regime": np.full(len(closes), "RANGE"),
            "engine": np.full(len(closes), "none"),
            **{name: np.zeros(len(closes)) for name in SOURCES},
            "fold": np.zeros(len(closes), np.int32),
        }
    )
    ledger = trade(symbol, decisions, outcomes, settings.decision).ledger
    daily = daily_returns(ledger, first, last, position)["net_return"].to_numpy()
    return annual_sharpe(daily), ledger.height
