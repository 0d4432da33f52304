"""Eight scenarios of gates.md: how does the Brain fare when the world is not as it was?

A scenario changes the candles, the bars, the costs or the delays; the Brain then trades through the one simulator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from huracan_assets.decision.brain import Brain
from huracan_assets.engines.consensus import ENGINES, alpha_signals, consensus
from huracan_assets.guards.data_quality import Evidence, quality
from huracan_assets.regimes.regimes import classify
from huracan_assets.settings import Settings
from huracan_assets.shadow.ledger import Traded, daily_returns
from huracan_assets.shadow.replay import Stretch, replay
from huracan_assets.simulation.costs import Costs
from huracan_assets.validation import stress_scenarios as worlds
from huracan_assets.validation.sharpe import max_drawdown

SCENARIOS = (
    "1 historical crisis",
    "2 bootstrapped returns",
    "3 candle noise",
    "4 liquidity shock",
    "5 latency and missed fills",
    "6 data-feed attack",
    "7 fee shock",
    "8 regime flip and blackout",
)


MISSED_FILLS = 0.2  # probability of a fill in scenario 5


class StressResult(BaseModel):
    """One scenario. `sound`: no rule of risk broken; for the data attack, that it ended in quarantine."""

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
    results: tuple[StressResult, ...]

    def is_complete(self) -> bool:
        """Whether all eight scenarios ran."""
        return tuple(result.scenario for result in self.results) == SCENARIOS

    def worst(self) -> StressResult | None:
        """The deepest drawdown of all; None unless all eight ran."""
        return max(self.results, key=lambda result: unknown_first(result.drawdown)) if self.is_complete() else None


def unknown_first(figure: float) -> tuple[bool, float]:
    """A key by which the largest figure is the worst, and one that is no number worse than all."""
    return bool(np.isnan(figure)), figure


@dataclass(frozen=True)
class Subject:
    """The Brain under stress, its stretch of candles and that stretch's own bars."""

    brain: Brain
    stretch: Stretch
    bars: pl.DataFrame
    settings: Settings
    costs: Costs
    seed: int

    def run(
        self,
        scenario: str,
        detail: str,
        *,
        stretch: Stretch | None = None,
        bars: pl.DataFrame | None = None,
        costs: Costs | None = None,
        settings: Settings | None = None,
    ) -> StressResult:
        """Trade one changed world. With other candles the bars are computed from them."""
        same = stretch is None
        traded = replay(
            self.brain,
            self.stretch if stretch is None else stretch,
            settings or self.settings,
            costs or self.costs,
            bars=(self.bars if bars is None else bars) if same else None,
        )
        return self.measure(scenario, detail, traded)

    def measure(self, scenario: str, detail: str, traded: Traded) -> StressResult:
        """Drawdown of what was traded."""
        limits = self.settings.decision
        ledger, days = traded.ledger, self.stretch.days
        daily = daily_returns(ledger, days[0], days[-1], limits.position_gbp)["net_return"].to_numpy()
        drawdown = max_drawdown(daily)
        overlapping = (ledger["as_of"] < ledger["exit_at"].shift(1)).sum()
        oversized = (ledger["size_gbp"] > limits.position_gbp).sum()
        return StressResult(
            scenario=scenario,
            trades=ledger.height,
            net_bps=1e4 * float(daily.sum()),
            drawdown=drawdown,
            sound=overlapping == 0 and oversized == 0 and bool(np.isfinite(drawdown)),
            detail=detail,
        )


def stress_report(subject: Subject) -> StressReport:
    """Run all eight; an exception in one is the night's failure, not a passed scenario."""
    return StressReport(
        days=len(subject.stretch.days),
        results=tuple(run(subject, name) for run, name in zip(RUNS, SCENARIOS, strict=True)),
    )


def _worst(results: list[StressResult]) -> StressResult:
    return max(results, key=lambda result: (not result.sound, result.drawdown))


def _crisis(subject: Subject, name: str) -> StressResult:
    results = []
    for shape in worlds.CRISES:
        candles = worlds.crash(subject.stretch.candles, subject.stretch.days, shape)
        detail = f"{shape.name}: {shape.fall:.0%} within {shape.fall_minutes} minutes, volatility x{shape.volatility:g}"
        results.append(subject.run(name, detail, stretch=worlds.with_candles(subject.stretch, candles)))
    return _worst(results)


def _bootstrap(subject: Subject, name: str) -> StressResult:
    rng = np.random.default_rng([subject.seed, 2])
    candles = worlds.block_bootstrap(subject.stretch.candles, rng)
    return subject.run(name, "blocks of 12 hours, reordered", stretch=worlds.with_candles(subject.stretch, candles))


def _noise(subject: Subject, name: str) -> StressResult:
    rng = np.random.default_rng([subject.seed, 3])
    candles = worlds.candle_noise(subject.stretch.candles, rng)
    return subject.run(name, "prices off by 2 bps (1 sigma)", stretch=worlds.with_candles(subject.stretch, candles))


def _liquidity(subject: Subject, name: str) -> StressResult:
    return subject.run(
        name, "spread x5, depth /5, impact x3", costs=subject.costs.shocked(spread=5.0, depth=0.2, impact=3.0)
    )


def _latency(subject: Subject, name: str) -> StressResult:
    results = []
    for late in (1, 5):
        simulation = subject.settings.simulation
        worse = {"latency_minutes": simulation.latency_minutes + late, "fill_probability": MISSED_FILLS}
        settings = subject.settings.model_copy(update={"simulation": simulation.model_copy(update=worse)})
        results.append(subject.run(name, f"{late} bars later, 1 of 5 orders filled", settings=settings))
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
    return _worst([subject.run(name, f"fees x{times:g}", costs=subject.costs.with_fees(times)) for times in (2.0, 5.0)])


def _blackout(subject: Subject, name: str) -> StressResult:
    flipped = worlds.flipped(subject.stretch.candles, subject.stretch.days)
    results = [subject.run(name, "returns change sign halfway", stretch=worlds.with_candles(subject.stretch, flipped))]
    for family, names in worlds.families(subject.brain.names).items():
        dark = subject.bars.with_columns(pl.lit(None, pl.Float32).alias(feature) for feature in names)
        results.append(subject.run(name, f"without the {family} features", bars=dark))
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


RUNS = (_crisis, _bootstrap, _noise, _liquidity, _latency, _data_attack, _fees, _blackout)
