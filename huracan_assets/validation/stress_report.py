"""Eight stress scenarios: how does the Brain trade when costs, fills or candles are not those of the record?

A scenario changes the candles, the bars, the costs or the delays; the Brain then trades through the one simulator. The
pattern memory is asked about the recorded bars alone: in every world it answers at a bar what it answered there in the
record, and at a bar that the record lacks, nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from huracan_assets.decision.brain import Brain
from huracan_assets.engines.consensus import ENGINES, alpha_signals, consensus
from huracan_assets.guards.data_quality import Evidence, quality
from huracan_assets.memory.recall import recalled_at
from huracan_assets.regimes.regimes import classify
from huracan_assets.settings import Settings
from huracan_assets.shadow.ledger import Traded
from huracan_assets.shadow.replay import Stretch, replay
from huracan_assets.simulation.costs import Costs
from huracan_assets.validation import stress_scenarios as worlds
from huracan_assets.validation.drawdown import trade_drawdown
from huracan_assets.validation.risk_rules import broken_rules

MISSED_FILLS = 0.2  # probability of a fill in scenario 5
# Refusals, by name, with which a Brain that stops trading answers what a scenario does.
UNSURE = ("no_side", "meta_label", "cost", "agreement")
DEARER = ("cost", "spread", "below_minimum")
WILDER = (*UNSURE, "spread", "volatility", "panic")


class StressResult(BaseModel):
    """One scenario.

    `sound`: no rule of risk was broken, and where nothing was traded the scenario explains it; for the data attack,
    that it ended in quarantine. `detail` says what is not.
    """

    model_config = ConfigDict(frozen=True)
    scenario: str
    trades: int
    net_bps: float
    drawdown: float
    sound: bool
    detail: str


class StressReport(BaseModel):
    """All scenarios over the newest out-of-sample days."""

    model_config = ConfigDict(frozen=True)
    days: int
    unstressed_trades: int
    results: tuple[StressResult, ...]

    def is_evidence(self) -> bool:
        """Whether all eight scenarios ran, and something was traded: who never trades stands any world."""
        complete = tuple(result.scenario for result in self.results) == tuple(SCENARIOS)
        return complete and self.unstressed_trades + sum(result.trades for result in self.results) > 0

    def worst(self) -> StressResult | None:
        """The deepest drawdown of all; None unless they are evidence."""
        return max(self.results, key=lambda result: unknown_first(result.drawdown)) if self.is_evidence() else None


def unknown_first(figure: float) -> tuple[bool, float]:
    """A key by which the largest figure is the worst, and one that is no number worse than all."""
    return bool(np.isnan(figure)), figure


@dataclass(frozen=True)
class Subject:
    """The Brain under stress, its stretch of candles, that stretch's own bars and what the memory answers at them."""

    brain: Brain
    stretch: Stretch
    bars: pl.DataFrame
    recalled: pl.DataFrame  # columns of `RECALL_SCHEMA`
    settings: Settings
    costs: Costs
    seed: int

    @cached_property
    def unstressed(self) -> Traded:
        """What is traded in the world as it was."""
        return self._replay(self.stretch, self.bars, self.settings, self.costs)

    def _replay(self, stretch: Stretch, bars: pl.DataFrame, settings: Settings, costs: Costs) -> Traded:
        recalled = recalled_at(self.recalled, bars["as_of"])
        return replay(self.brain, stretch, settings, costs, bars=bars, recalled=recalled)

    def run(
        self,
        scenario: str,
        detail: str,
        *,
        stretch: Stretch | None = None,
        bars: pl.DataFrame | None = None,
        costs: Costs | None = None,
        settings: Settings | None = None,
        silenced_by: Sequence[str] = (),
    ) -> StressResult:
        """Trade one changed world. With other candles the bars are computed from them.

        Args:
            silenced_by: refusals by which this world may end all trading; where none of them grows, it has not.
        """
        if bars is None:
            bars = self.bars if stretch is None else stretch.bars(self.settings.decision_minutes)
        traded = self._replay(stretch or self.stretch, bars, settings or self.settings, costs or self.costs)
        return self.measure(scenario, detail, traded, silenced_by)

    def measure(self, scenario: str, detail: str, traded: Traded, silenced_by: Sequence[str] = ()) -> StressResult:
        """Drawdown of what was traded, and whether the limits of the settings were kept."""
        limits, ledger = self.settings.decision, traded.ledger
        drawdown = trade_drawdown(ledger, limits.position_gbp)
        faults = broken_rules(ledger, limits)
        missing = 0 if ledger.height else self.unstressed.ledger.height
        if missing:
            before, now = self.unstressed.refusals, traded.refusals
            grown = [name for name in silenced_by if now.get(name, 0) > before.get(name, 0)]
            detail = f"{detail}; no trade in place of {missing}, by {', '.join(grown) or 'nothing that it explains'}"
            faults += [] if grown else ["no evidence"]
        return StressResult(
            scenario=scenario,
            trades=ledger.height,
            net_bps=1e4 * float(ledger["pnl_gbp"].sum()) / limits.position_gbp,
            drawdown=drawdown,
            sound=not faults and bool(np.isfinite(drawdown)),
            detail="; ".join([detail, *faults]),
        )


