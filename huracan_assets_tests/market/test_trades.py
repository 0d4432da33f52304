"""Every rule of the trades contract must turn red on one planted row."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from huracan_assets.errors import CandleError
from huracan_assets.market.trades import TRADES_RULES, TRADES_SCHEMA, validate_trades

START = datetime(2024, 2, 29, tzinfo=UTC)
ROWS, ROW = 6, 3


def planted(**cells: Any) -> pl.DataFrame:
    """Six sound trades, two at each instant, one row with other cells."""
    rows = [
        {
            "id": str(1000 - place),
            "ts": START + timedelta(seconds=place // 2),
            "known_at": START + timedelta(seconds=place // 2, milliseconds=5),
            "price": 100.0 + place,
            "size": 0.5,
            "side": ("buy", "sell")[place % 2],
        }
        for place in range(ROWS)
    ]
    rows[ROW] |= cells
    return pl.DataFrame(rows, schema=TRADES_SCHEMA)


numbers = (0.0, -1.0, math.nan, math.inf, None)
VIOLATIONS: dict[str, list[pl.DataFrame]] = {
    "id must not be empty": [planted(id="")],
    "no two rows may have the same id": [planted(id="1000")],
    "rows must be sorted by ts": [planted(ts=START - timedelta(seconds=1))],
    "known_at must not lie before ts": [planted(known_at=START), planted(known_at=None)],
    "price must be a positive, finite price": [planted(price=value) for value in numbers],
    "size must be positive and finite": [planted(size=value) for value in numbers],
    "side must be the taker's, buy or sell": [planted(side="BUY"), planted(side=None)],
}


def test_sound_rows_and_no_rows_pass_unchanged() -> None:
    for frame in (planted(), planted().clear()):
        assert validate_trades(frame, symbol="BTC-USDT", origin="here").equals(frame)


def test_every_rule_has_a_planted_violation() -> None:
    assert set(VIOLATIONS) == {rule.sentence for rule in TRADES_RULES}


@pytest.mark.parametrize(("sentence", "frames"), VIOLATIONS.items(), ids=VIOLATIONS)
def test_a_planted_violation_is_refused_by_its_sentence(sentence: str, frames: list[pl.DataFrame]) -> None:
    for frame in frames:
        with pytest.raises(CandleError) as refused:
            validate_trades(frame, symbol="BTC-USDT", origin="here")
        assert sentence in str(refused.value)
        assert str(refused.value).startswith("here: trades of BTC-USDT")


@pytest.mark.parametrize("column", ["id", "ts"])
def test_a_trade_without_an_id_or_a_time_is_refused(column: str) -> None:
    with pytest.raises(CandleError, match="row 3"):
        validate_trades(planted(**{column: None}), symbol="BTC-USDT", origin="here")
