"""Evidence that passes every gate, for tests that move one figure at a time."""

from __future__ import annotations

from datetime import date
from typing import Any

from huracan_assets.gates.seven_gates import Evidence, FeatureDrift, LiveEvidence
from huracan_assets.learning.calibration_error import CalibrationFigures
from huracan_assets.learning.ppo_seeds import SeedReport
from huracan_assets.settings import GateSettings, read_settings
from huracan_assets.validation.permutation_report import PermutationReport
from huracan_assets.validation.stress_report import SCENARIOS, StressReport, StressResult
from huracan_assets.validation.walk_forward_report import WalkForwardReport

DAY = date(2026, 1, 1)


def bounds(**changes: Any) -> GateSettings:
    """The settings' own bounds, some changed."""
    return read_settings("local").gates.model_copy(update=changes)


def record(**changes: Any) -> WalkForwardReport:
    """A walk-forward record that passes."""
    figures: dict[str, Any] = {
        "days": 105,
        "trades": 400,
        "sharpe": 3.0,
        "sharpe_95": (1.4, 4.6),
        "track_record_days": 110.0,
        "deflated_sharpe": 0.99,
        "trials": 4,
        "win_rate": 0.6,
        "profit_factor": 2.0,
        "annual_volatility": 0.1,
        "max_drawdown": 0.02,
        "drawdown_95": 0.05,
        "longest_losing_run": 4,
        "losing_run_95": 6,
        "mean_net_bps": 8.0,
        "mean_cost_bps": 12.0,
        "brier": 0.2,
        "brier_base_rate": 0.24,
        "ece": 0.02,
        "calibration_n_eff": 900.0,
        "calibration_by_regime": (regime_ece(0.03, "RANGE"), regime_ece(0.01, "PANIC", "TREND")),
        "by_regime": {},
        "refusals": {},
        "daily": (),
    }
    return WalkForwardReport(**{**figures, **changes})


def regime_ece(ece: float, *regimes: str) -> CalibrationFigures:
    """The calibration of some regimes."""
    return CalibrationFigures(regimes=regimes, n_eff=450.0, brier=0.2, base_rate_brier=0.24, ece=ece)


def chance(**changes: Any) -> PermutationReport:
    """A permutation test that passes."""
    figures: dict[str, Any] = {
        "p_value": 0.001,
        "observed_bps": 3200.0,
        "shifts": 9000,
        "n_eff": 400.0,
        "null_quantiles": {},
        "null_histogram": (),
    }
    return PermutationReport(**{**figures, **changes})


def seeds(*net_bps: float) -> SeedReport:
    """What each PPO agent earned in one segment, unseen."""
    tests = [{"fold": 1.0, "seed": float(seed), "net_bps": net} for seed, net in enumerate(net_bps)]
    return SeedReport.of(range(len(net_bps)), tests, 0.7)


def scenario(name: str, **changes: Any) -> StressResult:
    """A scenario that is survived."""
    figures: dict[str, Any] = {
        "trades": 9,
        "net_bps": -20.0,
        "drawdown": 0.03,
        "sound": True,
        "detail": "calm",
    }
    return StressResult(scenario=name, **{**figures, **changes})


def stress(**last: Any) -> StressReport:
    """Eight survived scenarios; `last` changes the eighth."""
    *others, eighth = SCENARIOS
    quiet = [scenario(name) for name in others]
    return StressReport(days=30, unstressed_trades=9, results=(*quiet, scenario(eighth, **last)))


def live(**changes: Any) -> LiveEvidence:
    """A champion that holds what it promised."""
    figures: dict[str, Any] = {
        "champion": "version 3 of 2025-12-01",
        "note": "120 days that it had never seen",
        "days": 120,
        "sharpe": 2.0,
        "sharpe_upper": 6.0,
        "backtest_sharpe": 3.0,
    }
    return LiveEvidence(**{**figures, **changes})


def evidence(**changes: Any) -> Evidence:
    """Everything passes, but for `changes`."""
    parts: dict[str, Any] = {
        "judged": {},
        "walk_forward": record(),
        "seeds": seeds(120.0, 80.0, -30.0, 200.0, 90.0),
        "permutation": chance(),
        "stress": stress(),
        "leakage_findings": (),
        "leakage_checks": 5,
        "planted_leaks": 11,
        "missed_leaks": (),
        "critical_drift": (
            FeatureDrift(feature="rsi", psi=0.02, psi_threshold=0.1),
            FeatureDrift(feature="adx", psi=0.05, psi_threshold=0.1),
        ),
        "live": live(),
    }
    return Evidence(**{**parts, **changes})
