"""The seven gates as pure rules over the night's evidence. All figures are out of sample and net of costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

import polars as pl
from pydantic import BaseModel, ConfigDict

from huracan_assets.gates.verdict import GATES, Direction, GateVerdict, Line
from huracan_assets.learning.ppo_seeds import SeedReport
from huracan_assets.settings import GateSettings
from huracan_assets.validation.permutation_report import PermutationReport
from huracan_assets.validation.stress_report import StressReport, unknown_first
from huracan_assets.validation.walk_forward_report import WalkForwardReport


class FeatureDrift(BaseModel):
    """Drift of one critical feature, and the threshold from its own null."""

    model_config = ConfigDict(frozen=True)
    feature: str
    psi: float
    psi_threshold: float

    @property
    def over_threshold(self) -> float:
        """PSI over its threshold."""
        return self.psi / self.psi_threshold


class LiveEvidence(BaseModel):
    """The champion's forward trades since its registration; `days` 0 where there is no champion."""

    model_config = ConfigDict(frozen=True)
    champion: str | None
    note: str
    days: int
    sharpe: float | None
    sharpe_upper: float | None
    backtest_sharpe: float | None


class Evidence(BaseModel):
    """All that the gates look at; `judged` are the content hashes of what it was taken from."""

    model_config = ConfigDict(frozen=True)
    judged: dict[str, str]
    walk_forward: WalkForwardReport
    seeds: SeedReport
    permutation: PermutationReport
    stress: StressReport
    leakage_findings: tuple[str, ...]
    leakage_checks: int
    planted_leaks: int
    missed_leaks: tuple[str, ...]
    critical_drift: tuple[FeatureDrift, ...]
    live: LiveEvidence


def judge(symbol: str, day: date, evidence: Evidence, bounds: GateSettings) -> GateVerdict:
    """The verdict on tonight's model."""
    lines = [
        *_performance(evidence, bounds),
        *_risk(evidence.walk_forward, bounds),
        *_calibration(evidence.walk_forward, bounds),
        *_stress(evidence.stress, bounds),
        *_leakage(evidence),
        *_drift(evidence.critical_drift, bounds),
        *_live(evidence.live, bounds),
    ]
    return GateVerdict.of(symbol, day, lines, bounds, evidence.judged)


def critical_features(importance: Sequence[tuple[str, float]], share: float) -> list[str]:
    """The fewest features that together carry `share` of the models' weight, most important first."""
    total = sum(value for _, value in importance)
    chosen: list[str] = []
    carried = 0.0
    for name, value in sorted(importance, key=lambda item: (-item[1], item[0])):
        if carried >= share * total:
            break
        chosen.append(name)
        carried += value
    return chosen


def critical_drift(report: pl.DataFrame, critical: Sequence[str]) -> tuple[FeatureDrift, ...]:
    """The drift of each critical feature, in order; one that the report lacks is unknown, and fails its gate.

    Args:
        report: at least `feature`, `psi`, `psi_threshold`.
    """
    rows = report.select("feature", "psi", "psi_threshold").iter_rows()
    known = {name: (psi, threshold) for name, psi, threshold in rows}
    unknown = (math.nan, math.nan)
    found = ((name, *known.get(name, unknown)) for name in critical)
    return tuple(FeatureDrift(feature=name, psi=psi, psi_threshold=threshold) for name, psi, threshold in found)


def _line(
    gate: int,
    name: str,
    figure: float | None,
    direction: Direction,
    bound: float,
    n_eff: float | None,
    sentence: str,
) -> Line:
    return Line(
        gate=GATES[gate - 1],
        figure_name=name,
        figure=figure,
        bound=bound,
        direction=direction,
        n_eff=n_eff,
        sentence=sentence if figure is not None else f"no evidence: {sentence}",
    )


def _performance(evidence: Evidence, bounds: GateSettings) -> list[Line]:
    report, permutation, seeds = evidence.walk_forward, evidence.permutation, evidence.seeds
    spread, earning = seeds.traded, sum(net > 0.0 for net in seeds.traded.net_bps)
    days, trades = float(report.days), float(report.trades)
    return [
        _line(1, "Sharpe, annualised", report.sharpe, "above", bounds.sharpe_min, days,
              f"{report.days} out-of-sample days"),
        _line(1, "win rate", report.win_rate, "above", bounds.win_rate_min, trades, f"{report.trades} trades"),
        _line(1, "profit factor", report.profit_factor, "above", bounds.profit_factor_min, trades,
              "what was won over what was lost, net"),
        _line(1, "trades", trades, "above", bounds.trades_min, trades, "the fewest that can be judged"),
        _line(1, "deflated Sharpe", report.deflated_sharpe, "above", bounds.deflated_sharpe_min, days,
              f"probability of skill after {report.trials} recorded trials of this symbol"),
        _line(1, "permutation p", permutation.p_value, "below", bounds.permutation_p_max, permutation.n_eff,
              f"share of {permutation.shifts} circular shifts of the same trades that earned as much"),
        _line(1, "PPO seeds that earn", seeds.earning, "above", bounds.seeds_earning_min, float(len(seeds.seeds)),
              f"after costs, on the unseen segments that are traded, where staying flat is no earning; {earning} of "
              f"{len(seeds.seeds)} did: {spread.low_bps:.0f} to {spread.high_bps:.0f} bps, IQM {spread.iqm_bps:.0f}"),
    ]  # fmt: skip


