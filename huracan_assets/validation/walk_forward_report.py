"""The out-of-sample record of tonight's policy, and an audit of how it came about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from huracan_assets.learning.calibration_error import CalibrationFigures, calibration_figures, figures_by_regime
from huracan_assets.settings import ValidationSettings
from huracan_assets.validation.bootstrap import drawdown_quantile, sharpe_interval
from huracan_assets.validation.drawdown import trade_drawdown
from huracan_assets.validation.sharpe import (
    annual_sharpe,
    annual_volatility,
    annualised,
    deflated_sharpe,
    longest_losing_run,
    losing_run_bound,
    min_track_record_length,
    moments,
    profit_factor,
)

Floats = NDArray[np.float64]


class WalkForwardReport(BaseModel):
    """Figures over the traded out-of-sample segments, net of all costs; None where there is nothing to measure."""

    model_config = ConfigDict(frozen=True)
    days: int
    trades: int
    sharpe: float | None
    sharpe_95: tuple[float, float] | None  # annualised, as `sharpe`
    track_record_days: float | None  # after which this Sharpe ratio would be above 0 beyond doubt
    deflated_sharpe: float | None
    trials: int
    win_rate: float | None
    profit_factor: float | None
    annual_volatility: float | None
    max_drawdown: float | None  # trade by trade, open trades at their worst
    drawdown_95: float | None  # of the days' returns
    longest_losing_run: int | None
    losing_run_95: int
    mean_net_bps: float | None
    mean_cost_bps: float | None
    brier: float | None
    brier_base_rate: float
    ece: float | None
    calibration_n_eff: float
    calibration_by_regime: tuple[CalibrationFigures, ...]  # rare regimes pooled
    by_regime: dict[str, dict[str, float]]
    refusals: dict[str, int]
    daily: tuple[tuple[date, float], ...]


@dataclass(frozen=True)
class Forecasts:
    """Calibrated probabilities of every out-of-sample bar and side, and what came true, (m,) each."""

    probability: Floats
    won: Floats
    uniqueness: Floats
    regime: NDArray[np.str_]


def walk_forward_report(
    ledger: pl.DataFrame,
    daily_returns: pl.DataFrame,
    forecasts: Forecasts,
    refusals: dict[str, int],
    trials: int,
    trial_sharpes: Sequence[float],
    position_gbp: float,
    settings: ValidationSettings,
    seed: int,
) -> WalkForwardReport:
    """Measure a ledger.

    Args:
        ledger: trades in order; drawdowns are fractions of `position_gbp`.
        daily_returns: `day`, `net_return` of each out-of-sample day, a fraction; days without a trade are 0.
        trials: all trials recorded for the symbol, killed and failed ones included.
        trial_sharpes: per-day Sharpe ratios of those that have one.
    """
    net, daily = ledger["net_bps"].to_numpy(), daily_returns["net_return"].to_numpy()
    traded = len(net) > 1 and float(daily.std()) > 0.0
    win_rate = float((net > 0).mean()) if len(net) else None
    said = (forecasts.probability, forecasts.won, forecasts.uniqueness, forecasts.regime)
    calibration = calibration_figures(*said)
    return WalkForwardReport(
        days=len(daily),
        trades=len(net),
        sharpe=annual_sharpe(daily) if traded else None,
        sharpe_95=_annual_interval(daily, settings, seed) if traded else None,
        track_record_days=_finite(min_track_record_length(moments(daily))) if traded else None,
        deflated_sharpe=deflated_sharpe(moments(daily), trials, trial_sharpes) if traded else None,
        trials=trials,
        win_rate=win_rate,
        profit_factor=_finite(profit_factor(ledger["pnl_gbp"].to_numpy())) if len(net) else None,
        annual_volatility=annual_volatility(daily) if traded else None,
        max_drawdown=trade_drawdown(ledger, position_gbp) if traded else None,
        drawdown_95=_drawdown_95(daily, settings, seed) if traded else None,
        longest_losing_run=longest_losing_run(net) if len(net) else None,
        losing_run_95=losing_run_bound(win_rate, len(net)) if win_rate else 0,
        mean_net_bps=float(net.mean()) if len(net) else None,
        mean_cost_bps=float(ledger["cost_bps"].to_numpy().mean()) if len(net) else None,
        brier=calibration.brier,
        brier_base_rate=calibration.base_rate_brier,
        ece=calibration.ece,
        calibration_n_eff=calibration.n_eff,
        calibration_by_regime=figures_by_regime(*said, settings.regime_labels_min),
        by_regime=_by_regime(ledger),
        refusals=refusals,
        daily=tuple(daily_returns.select("day", "net_return").iter_rows()),
    )


def _drawdown_95(daily: Floats, settings: ValidationSettings, seed: int) -> float:
    rng = np.random.default_rng([seed, 1])
    return drawdown_quantile(daily, settings.bootstrap_block_days, settings.bootstrap_paths, rng)


def _annual_interval(daily: Floats, settings: ValidationSettings, seed: int) -> tuple[float, float]:
    rng = np.random.default_rng([seed, 2])
    low, high = sharpe_interval(daily, settings.bootstrap_block_days, settings.bootstrap_paths, rng)
    return annualised(low), annualised(high)


def _finite(value: float) -> float | None:
    # A ledger without a loss has no profit factor that could be compared, a Sharpe below 0 is never proven above it.
    return value if np.isfinite(value) else None


def _by_regime(ledger: pl.DataFrame) -> dict[str, dict[str, float]]:
    table = ledger.group_by("regime").agg(
        pl.len().cast(pl.Float64).alias("trades"),
        (pl.col("net_bps") > 0).mean().alias("win_rate"),
        pl.col("net_bps").mean().alias("mean_net_bps"),
    )
    return {row.pop("regime"): row for row in table.sort("regime").iter_rows(named=True)}
