"""Every rule of the open-interest contract must turn red on one planted row."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from huracan_assets.errors import CandleError
from huracan_assets.market.open_interest import OPEN_INTEREST_RULES, OPEN_INTEREST_SCHEMA, validate_open_interest

START = datetime(2024, 2, 29, tzinfo=UTC)
ROWS, ROW = 6, 3


def planted(**cells: Any) -> pl.DataFrame:
    """Six sound counts, five minutes apart, one row with other cells."""
    times = [START + timedelta(minutes=5 * place) for place in range(ROWS)]
    rows = [
        {"ts": ts, "known_at": ts, "open_interest": 1000.0 + place, "open_interest_value": None if place % 2 else 6e7}
        for place, ts in enumerate(times)
    ]
    rows[ROW] |= cells
    return pl.DataFrame(rows, schema=OPEN_INTEREST_SCHEMA)


VIOLATIONS: dict[str, list[pl.DataFrame]] = {
    "no two rows may have the same ts": [planted(ts=START + timedelta(minutes=10))],
    "rows must be sorted by ts": [planted(ts=START)],
    "known_at must not lie before ts": [planted(known_at=START), planted(known_at=None), planted(ts=None)],
    "open_interest must be finite and not negative": [
        planted(open_interest=value) for value in (-1.0, math.nan, math.inf, None)
    ],
    "open_interest_value must be finite and not negative": [
        planted(open_interest_value=value) for value in (-1.0, math.nan, -math.inf)
    ],
}


def test_sound_rows_and_no_rows_pass_unchanged() -> None:
    for frame in (planted(), planted().clear()):
        assert validate_open_interest(frame, symbol="BTC-USDT", origin="here").equals(frame)


def test_every_rule_has_a_planted_violation() -> None:
    assert set(VIOLATIONS) == {rule.sentence for rule in OPEN_INTEREST_RULES}


@pytest.mark.parametrize(("sentence", "frames"), VIOLATIONS.items(), ids=VIOLATIONS)
def test_a_planted_violation_is_refused_with_its_origin_and_symbol(sentence: str, frames: list[pl.DataFrame]) -> None:
    for frame in frames:
        with pytest.raises(CandleError, match="here: open interest of BTC-USDT") as refused:
            validate_open_interest(frame, symbol="BTC-USDT", origin="here")
        if frame["ts"].null_count() == 0:
            assert sentence in str(refused.value)


def test_a_column_that_is_missing_is_refused() -> None:
    with pytest.raises(CandleError, match="columns"):
        validate_open_interest(planted().drop("known_at"), symbol="BTC-USDT", origin="here")
