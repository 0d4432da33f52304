"""Every line of every gate: it passes on the good side of its bound, not on it, not without evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.gates.seven_gates import (
    Evidence,
    FeatureDrift,
    critical_drift,
    critical_features,
    judge,
)
from huracan_assets.gates.verdict import GATES, GateVerdict
from huracan_assets.resources.lake import canonical_json
from huracan_assets.validation.stress_report import SCENARIOS, StressReport
from huracan_assets_tests.gates.evidence import (
    DAY,
    bounds,
    chance,
    evidence,
    live,
    record,
    regime_ece,
    scenario,
    seeds,
    stress,
)

BOUNDS = bounds()
LIVE = "live over backtest Sharpe, upper 95 %"
STEP = 1e-6


def verdict(given_: Evidence) -> GateVerdict:
    return judge("ETH-USDT", DAY, given_, BOUNDS)


def failed(given_: Evidence) -> list[str]:
    return [line.figure_name for line in verdict(given_).failures]


def in_record(name: str) -> Callable[[Any], Evidence]:
    return lambda value: evidence(walk_forward=record(**{name: value}))


def drift(psi: float, threshold: float) -> Evidence:
    quiet = FeatureDrift(feature="rsi", psi=0.0, psi_threshold=1.0)
    return evidence(critical_drift=(quiet, FeatureDrift(feature="adx", psi=psi, psi_threshold=threshold)))


def in_one_regime(ece: float | None) -> Evidence:
    others = (regime_ece(0.0, "RANGE"), regime_ece(0.01, "TREND"))
    figures = () if ece is None else (others[0], regime_ece(ece, "PANIC"), others[1])
    return evidence(walk_forward=record(calibration_by_regime=figures))


# name: (evidence at a figure, the bound, the side on which it passes, the least step)
LINES: dict[str, tuple[Callable[[Any], Evidence], float, int, float]] = {
    "Sharpe, annualised": (in_record("sharpe"), BOUNDS.sharpe_min, 1, STEP),
    "win rate": (in_record("win_rate"), BOUNDS.win_rate_min, 1, STEP),
    "profit factor": (in_record("profit_factor"), BOUNDS.profit_factor_min, 1, STEP),
    "trades": (in_record("trades"), BOUNDS.trades_min, 1, 1),
    "deflated Sharpe": (in_record("deflated_sharpe"), BOUNDS.deflated_sharpe_min, 1, STEP),
    "permutation p": (lambda v: evidence(permutation=chance(p_value=v)), BOUNDS.permutation_p_max, -1, STEP),
    "PPO seeds that earn": (
        lambda v: evidence(seeds=seeds(1.0).model_copy(update={"earning": v})),
        BOUNDS.seeds_earning_min,
        1,
        STEP,
    ),
    "maximum drawdown": (in_record("max_drawdown"), BOUNDS.drawdown_max, -1, STEP),
    "drawdown, 95 % of paths": (in_record("drawdown_95"), BOUNDS.drawdown_max, -1, STEP),
    "volatility, annualised": (in_record("annual_volatility"), BOUNDS.volatility_max, -1, STEP),
    "longest losing run": (in_record("longest_losing_run"), 6 + BOUNDS.excess_losing_run_max, -1, 1),
    "Brier score": (in_record("brier"), BOUNDS.brier_max, -1, STEP),
    "ECE, debiased": (in_record("ece"), BOUNDS.ece_max, -1, STEP),
    "ECE, worst regime": (in_one_regime, BOUNDS.ece_max, -1, STEP),
    "drawdown, worst of eight": (
        lambda v: evidence(stress=stress(drawdown=v)),
        BOUNDS.stress_drawdown_multiple * BOUNDS.drawdown_max,
        -1,
        STEP,
    ),
    "PSI, worst critical feature": (lambda v: drift(v, 1.0), BOUNDS.psi_max, -1, STEP),
    "PSI over its threshold": (lambda v: drift(v * 0.125, 0.125), 1.0, -1, STEP),
    LIVE: (
        lambda v: evidence(live=live(sharpe_upper=v * 4.0, backtest_sharpe=4.0)),
        BOUNDS.live_sharpe_share_min,
        1,
        STEP,
    ),
}


def cast(figure: float, step: float) -> float | int:
    return int(figure) if step == 1 else figure


@pytest.mark.parametrize("name", LINES)
def test_beyond_its_bound_a_line_passes_on_it_and_short_of_it_it_fails(name: str) -> None:
    at, bound, good, step = LINES[name]
    assert failed(at(cast(bound + good * step, step))) == []
    assert failed(at(cast(bound, step))) == [name], "a tie"
    assert failed(at(cast(bound - good * step, step))) == [name]


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in LINES
        if name != "trades" and "PSI" not in name and "of eight" not in name and "live" not in name
    ],
)
def test_without_a_figure_a_line_fails_and_says_so(name: str) -> None:
    at = LINES[name][0]
    lines = verdict(at(None)).failures
    assert [line.figure_name for line in lines] == [name]
    assert lines[0].sentence.startswith("no evidence")
    assert lines[0].margin is None


@pytest.mark.parametrize("name", [name for name in LINES if name not in ("trades", "longest losing run")])
def test_a_figure_that_is_no_number_fails(name: str) -> None:
    assert name in failed(LINES[name][0](float("nan")))


def test_all_that_passes_is_approved_by_all_seven_gates() -> None:
    passed = verdict(evidence())
    assert passed.approved
    assert not passed.provisional
    assert {line.gate for line in passed.lines} == set(GATES)
    assert {line.figure_name for line in passed.lines} == {
        *LINES,
        "scenarios unsound",
        "findings",
        "planted leaks missed",
    }


@pytest.mark.parametrize("winners", range(6))
def test_most_seeds_must_have_earned(winners: int) -> None:
    found = verdict(evidence(seeds=seeds(*[80.0] * winners, *[-80.0] * (5 - winners))))
    assert [line.figure_name for line in found.failures] == ([] if winners >= 3 else ["PPO seeds that earn"])
    (line,) = [line for line in found.lines if line.figure_name == "PPO seeds that earn"]
    assert f"{winners} of 5 did" in line.sentence


def test_agents_that_all_stay_flat_have_not_earned() -> None:
    assert failed(evidence(seeds=seeds(*[0.0] * 5))) == ["PPO seeds that earn"]


def test_the_worst_regime_is_named_with_its_labels() -> None:
    (line,) = verdict(in_one_regime(0.2)).failures
    assert (line.figure, line.n_eff) == (0.2, 450.0)
    assert line.sentence.startswith("PANIC")


def test_an_unsound_scenario_fails_and_is_named() -> None:
    lines = verdict(evidence(stress=stress(sound=False))).failures
    assert [line.figure_name for line in lines] == ["scenarios unsound"]
    assert lines[0].sentence == "8 regime flip and blackout (calm)"


def test_a_brain_that_trades_in_no_world_fails_both_lines_of_stress() -> None:
    mute = [scenario(name, trades=0, drawdown=0.0) for name in SCENARIOS]
    silent = StressReport(days=30, unstressed_trades=0, results=tuple(mute))
    assert failed(evidence(stress=silent)) == ["drawdown, worst of eight", "scenarios unsound"]
    assert failed(evidence(stress=silent.model_copy(update={"unstressed_trades": 1}))) == []


@pytest.mark.parametrize("kept", [0, 7])
def test_a_scenario_that_did_not_run_fails_both_lines_of_stress(kept: int) -> None:
    whole = stress()
    part = whole.model_copy(update={"results": whole.results[:kept]})
    assert failed(evidence(stress=part)) == ["drawdown, worst of eight", "scenarios unsound"]


def test_one_leak_fails_and_so_does_a_check_that_did_not_run() -> None:
    found = verdict(evidence(leakage_findings=("adx knows the next bar",))).failures
    assert [(line.figure_name, line.sentence) for line in found] == [("findings", "adx knows the next bar")]
    assert failed(evidence(leakage_checks=4)) == ["findings"]


def test_a_planted_leak_that_was_missed_fails_and_so_does_planting_none() -> None:
    (line,) = verdict(evidence(missed_leaks=("shifted feature",))).failures
    assert (line.figure_name, line.sentence) == ("planted leaks missed", "missed: shifted feature")
    assert failed(evidence(planted_leaks=0)) == ["planted leaks missed"]


def test_without_a_critical_feature_drift_is_not_judged_and_fails() -> None:
    assert failed(evidence(critical_drift=())) == ["PSI, worst critical feature"]


@pytest.mark.parametrize("unknown_first", [True, False])
def test_unknown_drift_of_one_feature_is_not_hidden_by_another(unknown_first: bool) -> None:
    unknown = FeatureDrift(feature="rsi", psi=float("nan"), psi_threshold=0.1)
    calm = FeatureDrift(feature="adx", psi=0.01, psi_threshold=0.1)
    pair = (unknown, calm) if unknown_first else (calm, unknown)
    assert failed(evidence(critical_drift=pair)) == [
        "PSI, worst critical feature",
        "PSI over its threshold",
    ]


def test_a_critical_feature_that_the_drift_report_lacks_is_unknown() -> None:
    report = pl.DataFrame(
        {
            "feature": ["rsi", "adx", "htf"],
            "psi": [0.01, 0.02, 9.0],
            "psi_threshold": [0.1] * 3,
            "ks": [0.0] * 3,
        }
    )
    found = critical_drift(report, ["adx", "rsi"])
    assert [(item.feature, item.psi, item.psi_threshold) for item in found] == [
        ("adx", 0.02, 0.1),
        ("rsi", 0.01, 0.1),
    ]
    lacking = evidence(critical_drift=critical_drift(report, ["adx", "obv"]))
    assert failed(lacking) == ["PSI, worst critical feature", "PSI over its threshold"]


def test_a_feature_that_never_varies_does_not_drift_and_one_that_wakes_does() -> None:
    assert failed(drift(0.0, 0.009)) == []
    assert failed(drift(0.1, 0.009)) == ["PSI over its threshold"]


def test_the_first_model_is_provisional_and_ships() -> None:
    first = verdict(evidence(live=live(champion=None, days=0, sharpe=None, sharpe_upper=None, backtest_sharpe=None)))
    assert first.approved
    assert first.provisional
    assert [row["result"] for row in first.rows() if row["gate"] == GATES[6]] == ["provisional"]


NO_RECORD: list[dict[str, float | None]] = [
    {"sharpe_upper": None}, {"backtest_sharpe": None}, {"backtest_sharpe": 0.0}, {"backtest_sharpe": -1.0}
]  # fmt: skip


@pytest.mark.parametrize("unknown", NO_RECORD)
def test_a_champion_without_a_record_to_hold_fails(unknown: dict[str, float | None]) -> None:
    assert failed(evidence(live=live(**unknown))) == [LIVE]


@pytest.mark.parametrize("unknown", NO_RECORD[1:])
def test_days_to_come_are_no_excuse_for_a_promise_that_was_never_made(unknown: dict[str, float | None]) -> None:
    assert failed(evidence(live=live(days=1, sharpe_upper=None, **unknown))) == [LIVE]


def test_a_champion_that_may_not_trade_has_no_days_to_wait_for() -> None:
    assert failed(evidence(live=live(days=0, sharpe=None, sharpe_upper=None))) == [LIVE]


@pytest.mark.parametrize("days", [1, 2, BOUNDS.live_days_min - 1, BOUNDS.live_days_min])
def test_too_few_days_to_tell_are_provisional_and_say_so(days: int) -> None:
    few = days < BOUNDS.live_days_min
    known: dict[str, float | None] = {"sharpe": -17.7, "sharpe_upper": 9.0} if days > 1 else NO_RECORD[0]
    found = verdict(evidence(live=live(days=days, **known)))
    (line,) = [line for line in found.lines if line.gate == GATES[6]]
    assert (found.approved, found.provisional, line.provisional) == (True, few, few)
    assert (f"fewer than {BOUNDS.live_days_min}" in line.sentence) == few
    assert f"{days} days" in line.sentence


def test_a_record_that_breaks_its_promise_beyond_doubt_fails_however_short() -> None:
    assert failed(evidence(live=live(days=5, sharpe=-40.0, sharpe_upper=-20.0))) == [LIVE]


def test_the_point_figure_stands_beside_the_bound_of_its_interval() -> None:
    (line,) = [line for line in verdict(evidence(live=live())).lines if line.gate == GATES[6]]
    assert line.figure == pytest.approx(6.0 / 3.0)
    assert "point 0.67: Sharpe 2.00 live, 3.00 promised" in line.sentence


def test_nothing_traded_fails_every_line_of_performance_and_risk() -> None:
    empty = dict.fromkeys(
        ["sharpe", "deflated_sharpe", "win_rate", "profit_factor", "annual_volatility", "max_drawdown",
         "drawdown_95", "longest_losing_run", "mean_net_bps", "mean_cost_bps"]
    )  # fmt: skip
    silent = evidence(
        walk_forward=record(trades=0, losing_run_95=0, **empty),
        seeds=seeds(1.0, -1.0),
        permutation=chance(p_value=None, n_eff=0.0),
    )
    found = verdict(silent)
    assert not found.approved
    assert {line.gate for line in found.failures} == {GATES[0], GATES[1]}
    assert all(not line.passed for line in found.lines if line.gate in GATES[:2])


@given(
    figures=st.lists(
        st.tuples(st.sampled_from(list(LINES)), st.booleans()),
        min_size=1,
        max_size=6,
        unique_by=lambda x: x[0],
    )
)
def test_no_strength_makes_up_for_a_weakness(figures: list[tuple[str, bool]]) -> None:
    of_record = {
        name: LINES[name] for name, _ in figures if name not in ("permutation p",) and "PSI" not in name
        and "live" not in name and "of eight" not in name and "seeds" not in name
    }  # fmt: skip
    changes: dict[str, Any] = {}
    for name, weak in figures:
        if name in of_record:
            at, bound, good, step = LINES[name]
            moved = at(cast(bound + (-good if weak else good) * step, step)).walk_forward
            changes |= {k: v for k, v in dict(moved).items() if v != getattr(record(), k)}
    expected = {name for name, weak in figures if weak and name in of_record}
    found = verdict(evidence(walk_forward=record(**changes)))
    assert {line.figure_name for line in found.failures} == expected
    assert found.approved == (not expected)


def test_a_verdict_read_back_from_json_is_the_same() -> None:
    for given_ in (evidence(), evidence(leakage_checks=4), evidence(permutation=chance(p_value=None))):
        found = verdict(given_)
        assert GateVerdict.model_validate_json(canonical_json(found)) == found


gains = st.lists(st.floats(0.0, 1e6), min_size=1, max_size=20)


@given(gain=gains, share=st.floats(0.01, 1.0))
def test_critical_features_are_the_fewest_that_carry_the_share(gain: list[float], share: float) -> None:
    named = [(f"f{index:02d}", value) for index, value in enumerate(gain)]
    total = sum(value for _, value in sorted(named, key=lambda item: (-item[1], item[0])))
    chosen = critical_features(named, share)
    value = dict(named)
    carried = sum(value[name] for name in chosen)
    if total > 0:
        assert carried >= share * total * (1 - 1e-12)
        assert carried - value[chosen[-1]] < share * total
        left = [v for name, v in named if name not in chosen]
        assert min(value[name] for name in chosen) >= max(left, default=0.0)
    else:
        assert chosen == []
    assert critical_features(list(reversed(named)), share) == chosen
