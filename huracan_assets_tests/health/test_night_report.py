"""Every symbol of a night has one line, and the line says what became of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from huracan_assets.health.night_report import NightReport, Outcome, SymbolRun, night_report
from huracan_assets.resources.lake import canonical_json

DAY = date(2026, 1, 1)
GOOD = SymbolRun(succeeded=True, error=None)


def documents(handed_over: bool, approved: bool, sharpe: float | None = 1.5) -> dict[str, dict[str, Any]]:
    return {
        "handoff_bundle": {"handed_over": handed_over, "reason": "because it is so"},
        "gate_verdict": {"approved": approved},
        "walk_forward_report": {"trades": 12, "sharpe": sharpe},
        "trade_analysis": {"losses": [{"cause": "gave_back"}, {"cause": "costs"}] if sharpe else []},
    }


@pytest.mark.parametrize(
    ("handed_over", "approved", "outcome"),
    [(True, True, "handed over"), (False, True, "approved, withheld"), (False, False, "rejected")],
)
def test_a_run_that_succeeded_is_told_by_its_verdict_and_its_bundle(
    handed_over: bool, approved: bool, outcome: Outcome
) -> None:
    report = night_report(DAY, ["A-B"], {"A-B": GOOD}, {"A-B": documents(handed_over, approved)})
    (line,) = report.symbols
    assert (line.outcome, line.reason, line.trades, line.sharpe) == (outcome, "because it is so", 12, 1.5)
    assert line.costliest == "gave_back"
    assert report.count(outcome) == 1
    assert report.unfinished == []


def test_symbols_keep_their_order_and_those_without_a_verdict_are_unfinished() -> None:
    runs = {"C-D": SymbolRun(succeeded=False, error="features: no candles"), "E-F": GOOD}
    found = {"E-F": documents(False, False, None), "Z-Z": documents(True, True)}
    report = night_report(DAY, ["G-H", "E-F", "C-D"], runs, found)
    assert [(line.symbol, line.outcome) for line in report.symbols] == [
        ("G-H", "missing"),
        ("E-F", "rejected"),
        ("C-D", "failed"),
    ]
    assert report.symbols[2].reason == "features: no candles"
    assert report.symbols[1].sharpe is None
    assert [line.costliest for line in report.symbols] == [None, None, None]
    assert report.unfinished == ["G-H", "C-D"]
    assert (report.count("failed"), report.count("missing"), report.count("handed over")) == (1, 1, 0)


def test_a_report_read_back_from_json_is_the_same() -> None:
    report = night_report(DAY, ["A-B", "C-D"], {"A-B": GOOD}, {"A-B": documents(True, True)})
    assert NightReport.model_validate_json(canonical_json(report)) == report
