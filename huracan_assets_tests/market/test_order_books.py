"""Every rule of the order-book contract must turn red on one planted snapshot."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from huracan_assets.errors import CandleError
from huracan_assets.market.order_books import (
    LEVELS,
    ORDER_BOOKS_RULES,
    ORDER_BOOKS_SCHEMA,
    validate_order_books,
)

START = datetime(2024, 2, 29, 0, 0, 59, 900_000, tzinfo=UTC)
ROWS, ROW = 5, 3


def planted(**cells: Any) -> pl.DataFrame:
    """Five sound books, one a minute, of one to ten levels, one with other cells."""
    rows = []
    for place in range(ROWS):
        ts, depth = START + timedelta(minutes=place), (1, 2, 10, 10, 5)[place]
        bids = [100.0 - 0.1 * level for level in range(depth)]
        rows.append(
            {
                "ts": ts,
                "known_at": ts + timedelta(seconds=1),
                "bid_prices": bids,
                "bid_sizes": [1.5] * depth,
                "ask_prices": [price + 0.2 + 0.2 * level for level, price in enumerate(bids)],
                "ask_sizes": [2.5] * depth,
            }
        )
    rows[ROW] |= cells
    return pl.DataFrame(rows, schema=ORDER_BOOKS_SCHEMA)


def with_level(column: str, level: int, value: float | None) -> pl.DataFrame:
    cells: list[float | None] = planted()[column][ROW].to_list()
    return planted(**{column: [*cells[:level], value, *cells[level + 1 :]]})


def numbers(column: str) -> dict[str, list[pl.DataFrame]]:
    eleven = [*(planted()[column][ROW].to_list()), 500.0]
    return {
        f"{column} must have 1 to {LEVELS} levels": [planted(**{column: value}) for value in ([], None, eleven)],
        f"{column} must be positive, finite numbers": [
            with_level(column, 4, value) for value in (0.0, -1.0, math.nan, math.inf, None)
        ],
    }


VIOLATIONS: dict[str, list[pl.DataFrame]] = {
    "no two rows may have the same ts": [planted(ts=START + timedelta(minutes=2))],
    "rows must be sorted by ts": [planted(ts=START)],
    "no two snapshots may lie in the same minute": [planted(ts=START + timedelta(minutes=2, milliseconds=50))],
    "known_at must not lie before ts": [planted(known_at=START)],
    **{
        sentence: frames
        for side in ("bid", "ask")
        for column in (f"{side}_prices", f"{side}_sizes")
        for sentence, frames in numbers(column).items()
    },
    "each of bid_prices must have its size": [planted(bid_sizes=[1.0] * 9)],
    "each of ask_prices must have its size": [planted(ask_sizes=[1.0] * 9)],
    "bid_prices must run from the best price outwards, none twice": [
        with_level("bid_prices", 4, 99.7),
        with_level("bid_prices", 4, 99.75),
        with_level("bid_prices", 0, 1.0),
    ],
    "ask_prices must run from the best price outwards, none twice": [with_level("ask_prices", 9, 100.2)],
    "the best bid must lie below the best ask": [
        with_level("bid_prices", 0, 100.2),
        with_level("bid_prices", 0, 101.0),
    ],
}


def test_sound_books_and_no_books_pass_unchanged() -> None:
    for frame in (planted(), planted().clear()):
        assert validate_order_books(frame, symbol="BTC-USDT", origin="here").equals(frame)


def test_every_rule_has_a_planted_violation() -> None:
    assert set(VIOLATIONS) == {rule.sentence for rule in ORDER_BOOKS_RULES}


@pytest.mark.parametrize("sentence", VIOLATIONS)
def test_a_planted_violation_is_refused_and_breaks_its_rule(sentence: str) -> None:
    (rule,) = (rule for rule in ORDER_BOOKS_RULES if rule.sentence == sentence)
    for frame in VIOLATIONS[sentence]:
        with pytest.raises(CandleError, match="here: order books of BTC-USDT"):
            validate_order_books(frame, symbol="BTC-USDT", origin="here")
        assert not frame.select(rule.holds.fill_null(False).all()).item()
