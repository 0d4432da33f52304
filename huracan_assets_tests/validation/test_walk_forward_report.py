"""The record of a small ledger, figure by figure, and of one that is empty."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from huracan_assets.resources.lake import canonical_json
from huracan_assets.settings import read_settings
from huracan_assets.shadow.ledger import LEDGER_SCHEMA, daily_returns
from huracan_assets.validation.sharpe import min_track_record_length, moments
from huracan_assets.validation.walk_forward_report import Forecasts, WalkForwardReport, walk_forward_report
from huracan_assets_tests.shadow.trades import ledger, row

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIRST, LAST = date(2026, 1, 1), date(2026, 1, 5)
NETS = [100.0, -50.0, -20.0, 60.0]  # one a day, none on the last
FORECASTS = Forecasts(
    probability=np.array([0.6, 0.4, 0.5, 0.5] * 10),
    won=np.array([1.0, 0.0, 1.0, 0.0] * 10),
    uniqueness=np.full(40, 0.5),
    regime=np.repeat(["RANGE", "TREND"], 20),
)


def trades() -> pl.DataFrame:
    rows = [row(BEGIN + timedelta(days=day), net) for day, net in enumerate(NETS)]
    rows[2]["regime"] = "RANGE"
    return ledger(*rows)


def report(of: pl.DataFrame, seed: int = 5, trials: int = 3) -> WalkForwardReport:
    daily = daily_returns(of, FIRST, LAST, 1000.0)
    sharpes = [0.1, 0.3]
    return walk_forward_report(
        of, daily, FORECASTS, {"cost": 7}, trials, sharpes, 1000.0, read_settings("local").validation, seed
    )


def test_each_figure_by_hand() -> None:
    found = report(trades())
    daily = np.array([0.01, -0.005, -0.002, 0.006, 0.0])
    assert [net for _, net in found.daily] == pytest.approx(daily.tolist())
    assert [day for day, _ in found.daily] == [FIRST + timedelta(days=d) for d in range(5)]
    assert (found.days, found.trades, found.trials, found.refusals) == (5, 4, 3, {"cost": 7})
    assert found.sharpe == pytest.approx(daily.mean() / daily.std(ddof=1) * np.sqrt(365))
    assert found.sharpe_95 is not None
    assert found.sharpe is not None
    assert found.sharpe_95[0] < found.sharpe < found.sharpe_95[1]
    assert found.track_record_days == pytest.approx(min_track_record_length(moments(daily)))
    assert found.annual_volatility == pytest.approx(daily.std(ddof=1) * np.sqrt(365))
    assert found.win_rate == 0.5
    assert found.profit_factor == pytest.approx(160 / 70)
    assert found.max_drawdown == pytest.approx(0.0082)  # before the last trade won it had paid its 12 bps
    assert found.longest_losing_run == 2
    assert found.losing_run_95 == 4  # P(no run of five) = 1, of four in four tosses 15/16 < 0.95
    assert found.mean_net_bps == pytest.approx(22.5)
    assert found.mean_cost_bps == pytest.approx(12.0)
    assert found.brier == pytest.approx((0.16 + 0.16 + 0.25 + 0.25) / 4)
    assert found.brier_base_rate == pytest.approx(0.25)
    assert found.calibration_n_eff == pytest.approx(20.0)
    (pooled,) = found.calibration_by_regime  # 20 labels are too few to part
    assert pooled.regimes == ("RANGE", "TREND")
    assert (pooled.n_eff, pooled.ece) == (found.calibration_n_eff, found.ece)
    assert found.by_regime == {
        "RANGE": {"trades": 1.0, "win_rate": 0.0, "mean_net_bps": -20.0},
        "TREND": {"trades": 3.0, "win_rate": pytest.approx(2 / 3), "mean_net_bps": pytest.approx(110 / 3)},
    }
    assert found.drawdown_95 is not None
    assert 0.0 < found.drawdown_95 <= 0.025


def test_more_trials_deflate_more() -> None:
    few, many = report(trades(), trials=2).deflated_sharpe, report(trades(), trials=200).deflated_sharpe
    assert few is not None
    assert many is not None
    assert 0.0 <= many < few <= 1.0


def test_the_same_seed_gives_the_same_report_and_another_one_other_paths_only() -> None:
    one, again, other = report(trades()), report(trades()), report(trades(), seed=6)
    assert one == again
    assert one.drawdown_95 != other.drawdown_95
    drawn = {"drawdown_95": other.drawdown_95, "sharpe_95": other.sharpe_95}
    assert one.model_copy(update=drawn) == other


def test_an_empty_ledger_has_no_figures_but_its_forecasts_are_judged() -> None:
    found = report(pl.DataFrame(schema=LEDGER_SCHEMA))
    measured = found.model_dump(
        include={
            "sharpe", "deflated_sharpe", "win_rate", "profit_factor", "annual_volatility", "max_drawdown",
            "drawdown_95", "longest_losing_run", "mean_net_bps", "mean_cost_bps", "sharpe_95", "track_record_days",
        }
    )  # fmt: skip
    assert len(measured) == 12
    assert set(measured.values()) == {None}
    assert (found.trades, found.days, found.losing_run_95, found.by_regime) == (0, 5, 0, {})
    assert found.brier == report(trades()).brier


def test_one_trade_is_no_record_of_risk() -> None:
    found = report(ledger(row(BEGIN, 30.0)))
    assert (found.trades, found.win_rate, found.longest_losing_run) == (1, 1.0, 0)
    assert found.sharpe is None
    assert found.max_drawdown is None


def test_only_gains_have_no_profit_factor_and_only_losses_have_0() -> None:
    gains = [row(BEGIN + timedelta(days=day), 10.0 + day) for day in range(4)]
    losses = [row(BEGIN + timedelta(days=day), -10.0 - day) for day in range(4)]
    assert report(ledger(*gains)).profit_factor is None
    assert report(ledger(*losses)).profit_factor == 0.0
    assert report(ledger(*losses)).longest_losing_run == 4


def test_a_report_read_back_from_json_is_the_same() -> None:
    for of in (trades(), pl.DataFrame(schema=LEDGER_SCHEMA)):
        assert WalkForwardReport.model_validate_json(canonical_json(report(of))) == report(of)
