"""The laws of trade outcomes: honest ones pass, and each law catches a row that breaks it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from huracan_assets.errors import ContractError
from huracan_assets.simulation.contract import LAWS, validate_outcomes
from huracan_assets.simulation.trade_outcomes import OUTCOME_SCHEMA

AT = datetime(2026, 1, 1, 10, 0, tzinfo=UTC)
HONEST: dict[str, Any] = {
    "as_of": AT,
    "side": -1,
    "entry_at": AT + timedelta(minutes=1),
    "exit_at": AT + timedelta(minutes=30),
    "entry_price": 100.0,
    "exit_price": 99.0,
    "exit_reason": "time",
    "filled_share": 0.8,
    "gross_bps": 100.0,
    "fee_bps": 10.0,
    "half_spread_bps": 1.5,
    "impact_bps": 0.5,
    "cost_bps": 12.0,
    "funding_bps": -0.5,
    "net_bps": 88.5,
    "slippage_bps": -3.0,
    "mfe_bps": 110.0,
    "mae_bps": -5.0,
    "uniqueness": 0.2,
    "crosses_unknown": False,
}
NAN, INF = float("nan"), float("inf")
PLANTED: list[tuple[str, dict[str, Any]]] = [
    ("a fill lies after its decision", {"entry_at": AT}),
    ("a fill lies after its decision", {"entry_at": None}),
    ("an exit is known after its entry", {"exit_at": AT + timedelta(minutes=1)}),
    ("prices are positive and finite", {"entry_price": 0.0}),
    ("prices are positive and finite", {"exit_price": INF}),
    ("prices are positive and finite", {"exit_price": None}),
    ("figures are finite", {"gross_bps": INF, "net_bps": INF}),
    ("figures are finite", {"mae_bps": NAN}),
    ("net is gross less cost and funding", {"net_bps": 88.0}),
    ("net is gross less cost and funding", {"funding_bps": 0.5}),
    ("figures are finite", {"slippage_bps": None}),
    ("the cost is the sum of its kinds", {"impact_bps": 0.6}),
    ("the cost is the sum of its kinds", {"fee_bps": NAN}),
    ("of an order a part or all was filled, unless it expired", {"filled_share": 0.0}),
    ("of an order a part or all was filled, unless it expired", {"filled_share": 1.01}),
    ("of an order a part or all was filled, unless it expired", {"exit_reason": "expired"}),
    ("what expired brought nothing", {"exit_reason": "expired", "filled_share": 0.0}),
    ("uniqueness lies in (0, 1]", {"uniqueness": 0.0}),
    ("uniqueness lies in (0, 1]", {"uniqueness": 1.01}),
    ("uniqueness lies in (0, 1]", {"uniqueness": NAN}),
    ("the side is 1 or -1", {"side": 0}),
    ("it is known whether the path crosses an unknown minute", {"crosses_unknown": None}),
]


def frame(**changes: Any) -> Any:
    import polars as pl

    later = {**HONEST, "as_of": AT - timedelta(minutes=15), "side": 1}
    return pl.DataFrame([later, {**HONEST, **changes}], schema=OUTCOME_SCHEMA)


def test_honest_outcomes_pass_unchanged() -> None:
    whole = frame()
    assert validate_outcomes(whole) is whole
    validate_outcomes(whole.clear())


@pytest.mark.parametrize(("law", "change"), PLANTED)
def test_each_law_catches_its_breach_and_names_the_row(law: str, change: dict[str, Any]) -> None:
    with pytest.raises(ContractError) as caught:
        validate_outcomes(frame(**change))
    assert f"the law that {law} in 1 rows" in str(caught.value)
    assert str(AT) in str(caught.value)


def test_every_law_has_a_planted_breach() -> None:
    assert {law for law, _ in PLANTED} == set(LAWS)


def test_another_shape_is_refused() -> None:
    with pytest.raises(ContractError, match="schema"):
        validate_outcomes(frame().drop("uniqueness"))
