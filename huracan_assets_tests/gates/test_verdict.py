"""A verdict approves only on seven gates, each line strictly on its good side."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from huracan_assets.gates.verdict import GATES, Direction, GateVerdict, Line
from huracan_assets.resources.lake import canonical_json
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


def of(lines: list[Line]) -> GateVerdict:
    return GateVerdict.of("ETH-USDT", DAY, lines, bounds(), {"lightgbm_model": "a" * 64})


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
    assert of(lines).approved
    without = [each for each in lines if each.gate != absent]
    assert not of(without).approved


def test_a_line_of_no_known_gate_approves_nothing() -> None:
    lines = [*(line(gate) for gate in GATES), line("8 luck")]
    assert not of(lines).approved


def test_one_failing_line_rejects_and_is_listed_alone() -> None:
    lines = [*(line(gate) for gate in GATES), line(GATES[2], 1.0)]
    found = of(lines)
    assert not found.approved
    assert found.failures == (lines[-1],)
    assert [row["result"] for row in found.rows()] == ["pass"] * 7 + ["FAIL"]


def test_a_provisional_line_passes_and_marks_the_verdict() -> None:
    lines = [*(line(gate) for gate in GATES[:6]), line(GATES[6], None, provisional=True)]
    found = of(lines)
    assert found.approved
    assert found.provisional
    assert found.rows()[-1]["result"] == "provisional"


def test_the_document_tells_margin_and_result_of_each_line_and_is_read_back() -> None:
    lines = [*(line(gate) for gate in GATES[:6]), line(GATES[6], None)]
    found = of(lines)
    document = orjson.loads(canonical_json(found))
    assert [row["margin"] for row in document["lines"]] == [1.0] * 6 + [None]
    assert [row["passed"] for row in document["lines"]] == [True] * 6 + [False]
    back = GateVerdict.model_validate(document)
    assert back == found
    assert canonical_json(back) == canonical_json(found)


def test_a_document_that_says_what_its_lines_do_not_is_refused() -> None:
    first = [*(line(gate) for gate in GATES[:6]), line(GATES[6], None, provisional=True)]
    documents = [of([line(gate) for gate in GATES]), of(first), of([*first, line(GATES[1], 0.0)])]
    good, provisional, rejected = (orjson.loads(canonical_json(each)) for each in documents)
    flattered = [{**each, "provisional": True} for each in rejected["lines"]]
    for forged in (
        rejected | {"approved": True},
        good | {"approved": False},
        good | {"lines": []},
        good | {"lines": good["lines"][:6]},
        good | {"provisional": True},
        provisional | {"provisional": False},
        rejected | {"approved": True, "lines": flattered},
    ):
        with pytest.raises(ValidationError, match="materialise gate_verdict again"):
            GateVerdict.model_validate(forged)


def test_what_was_not_judged_is_named() -> None:
    found = of([line(gate) for gate in GATES])
    assert found.unjudged({"lightgbm_model": "a" * 64}) == []
    assert found.unjudged({"lightgbm_model": "b" * 64, "brain": "a" * 64}) == ["brain", "lightgbm_model"]