def _risk(report: WalkForwardReport, bounds: GateSettings) -> list[Line]:
    days, trades = float(report.days), float(report.trades)
    return [
        _line(2, "maximum drawdown", report.max_drawdown, "below", bounds.drawdown_max, days,
              "trade by trade, each at its worst while it was open"),
        _line(2, "drawdown, 95 % of paths", report.drawdown_95, "below", bounds.drawdown_max, days,
              "block bootstrap of the daily returns, which net what a day lost and won"),
        _line(2, "volatility, annualised", report.annual_volatility, "below", bounds.volatility_max, days,
              "of daily returns"),
        _line(2, "longest losing run", report.longest_losing_run, "below",
              report.losing_run_95 + bounds.excess_losing_run_max, trades,
              f"chance alone explains {report.losing_run_95} at this win rate (95 %)"),
    ]  # fmt: skip


def _calibration(report: WalkForwardReport, bounds: GateSettings) -> list[Line]:
    worst = max(report.calibration_by_regime, key=lambda figures: unknown_first(figures.ece), default=None)
    return [
        _line(3, "Brier score", report.brier, "below", bounds.brier_max, report.calibration_n_eff,
              f"the base rate alone scores {report.brier_base_rate:.4f}"),
        _line(3, "ECE, debiased", report.ece, "below", bounds.ece_max, report.calibration_n_eff,
              "calibrated probabilities against outcomes, out of sample"),
        _line(3, "ECE, worst regime", worst.ece if worst else None, "below", bounds.ece_max,
              worst.n_eff if worst else None,
              f"{' and '.join(worst.regimes)}, rare regimes pooled" if worst else "no regime was judged"),
    ]  # fmt: skip


def _stress(report: StressReport, bounds: GateSettings) -> list[Line]:
    worst = report.worst()
    limit = bounds.stress_drawdown_multiple * bounds.drawdown_max
    broken = [f"{result.scenario} ({result.detail})" for result in report.results if not result.sound]
    kept = "no rule broken, nothing crashed, the data attack was quarantined"
    silent = "not all eight ran, or nothing was traded in any world"
    return [
        _line(4, "drawdown, worst of eight", worst.drawdown if worst else None, "below", limit, float(report.days),
              f"worst scenario: {worst.scenario}" if worst else silent),
        _line(4, "scenarios unsound", float(len(broken)) if report.is_evidence() else None, "below", 1.0, None,
              ", ".join(broken) or (kept if worst else silent)),
    ]  # fmt: skip


def _leakage(evidence: Evidence) -> list[Line]:
    findings = evidence.leakage_findings
    ran = evidence.leakage_checks == 5
    sentence = "; ".join(findings[:3]) if findings else "five checks, nothing found"
    planted, missed = evidence.planted_leaks, evidence.missed_leaks
    tried = f"missed: {', '.join(missed)}" if missed else f"all {planted} leaks planted tonight were found"
    return [
        _line(5, "findings", float(len(findings)) if ran else None, "below", 1.0, None, sentence),
        _line(5, "planted leaks missed", float(len(missed)) if planted else None, "below", 1.0, float(planted), tried),
    ]


def _drift(critical: Sequence[FeatureDrift], bounds: GateSettings) -> list[Line]:
    if not critical:
        return [_line(6, "PSI, worst critical feature", None, "below", bounds.psi_max, None, "no critical feature")]
    worst = max(critical, key=lambda item: unknown_first(item.psi))
    unusual = max(critical, key=lambda item: unknown_first(item.over_threshold))
    return [
        _line(6, "PSI, worst critical feature", worst.psi, "below", bounds.psi_max, None,
              f"{worst.feature}, of {len(critical)} that carry {bounds.critical_gain_share:.0%} of the gain"),
        _line(6, "PSI over its threshold", unusual.over_threshold, "below", 1.0, None,
              f"{unusual.feature} against the threshold of its own block-bootstrap null"),
    ]  # fmt: skip


def _live(live: LiveEvidence, bounds: GateSettings) -> list[Line]:
    name, bound = "live over backtest Sharpe", bounds.live_sharpe_share_min
    if live.champion is None:
        return [
            Line(gate=GATES[6], figure_name=name, figure=None, bound=bound, direction="above", n_eff=0.0,
                 sentence=f"no live history, provisional: {live.note}", provisional=True)
        ]  # fmt: skip
    upper, point = _share(live.sharpe_upper, live), _share(live.sharpe, live)
    sentence = (
        f"{live.days} days of {live.champion}, point {_figure(point)}: Sharpe {_figure(live.sharpe)} live, "
        f"{_figure(live.backtest_sharpe)} promised"
    )
    line = _line(7, f"{name}, upper 95 %", upper, "above", bound, float(live.days), sentence)
    # Of few days the bound says little for the champion, and may yet say enough against it.
    held = line.passed or (upper is None and _share(0.0, live) is not None)
    if held and 0 < live.days < bounds.live_days_min:
        few = f"provisional, fewer than {bounds.live_days_min} days: {sentence}"
        line = line.model_copy(update={"sentence": few, "provisional": True})
    return [line]


def _share(sharpe: float | None, live: LiveEvidence) -> float | None:
    """A live Sharpe ratio over the promised one; None where either is unknown or nothing was promised."""
    promised = live.backtest_sharpe
    return None if sharpe is None or promised is None or promised <= 0.0 else sharpe / promised


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
