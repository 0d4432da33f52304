"""The ledger decides at every bar of a segment, and what the market then refuses is counted by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from huracan_assets.decision.assets import Policies
from huracan_assets.learning.walk_forward import walk_forward
from huracan_assets.settings import Settings
from huracan_assets.shadow.assets import segment_decisions
from huracan_assets.shadow.ledger import trade
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.trade_market import TradeMarket
from huracan_assets.simulation.trade_outcomes import outcome_frame
from huracan_assets_tests.decision.evidence import evidence, policy
from huracan_assets_tests.learning.small_nights import learning, version
from huracan_assets_tests.shadow.recorded_market import SETTINGS, SYMBOL, random_grid

DAYS = 8
LIMITS = {"cool_down_minutes": 0, "max_daily_loss_bps": 1e9, "max_drawdown_bps": 1e9}
ANYTHING: dict[str, Any] = {"min_confidence": 0.0, "min_edge_to_cost": -1e9, "min_agreement": 0.0} | {
    "max_spread_bps": 1e9, "max_daily_volatility": 1e9,
}  # fmt: skip


def changed(**simulation: object) -> Settings:
    return SETTINGS.model_copy(update={"simulation": SETTINGS.simulation.model_copy(update=simulation)})


@pytest.mark.parametrize(
    ("refusal", "silent", "settings"),
    [("no_volume", 0.3, SETTINGS), ("missed", 0.0, changed(fill_probability=0.5))],
)
def test_orders_that_the_market_refuses_are_sent_and_counted(refusal: str, silent: float, settings: Settings) -> None:
    rng = np.random.default_rng(3)
    grid = random_grid(rng, DAYS)
    grid = replace(grid, volume=np.where(rng.random(len(grid)) < silent, 0.0, grid.volume))
    as_of = pl.Series("as_of", grid.known_at[14::15]).dt.replace_time_zone("UTC")
    bars = as_of.to_frame().with_columns(spread_bps=pl.lit(2.0))
    limits = settings.decision.model_copy(update=LIMITS)
    simulation = settings.simulation
    market = TradeMarket.of(grid, bars, None, Costs.of(simulation), simulation, limits.position_gbp)
    outcomes = outcome_frame(market)
    walk = walk_forward(version(DAYS), bars, outcomes, learning())
    frozen = policy(**ANYTHING)
    policies = Policies(per_fold=(None, frozen, frozen), fitted_until=(None, None, None), final=frozen)
    known = evidence(len(as_of), holes=False)
    said = replace(known, as_of=walk.ts.as_of, regime=np.full(len(as_of), "RANGE"), similar_net_bps=1.0 + known.raw)

    decisions = segment_decisions(said, policies, walk)
    begin = walk.traded[0].test_start
    assert decisions["as_of"].to_list() == as_of.filter(pl.Series(as_of.to_numpy() > begin)).to_list()
    traded = trade(SYMBOL, decisions, market, limits)
    assert traded.refusals[refusal] > 5
    # The trades are those that the market gives: at bars without a label too, where one side alone is refused.
    labelled = outcomes["as_of"].unique()
    assert traded.ledger["as_of"].is_in(labelled.implode()).all() == (refusal == "no_volume")
    assert traded.ledger.height > 5
