"""Do the intervals of the counterfactual evaluator hold the truth as often as they say?

Each trial is a market of its own, minute by minute, in which a signal that lingers for hours moves the price; a policy
trades along it, many trades at a time, so that its trades overlap and their days hang together. The truth of a regret,
and of a gate's record, is the mean of all other trials: an error a thirtieth of an interval's, at a thousand trials.
The truth of a policy told from a log is known by quadrature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from huracan_assets.market.grid import MinuteGrid
from huracan_assets.settings import read_settings
from huracan_assets.shadow.counterfactuals import Entries, regrets
from huracan_assets.shadow.missed_trades import missed_trades
from huracan_assets.shadow.off_policy import off_policy
from huracan_assets.shadow.other_entry import fill_record
from huracan_assets.shadow.sequels import Replayer, sequels
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.trade_market import TradeMarket
from huracan_assets.simulation.trade_outcomes import outcome_frame
from huracan_assets_tests.experiments.harness import Row, experiment
from huracan_assets_tests.shadow.logged_bandit import Bandit
from huracan_assets_tests.shadow.recorded_market import FIRST, random_decisions, random_grid

SEEDS = range(1000)
DAYS = 60
BAR = 15
TRADED = 0.25  # share of the bars
LINGERS = 0.95  # the signal's autocorrelation from bar to bar
DRIFT = 2e-5  # log return a minute for each unit of the signal
BOUNDS = (0.93, 0.97)
SETTINGS = read_settings("local")
# A part of what a night asks, of each kind one or two; one of each kind tells of many.
ASKED = SETTINGS.analysts.model_copy(
    update={"horizons": (60, 240), "take_profits": (0.75,), "stop_losses": (0.75,), "sizes": (2.0,)}
)
ASKED_BLIND = SETTINGS.analysts.model_copy(
    update={"horizons": (), "take_profits": (), "stop_losses": (0.75,), "sizes": (2.0,)}
)


def _signal(rng: np.random.Generator, bars: int) -> np.ndarray:
    signal = rng.standard_normal(bars)
    for bar in range(1, bars):
        signal[bar] = LINGERS * signal[bar - 1] + np.sqrt(1.0 - LINGERS**2) * signal[bar]
    return signal


def _market(rng: np.random.Generator) -> tuple[MinuteGrid, np.ndarray]:
    """A market that drifts along the signal (bars,) from the bar on at whose close it is known."""
    signal = _signal(rng, DAYS * 1440 // BAR)
    grid = random_grid(rng, DAYS)
    drift = np.concatenate([np.zeros(BAR), signal.repeat(BAR)[:-BAR]]) * DRIFT
    after = np.exp(np.cumsum(drift))
    before = np.concatenate([[1.0], after[:-1]])
    prices = {"open": grid.open * before, "close": grid.close * after}
    wicks = {"high": grid.high / np.maximum(grid.open, grid.close), "low": grid.low / np.minimum(grid.open, grid.close)}
    prices["high"] = np.maximum(prices["open"], prices["close"]) * wicks["high"]
    prices["low"] = np.minimum(prices["open"], prices["close"]) * wicks["low"]
    rest = {name: getattr(grid, name) for name in ("volume", "quote_volume", "trades", "taker_buy_volume", "present")}
    return MinuteGrid(start=grid.start, **prices, **rest), signal


def _entries(rng: np.random.Generator, unknown: np.ndarray | None = None) -> tuple[Entries, pl.DataFrame, pl.DataFrame]:
    """The trades of the policy, all of its decisions, and what each bar would have brought."""
    simulation, position = SETTINGS.simulation, SETTINGS.decision.position_gbp
    grid, signal = _market(rng)
    as_of = pl.Series("as_of", grid.known_at[BAR - 1 :: BAR]).dt.replace_time_zone("UTC")
    bars = pl.DataFrame({"as_of": as_of, "spread_bps": np.full(len(as_of), 2.0)})
    nobody_knows = np.zeros(len(grid), np.bool_) if unknown is None else unknown
    market = TradeMarket.of(grid, bars, None, Costs.of(simulation), simulation, position)
    outcomes = outcome_frame(market, nobody_knows)
    side = pl.Series(np.where(signal > 0.0, 1, -1), dtype=pl.Int8)
    decisions = random_decisions(rng, as_of, TRADED).with_columns(
        side=side, refused_by=pl.when("accepted").then(pl.lit("")).otherwise(pl.lit("gate"))
    )
    taken = decisions.filter("accepted").join(outcomes, on=["as_of", "side"], maintain_order="left")
    return Entries(taken, market, simulation, nobody_knows), decisions, outcomes


def _replayer(entries: Entries, decisions: pl.DataFrame) -> Replayer:
    """The whole ledger; its limits never stop it, for what stops for good has no long run."""
    limits = SETTINGS.decision.model_copy(update={"max_drawdown_bps": 1e9, "max_daily_loss_bps": 1e9})
    return Replayer(decisions.filter("accepted"), entries, limits, FIRST, FIRST + timedelta(days=DAYS - 1))


def _conclude(rows: Sequence[Row]) -> Row:
    told = {name: np.array([row["told"][name] for row in rows], np.float64) for name in rows[0]["told"]}
    covered: dict[str, float] = {}
    for name, figures in told.items():
        mean, low, high = figures.T
        others = (mean.sum() - mean) / (len(mean) - 1)
        covered[name] = float(np.mean((low <= others) & (others <= high)))
    covered["another policy, by the log"] = float(np.mean([row["log_covered"] for row in rows]))
    silent = all(row["no_overlap_silent"] and row["unknown_silent"] for row in rows)
    low, high = BOUNDS
    return {
        "covered": {name: round(share, 4) for name, share in covered.items()},
        "error": round(float(np.sqrt(0.95 * 0.05 / len(rows))), 4),
        "never_a_number_without_overlap_or_minutes": silent,
        "ok": silent and all(low <= share <= high for share in covered.values()),
    }


@experiment(
    question="Do the 95 % intervals of regrets, gates and off-policy estimates cover the truth in 93 to 97 % of cases?",
    seeds=SEEDS,
    conclude=_conclude,
)
def counterfactual_coverage(seed: int) -> Row:
    """Every interval of one market; and two questions that have no answer."""
    rng = np.random.default_rng([seed, 1])
    entries, decisions, outcomes = _entries(rng)
    told: dict[str, Any] = {
        line.alternative: (line.regret_bps, line.low_bps, line.high_bps) for line in regrets(entries, ASKED)
    }
    told |= {
        f"whole ledger, {line.alternative}": (line.gain_bps, line.low_bps, line.high_bps)
        for line in sequels(_replayer(entries, decisions), ASKED_BLIND)
    }
    fills = fill_record(entries.sent, ASKED)
    told["whom a limit fills"] = (fills.selection_bps, fills.low_bps, fills.high_bps)
    (gate,) = missed_trades(decisions, outcomes, SETTINGS.analysts)
    told["a gate's record"] = (gate.net_bps, gate.low_bps, gate.high_bps)
    bandit = Bandit.draw(rng)
    answer = off_policy(bandit.log, bandit.target, SETTINGS.analysts)
    assert answer.low_bps is not None
    assert answer.high_bps is not None
    opposite = Bandit.draw(rng, explores=False)
    holes = np.zeros(len(entries.unknown), np.bool_)
    holes[::150] = True
    return {
        "trades": entries.trades.height,
        "told": told,
        "log_covered": bool(answer.low_bps <= bandit.truth <= answer.high_bps),
        "no_overlap_silent": off_policy(opposite.log, opposite.target, SETTINGS.analysts).reward_bps is None,
        "unknown_silent": all(
            line.regret_bps is None for line in regrets(replace(entries, unknown=holes), ASKED_BLIND)
        ),
    }
