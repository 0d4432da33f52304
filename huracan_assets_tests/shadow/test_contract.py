"""The ledger's laws: an honest ledger passes, and each law catches a trade that breaks it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from huracan_assets.errors import ContractError
from huracan_assets.shadow.contract import validate_ledger
from huracan_assets.shadow.ledger import LEDGER_SCHEMA
from huracan_assets_tests.shadow.trades import ledger, row

FIRST = datetime(2026, 1, 1, 10, 0, tzinfo=UTC)
END = date(2026, 1, 3)


def honest() -> list[dict[str, Any]]:
    """Two trades, the second decided when the first exit is known, and closed as the window ends."""
    second = row(FIRST + timedelta(minutes=60), -20.0, side=-1, size_gbp=400.0)
    return [row(FIRST, 30.0), second | {"exit_at": datetime(2026, 1, 3, tzinfo=UTC)}]


def test_an_honest_ledger_and_an_empty_one_pass_unchanged() -> None:
    frame = ledger(*honest())
    assert validate_ledger(frame, "ETH-USDT", END, 1000.0) is frame
    validate_ledger(pl.DataFrame(schema=LEDGER_SCHEMA), "ETH-USDT", END, 1000.0)


PLANTED: dict[str, tuple[str, dict[str, Any]]] = {
    "another symbol": ("of one symbol", {"symbol": "BTC-USDT"}),
    "no symbol": ("of one symbol", {"symbol": None}),
    "filled before it was decided": ("fill lies", {"entry_at": FIRST + timedelta(minutes=59)}),
    "filled as it was decided": ("fill lies", {"entry_at": FIRST + timedelta(minutes=60)}),
    "closed before it was filled": ("exit is known", {"exit_at": FIRST + timedelta(minutes=61)}),
    "two positions at once": (
        "waits for the exit",
        {"as_of": FIRST + timedelta(minutes=59), "entry_at": FIRST + timedelta(minutes=61)},
    ),
    "closed after the window": ("ends within", {"exit_at": datetime(2026, 1, 3, 0, 1, tzinfo=UTC)}),
    "too large": ("no position", {"size_gbp": 1000.01, "pnl_gbp": -20.0 * 1000.01 / 1e4}),
    "no size": ("no position", {"size_gbp": 0.0, "pnl_gbp": 0.0}),
    "pounds from nowhere": ("pounds follow", {"pnl_gbp": 0.8}),
    "unknown pounds": ("pounds follow", {"pnl_gbp": float("nan")}),
    "more than certain": ("confidence", {"confidence": 1.1}),
    "unknown confidence": ("confidence", {"confidence": float("nan")}),
    "no side": ("side", {"side": 0}),
    "net from nowhere": ("net is gross", {"gross_bps": 100.0}),
    "nothing filled": ("a part or all", {"filled_share": 0.0}),
    "more filled than ordered": ("a part or all", {"filled_share": 1.1}),
    "a cost from nowhere": ("sum of its kinds", {"impact_bps": 3.0}),
    "a loss that its path never saw": ("path holds its exit", {"mae_bps": -1.0}),
    "a gain that its path never saw": ("path holds its exit", {"mfe_bps": -9.0}),
    "unknown slippage": ("slippage", {"slippage_bps": float("nan")}),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_each_law_catches_its_breach_and_names_the_trade(fault: str) -> None:
    law, change = PLANTED[fault]
    first, second = honest()
    broken = second | change
    with pytest.raises(ContractError, match=law) as caught:
        validate_ledger(ledger(first, broken), "ETH-USDT", END, 1000.0)
    assert str(broken["as_of"]) in str(caught.value)


def test_a_ledger_of_another_shape_is_refused() -> None:
    with pytest.raises(ContractError, match="schema"):
        validate_ledger(ledger(*honest()).drop("fold"), "ETH-USDT", END, 1000.0)


def test_every_law_has_a_planted_breach() -> None:
    caught = set()
    for _, change in PLANTED.values():
        first, second = honest()
        try:
            validate_ledger(ledger(first, second | change), "ETH-USDT", END, 1000.0)
        except ContractError as error:
            caught.add(str(error).split("the law that ")[1].split(" in ")[0])
    from huracan_assets.shadow import contract

    assert caught == set(contract.laws("ETH-USDT", END, 1000.0))