def stress_report(subject: Subject) -> StressReport:
    """Run all eight; an exception in one is the night's failure, not a passed scenario."""
    return StressReport(
        days=len(subject.stretch.days),
        unstressed_trades=subject.unstressed.ledger.height,
        results=tuple(run(subject, name) for name, run in SCENARIOS.items()),
    )


def _worst(results: list[StressResult]) -> StressResult:
    return max(results, key=lambda result: (not result.sound, result.drawdown))


def _crisis(subject: Subject, name: str) -> StressResult:
    results = []
    for shape in worlds.CRISES:
        candles = worlds.crash(subject.stretch.candles, subject.stretch.days, shape)
        detail = f"{shape.name}: {shape.fall:.0%} within {shape.fall_minutes} minutes, volatility x{shape.volatility:g}"
        world = worlds.with_candles(subject.stretch, candles)
        results.append(subject.run(name, detail, stretch=world, silenced_by=WILDER))
    return _worst(results)


def _bootstrap(subject: Subject, name: str) -> StressResult:
    rng = np.random.default_rng([subject.seed, 2])
    candles = worlds.block_bootstrap(subject.stretch.candles, rng)
    return subject.run(name, "blocks of 12 hours, reordered", stretch=worlds.with_candles(subject.stretch, candles))


def _noise(subject: Subject, name: str) -> StressResult:
    rng = np.random.default_rng([subject.seed, 3])
    candles = worlds.candle_noise(subject.stretch.candles, rng)
    world = worlds.with_candles(subject.stretch, candles)
    return subject.run(name, "prices off by 2 bps (1 sigma)", stretch=world, silenced_by=WILDER)


def _liquidity(subject: Subject, name: str) -> StressResult:
    costs = subject.costs.shocked(spread=5.0, depth=0.2, impact=3.0)
    return subject.run(name, "spread x5, depth /5, impact x3", costs=costs, silenced_by=DEARER)


def _latency(subject: Subject, name: str) -> StressResult:
    results = []
    for late in (1, 5):
        simulation = subject.settings.simulation
        worse = {"latency_minutes": simulation.latency_minutes + late, "fill_probability": MISSED_FILLS}
        settings = subject.settings.model_copy(update={"simulation": simulation.model_copy(update=worse)})
        detail = f"{late} bars later, 1 of 5 orders filled"
        results.append(subject.run(name, detail, settings=settings, silenced_by=("missed",)))
    return _worst(results)


def _data_attack(subject: Subject, name: str) -> StressResult:
    day = subject.stretch.days[-1]
    guards, market = subject.settings.guards, subject.settings.market
    of_day = subject.stretch.candles.filter(pl.col("ts").dt.date() == day)
    attacks: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = worlds.ATTACKS
    missed = [
        attack
        for attack, change in attacks.items()
        if not quality(Evidence(change(of_day)), [day], guards, market.max_unknown_minutes)[0].quarantined
    ]
    detail = f"not quarantined: {', '.join(missed)}" if missed else f"all quarantined: {', '.join(attacks)}"
    return StressResult(scenario=name, trades=0, net_bps=0.0, drawdown=0.0, sound=not missed, detail=detail)


def _fees(subject: Subject, name: str) -> StressResult:
    return _worst(
        [
            subject.run(name, f"fees x{times:g}", costs=subject.costs.with_fees(times), silenced_by=DEARER)
            for times in (2.0, 5.0)
        ]
    )


def _blackout(subject: Subject, name: str) -> StressResult:
    flipped = worlds.flipped(subject.stretch.candles, subject.stretch.days)
    results = [subject.run(name, "returns change sign halfway", stretch=worlds.with_candles(subject.stretch, flipped))]
    for family, names in worlds.families(subject.brain.names).items():
        dark = subject.bars.with_columns(pl.lit(None, pl.Float32).alias(feature) for feature in names)
        results.append(subject.run(name, f"without the {family} features", bars=dark, silenced_by=WILDER))
    worst = _worst(results)
    if _clone_is_heard_once(subject.bars):
        return worst
    return worst.model_copy(update={"sound": False, "detail": "an engine entered twice is heard twice"})


def _clone_is_heard_once(bars: pl.DataFrame) -> bool:
    """Whether the engines' consensus stays as it is, to the bit, when one of them is entered twice."""
    regimes = classify(bars)
    twice = (*ENGINES, replace(ENGINES[0], name=f"{ENGINES[0].name} again"))
    once, doubled = (consensus(alpha_signals(bars, regimes, engines))["vote"] for engines in (ENGINES, twice))
    return once.equals(doubled)


SCENARIOS: dict[str, Callable[[Subject, str], StressResult]] = {
    "1 historical crisis": _crisis,
    "2 bootstrapped returns": _bootstrap,
    "3 candle noise": _noise,
    "4 liquidity shock": _liquidity,
    "5 latency and missed fills": _latency,
    "6 data-feed attack": _data_attack,
    "7 fee shock": _fees,
    "8 regime flip and blackout": _blackout,
}
