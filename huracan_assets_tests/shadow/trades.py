"""Random decisions in a random market, and ledgers written by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.decision.ensemble import SOURCES
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.shadow.ledger import LEDGER_SCHEMA
from huracan_assets.simulation.conditions import TradeConditions
from huracan_assets.simulation.fills import Rules
from huracan_assets.simulation.path import path_of
from huracan_assets.simulation.trade_market import TradeMarket
from huracan_assets_tests.simulation.random_path import START, student_grid

QUARTER = 15
POSITION = 1000.0
RULES = Rules(
    latency=1,
    horizon=60,
    participation=0.5,
    touch_fill_probability=0.5,
    fill_probability=0.9,
    minimum_notional=5.0,
    taker_fee_bps=5.0,
    maker_fee_bps=2.0,
    seed=3,
)


def market_of(
    grid: MinuteGrid,
    decided: NDArray[np.int64],
    take_profit: NDArray[np.float64],
    stop_loss: NDArray[np.float64],
    rules: Rules = RULES,
    cost_bps: float = 0.5,
) -> TradeMarket:
    """A market in which barriers, half spread and impact are given and not reckoned from the past."""
    one = np.ones(len(decided))
    conditions = TradeConditions(
        sigma=one * 5e-4,
        take_profit=take_profit,
        stop_loss=stop_loss,
        half_spread_bps=one * cost_bps,
        seen_half_spread_bps=one * cost_bps,
        impact_bps=one * cost_bps,
        taker_bps=one * (rules.taker_fee_bps + 2.0 * cost_bps),
        round_trip_bps=2.0 * one * (rules.taker_fee_bps + 2.0 * cost_bps),
        impact_coefficient=one,
        impact_fitted=one > 0,
        spread_quoted=one > 1,
    )
    as_of = grid.start + decided * np.timedelta64(1, "m")
    return TradeMarket(path_of(grid), rules, grid.start, as_of, decided, conditions, POSITION, 1250.0)


def of_size(market: TradeMarket, size_gbp: float) -> TradeMarket:
    """The same market for orders of another size, whose impact follows the root law."""
    share = size_gbp / market.position_gbp
    known = market.conditions
    smaller = replace(known, impact_bps=known.impact_bps * np.sqrt(share))
    return replace(market, conditions=smaller, position_gbp=size_gbp, quote=market.quote * share)


def random_night(rng: np.random.Generator, bars: int) -> tuple[pl.DataFrame, TradeMarket]:
    """Decisions at `bars` quarters of an hour from midnight on; some minutes are thin, some without volume."""
    grid = student_grid(bars * QUARTER + 30, seed=int(rng.integers(1 << 30)))
    volume = rng.choice([0.0, 1e-3, 15.0, 1e3], len(grid), p=[0.02, 0.02, 0.06, 0.9])
    decided = QUARTER * np.arange(1, bars + 1)
    widths = rng.choice([0.002, 0.005, 0.01], (2, bars))
    market = market_of(replace(grid, volume=volume), decided, widths[0], widths[1])
    accepted = rng.random(bars) < 0.7
    side = np.where(accepted, rng.choice([-1, 1], bars), rng.integers(-1, 2, bars))
    decisions = pl.DataFrame(
        {
            "as_of": pl.Series(market.as_of).dt.replace_time_zone("UTC"),
            "side": pl.Series(side, dtype=pl.Int8),
            "accepted": accepted,
            "refused_by": np.where(accepted, "", rng.choice(["cost", "spread"], bars)),
            "confidence": rng.random(bars),
            "expected_net_bps": rng.normal(0, 10, bars),
            "agreement": rng.random(bars),
            "size_gbp": np.where(accepted, rng.choice([500.0, POSITION], bars), 0.0),
            "regime": rng.choice(["TREND", "RANGE"], bars),
            "engine": rng.choice(["trend", "range", "none"], bars),
            **{source: rng.uniform(-1, 1, bars) for source in SOURCES},
            "fold": pl.Series(rng.integers(1, 3, bars), dtype=pl.Int32),
        }
    )
    return decisions, market


def script(entries: list[tuple[int, float, int]]) -> TradeMarket:
    """A market that costs nothing and in which a long decided at a minute brings so many bps after so many minutes.

    The price stands at 100 but for one spike a trade; what is decided while a trade is open has none.
    """
    minutes = max(minute + held for minute, _, held in entries) + 1500
    high, low, still = np.full((3, minutes), 100.0)
    free = 0
    for minute, net, held in entries:
        if minute >= free:
            free = minute + held
            leg = high if net > 0 else low
            leg[free - 1] = 100.0 * (1.0 + net / 1e4) + (1e-3 if net > 0 else 0.0)
    grid = MinuteGrid(START, still, high, low, still, still, still, still, still, np.ones(minutes, np.bool_))
    nets = np.array([net for _, net, _ in entries]) / 1e4
    profit, loss = np.where(nets > 0, nets, 0.5), np.where(nets < 0, -nets, 0.5)
    decided = np.array([minute for minute, _, _ in entries])
    free_of_cost = Rules(0, 1440, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0)
    return market_of(replace(grid, volume=np.full(minutes, 1e6)), decided, profit, loss, free_of_cost, 0.0)


def row(as_of: datetime, net_bps: float, **changes: Any) -> dict[str, Any]:
    """One honest trade of ETH-USDT that is open for an hour."""
    size, gross = changes.get("size_gbp", 1000.0), net_bps + 12.0
    return {
        "symbol": "ETH-USDT",
        "as_of": as_of,
        "side": 1,
        "entry_at": as_of + timedelta(minutes=1),
        "exit_at": as_of + timedelta(minutes=60),
        "entry_price": 100.0,
        "exit_price": 100.0 + net_bps / 100,
        "exit_reason": "time",
        "size_gbp": size,
        "filled_share": 1.0,
        "gross_bps": gross,
        "fee_bps": 10.0,
        "half_spread_bps": 1.5,
        "impact_bps": 0.5,
        "cost_bps": 12.0,
        "funding_bps": 0.0,
        "net_bps": net_bps,
        "slippage_bps": 2.0,
        "pnl_gbp": net_bps * size / 1e4,
        "regime": "TREND",
        "engine": "trend",
        "confidence": 0.6,
        "expected_net_bps": 5.0,
        "agreement": 0.5,
        **dict.fromkeys(SOURCES, 0.1),
        "mfe_bps": max(0.0, gross),
        "mae_bps": min(0.0, gross),
        "fold": 1,
        **changes,
    }


def ledger(*rows: dict[str, Any]) -> pl.DataFrame:
    """A ledger of these trades."""
    return pl.DataFrame(list(rows), schema=LEDGER_SCHEMA)
