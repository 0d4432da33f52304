"""A verdict approves only on seven gates, each line strictly on its good side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.gates.verdict import GATES, Direction, GateVerdict, Line
from huracan_assets_tests.gates.evidence import DAY, bounds

numbers = st.floats(-1e6, 1e6)


def line(gate: str, figure: float | None = 2.0, direction: Direction = "above", provisional: bool = False) -> Line:
    return Line(
        gate=gate,
        figure_name="figure",
        figure=figure,
        bound=1.0,
        direction=direction,
        n_eff=None,
        sentence="because",
        provisional=provisional,
    )


@given(figure=numbers, bound=numbers)
def test_above_and_below_are_strict_and_opposite(figure: float, bound: float) -> None:
    above, below = (
        line(GATES[0], figure, direction).model_copy(update={"bound": bound}) for direction in ("above", "below")
    )
    assert above.passed == (figure > bound)
    assert below.passed == (figure < bound)
    assert above.margin == -(below.margin or 0.0)


@pytest.mark.parametrize("figure", [None, float("nan")])
@pytest.mark.parametrize("direction", ["above", "below"])
def test_no_figure_has_no_margin_and_fails(figure: float | None, direction: Direction) -> None:
    assert line(GATES[0], figure, direction).margin is None
    assert not line(GATES[0], figure, direction).passed


@pytest.mark.parametrize("absent", GATES)
def test_without_any_one_gate_nothing_is_approved(absent: str) -> None:
    lines = [line(gate) for gate in GATES]
    assert GateVerdict.of("ETH-USDT", DAY, lines, bounds()).approved
    without = [each for each in lines if each.gate != absent]
    assert not GateVerdict.of("ETH-USDT", DAY, without, bounds()).approved


def test_a_line_of_no_known_gate_approves_nothing() -> None:
    lines = [*(line(gate) for gate in GATES), line("8 luck")]
    assert not GateVerdict.of("ETH-USDT", DAY, lines, bounds()).approved


def test_one_failing_line_rejects_and_is_listed_alone() -> None:
    lines = [*(line(gate) for gate in GATES), line(GATES[2], 1.0)]
    found = GateVerdict.of("ETH-USDT", DAY, lines, bounds())
    assert not found.approved
    assert found.failures == (lines[-1],)
    assert [row["result"] for row in found.rows()] == ["pass"] * 7 + ["FAIL"]


def test_a_provisional_line_passes_and_marks_the_verdict() -> None:
    lines = [*(line(gate) for gate in GATES[:6]), line(GATES[6], None, provisional=True)]
    found = GateVerdict.of("ETH-USDT", DAY, lines, bounds())
    assert found.approved
    assert found.provisional
    assert found.rows()[-1]["result"] == "provisional"
