"""What traders earn who have nothing to learn: the true edge of a synthetic market, net of all costs.

They decide on the same bars, pay the same costs, obey the same cost gate and limits, and trade through the same
simulator and ledger as the engine's own policy, the whole position each time. The oracle knows the signal x_t; the
observer knows the market's laws and its edge, and sees of x_t what the candles show: no learner can be expected to do
better.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from huracan_assets.days import midnight
from huracan_assets.decision.ensemble import SOURCES
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.market.synthetic import FLOW_HALF_LIFE, SHARE_NOISE, SHARE_PER_FLOW, SyntheticSource
from huracan_assets.settings import Settings
from huracan_assets.shadow.ledger import daily_returns, trade
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.trade_market import TradeMarket
from huracan_assets.validation.sharpe import annual_sharpe, profit_factor

Floats = NDArray[np.float64]
PERSISTENCE = 0.5 ** (1.0 / FLOW_HALF_LIFE)


@dataclass(frozen=True)
class Earned:
    """Annualised net Sharpe ratio, number of trades and profit factor of a trader."""

    sharpe: float
    trades: int
    profit_factor: float


def oracle(settings: Settings, source: SyntheticSource, symbol: str, first: date, last: date) -> Earned:
    """What knowing x_t brings over [first, last]."""
    return _earned(settings, source, symbol, first, last, source.signal(symbol, first, last))


def observer(settings: Settings, source: SyntheticSource, symbol: str, first: date, last: date) -> Earned:
    """What the best estimate of x_t from the taker's shares up to t brings over [first, last]."""
    candles = source.candles(symbol, first, last)
    share = (candles["taker_buy_volume"] / candles["volume"]).to_numpy()
    return _earned(settings, source, symbol, first, last, filtered((share - 0.5) / SHARE_PER_FLOW))


@njit(cache=True)
def filtered(seen):  # type: ignore[no-untyped-def]
    """E[x_t | seen up to t] (n,), where seen = x + noise and x is an AR(1) of variance 1 (Kalman 1960)."""
    noise, fresh = (SHARE_NOISE / SHARE_PER_FLOW) ** 2, 1.0 - PERSISTENCE**2
    estimate, mean, variance = np.empty(len(seen)), 0.0, 1.0
    for t in range(len(seen)):
        if t > 0:
            mean, variance = PERSISTENCE * mean, PERSISTENCE**2 * variance + fresh
        gain = variance / (variance + noise)
        mean, variance = mean + gain * (seen[t] - mean), (1.0 - gain) * variance
        estimate[t] = mean
    return estimate


def _earned(settings: Settings, source: SyntheticSource, symbol: str, first: date, last: date, x: Floats) -> Earned:
    candles = source.candles(symbol, first, last)
    grid = MinuteGrid.from_candles(candles, first, last)
    step = settings.decision_minutes
    closes = np.arange(step - 1, len(grid), step)
    as_of = pl.Series("as_of", grid.known_at[closes].astype("datetime64[us]")).dt.replace_time_zone("UTC")
    bars = as_of.to_frame()
    costs, position = Costs.of(settings.simulation), settings.decision.position_gbp
    market = TradeMarket.of(grid, bars, source.funding(symbol, first, last), costs, settings.simulation, position)
    decay = PERSISTENCE ** np.arange(settings.simulation.latency_minutes, settings.simulation.horizon_minutes)
    expected = settings.market.synthetic.edge * np.abs(x[closes]) * decay.sum()
    accepted = expected >= settings.decision.min_edge_to_cost * 2.0 * market.conditions.taker_bps
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
    ledger = trade(symbol, decisions, market, settings.decision).ledger
    daily = daily_returns(ledger, first, last, position)["net_return"].to_numpy()
    return Earned(annual_sharpe(daily), ledger.height, profit_factor(ledger["pnl_gbp"].to_numpy()))
