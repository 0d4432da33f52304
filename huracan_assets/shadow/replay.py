"""Let a Brain trade a stretch of candles: the champion's new day, and every stress scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from huracan_assets.days import DAY, midnight
from huracan_assets.decision.brain import Brain
from huracan_assets.engines.consensus import alpha_signals
from huracan_assets.features.compute import compute_features, decision_bars
from huracan_assets.features.feature_sets import engine_set
from huracan_assets.features.optional_inputs import NOTHING_MORE, OptionalInputs
from huracan_assets.features.recipe import WARM_UP_DAYS
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.regimes.regimes import classify
from huracan_assets.settings import Settings
from huracan_assets.shadow.ledger import Traded, trade
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.quoted_grid import quoted
from huracan_assets.simulation.trade_market import TradeMarket


@dataclass(frozen=True)
class Stretch:
    """Candles of `days` and of the warm-up before them, of one symbol and of the benchmark, and the events beside."""

    symbol: str
    days: Sequence[date]
    candles: pl.DataFrame
    benchmark: pl.DataFrame | None
    funding: pl.DataFrame | None
    more: OptionalInputs = NOTHING_MORE

    def bars(self, decision_minutes: int) -> pl.DataFrame:
        """Decision bars computed from this stretch's candles, by the code of the features room."""
        frames = [compute_features(day, self.candles, self.benchmark, self.funding, self.more) for day in self.days]
        return decision_bars(pl.concat(frames), decision_minutes)

    def grid(self) -> MinuteGrid:
        """The minutes, warm-up included, and what their order books quoted."""
        grid = MinuteGrid.from_candles(self.candles, self.days[0] - DAY * WARM_UP_DAYS, self.days[-1])
        return quoted(grid, self.more.order_books)


def replay(
    brain: Brain,
    stretch: Stretch,
    settings: Settings,
    costs: Costs,
    *,
    bars: pl.DataFrame,
    recalled: pl.DataFrame,
) -> Traded:
    """Trade `stretch` from its first midnight.

    Args:
        costs: the costs that are charged and that the policy knows of.
        bars: the stretch's decision bars, or what a scenario has made of them.
        recalled: what the pattern memory answers at those bars.

    Raises:
        FeatureSetMismatch: the Brain was trained on other features than this engine makes.
    """
    brain.feature_set.refuse_unless(engine_set(), f"the Brain that is to trade {stretch.symbol}")
    regimes = classify(bars)
    signals = alpha_signals(bars, regimes)
    position = settings.decision.position_gbp
    market = TradeMarket.of(stretch.grid(), bars, stretch.funding, costs, settings.simulation, position)
    decisions = brain.decisions(bars, regimes, signals, market.conditions, recalled)
    begin = midnight(stretch.days[0])
    own = decisions.filter(pl.col("as_of") > begin).with_columns(fold=pl.lit(-1, pl.Int32))
    return trade(stretch.symbol, own, market, brain.policy.limits)
