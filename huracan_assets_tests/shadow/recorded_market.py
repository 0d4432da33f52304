"""A market of random minutes, decisions in it, and the trades that they made, through the engine's own simulator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from huracan_assets.decision.ensemble import SOURCES
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.settings import Settings, read_settings
from huracan_assets.shadow.counterfactuals import Entries
from huracan_assets.shadow.ledger import trade
from huracan_assets.shadow.trade_analysis import Material
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.trade_market import TradeMarket
from huracan_assets.simulation.trade_outcomes import outcome_frame

SETTINGS = read_settings("local")
FIRST = date(2026, 1, 1)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SYMBOL = "ETH-USDT"
COST_BPS = 10.0


def random_grid(rng: np.random.Generator, days: int, *, sigma: float = 5e-4, absent: float = 0.0) -> MinuteGrid:
    """A random walk of the minutes of `days` days whose volatility changes from day to day."""
    n = days * 1440
    own = sigma * np.exp(0.3 * rng.standard_normal(days)).repeat(1440)
    close = 100.0 * np.exp(np.cumsum(own * rng.standard_normal(n)))
    open_ = np.concatenate([[100.0], close[:-1]])
    wick = 0.5 * own * np.abs(rng.standard_normal((2, n)))
    present = rng.random(n) >= absent
    volume = np.full(n, 5_000.0)
    columns = {
        "open": open_,
        "high": np.maximum(open_, close) * (1 + wick[0]),
        "low": np.minimum(open_, close) * (1 - wick[1]),
        "close": close,
        "volume": volume,
        "quote_volume": volume * close,
        "trades": np.full(n, 100.0),
        "taker_buy_volume": volume / 2,
    }
    holes = {name: np.where(present, values, np.nan) for name, values in columns.items()}
    return MinuteGrid(start=np.datetime64(FIRST, "us"), present=present, **holes)


@dataclass(frozen=True)
class Night:
    """A window's market, its decisions and what became of them."""

    grid: MinuteGrid
    decisions: pl.DataFrame
    outcomes: pl.DataFrame
    ledger: pl.DataFrame
    regimes: pl.DataFrame
    entries: Entries
    last: date

    @property
    def sigma(self) -> np.ndarray:
        """Volatility of a minute known at each trade's decision."""
        return self.entries.market.conditions.sigma[self.entries.rows]

    @property
    def material(self) -> Material:
        """What its analysts read."""
        return Material(
            self.ledger,
            self.decisions,
            self.outcomes,
            self.regimes,
            self.grid,
            self.entries.unknown,
            self.entries.market,
            self.last,
        )


def night(
    rng: np.random.Generator,
    days: int = 20,
    share: float = 0.15,
    unknown: np.ndarray | None = None,
    settings: Settings = SETTINGS,
) -> Night:
    """A policy that trades `share` of the quarters of an hour by chance."""
    grid = random_grid(rng, days)
    nobody_knows = np.zeros(len(grid), np.bool_) if unknown is None else unknown
    known_at = grid.known_at[14::15]
    as_of = pl.Series("as_of", known_at).dt.replace_time_zone("UTC")
    bars = pl.DataFrame({"as_of": as_of, "spread_bps": np.full(len(as_of), 2.0)})
    decisions = random_decisions(rng, as_of, share)
    costs, position = Costs.of(settings.simulation), settings.decision.position_gbp
    market = TradeMarket.of(grid, bars, None, costs, settings.simulation, position)
    outcomes = outcome_frame(market, nobody_knows)
    ledger = trade(SYMBOL, decisions, market, settings.decision).ledger
    entries = Entries(ledger, market, settings.simulation, nobody_knows)
    last = FIRST + timedelta(days=days - 1)
    return Night(grid, decisions, outcomes, ledger, decisions.select("as_of", "regime"), entries, last)


def random_decisions(rng: np.random.Generator, as_of: pl.Series, share: float) -> pl.DataFrame:
    """Rows as `decide` makes them."""
    n, limits = len(as_of), SETTINGS.decision
    accepted = rng.random(n) < share
    decisions = pl.DataFrame(
        {
            "as_of": as_of,
            "side": pl.Series(rng.choice([-1, 1], n), dtype=pl.Int8),
            "accepted": accepted,
            "refused_by": np.where(accepted, "", rng.choice(["cost", "meta_label"], n)),
            "confidence": np.where(accepted, rng.uniform(0.52, 0.6, n), rng.uniform(0.45, 0.52, n)),
            "expected_net_bps": rng.normal(0, 10, n),
            "agreement": limits.min_agreement + (1.0 - limits.min_agreement) * rng.random(n),
            "size_gbp": np.where(accepted, SETTINGS.decision.position_gbp, 0.0),
            "regime": rng.choice(["TREND", "RANGE"], n),
            "engine": rng.choice(["trend", "range", "none"], n),
            **{source: rng.uniform(-1, 1, n) for source in SOURCES},
            "fold": pl.Series(np.ones(n), dtype=pl.Int32),
            "expected_cost_bps": np.full(n, COST_BPS),
            "stop_bps": np.full(n, 50.0),
            "spread_bps": np.full(n, 2.0),
            "daily_volatility": np.full(n, 0.02),
            "similar_net_bps": np.full(n, np.nan),
        }
    )
    # What the gate of the cost refuses falls short of its bound, and nothing else does.
    over = (limits.min_edge_to_cost - 1.0) * COST_BPS + pl.col("expected_net_bps").abs()
    short = pl.col("refused_by") == "cost"
    net = decisions.with_columns(expected_net_bps=pl.when(short).then(-over - 1.0).otherwise(over))
    return net.with_columns(expected_gross_bps=pl.col("expected_net_bps") + COST_BPS)
