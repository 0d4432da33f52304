"""Every rule of the candle contract must turn red on one planted row."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from huracan_assets.days import midnight
from huracan_assets.errors import CandleError
from huracan_assets.market.contract import (
    CANDLE_RULES,
    CANDLE_SCHEMA,
    FUNDING_RULES,
    FUNDING_SCHEMA,
    empty_candles,
    first_breach,
    to_candles,
    validate_candles,
    validate_funding,
    validate_range,
)

DAY = date(2024, 2, 29)
ROW = 700


def good_day(day: date = DAY, minutes: int = 1440) -> pl.DataFrame:
    """A valid day, with every column filled."""
    rng = np.random.default_rng(5)
    close = 100.0 * np.exp(np.cumsum(1e-3 * rng.standard_normal(minutes)))
    opens = np.concatenate([[100.0], close[:-1]])
    volume = rng.lognormal(size=minutes)
    frame = pl.DataFrame(
        {
            "ts": [midnight(day) + timedelta(minutes=minute) for minute in range(minutes)],
            "open": opens,
            "high": np.maximum(opens, close) * 1.0001,
            "low": np.minimum(opens, close) * 0.9999,
            "close": close,
            "volume": volume,
            "quote_volume": volume * close,
            "trades": rng.integers(1, 50, minutes),
            "taker_buy_volume": 0.4 * volume,
        }
    )
    return to_candles(frame)


def planted(column: str, value: Any, row: int = ROW) -> pl.DataFrame:
    """A good day with one cell replaced."""
    frame = good_day()
    cell = pl.lit(value, dtype=CANDLE_SCHEMA[column])
    return frame.with_columns(pl.when(pl.int_range(pl.len()) == row).then(cell).otherwise(pl.col(column)).alias(column))


def shifted(minutes: float) -> pl.DataFrame:
    """A good day whose row 700 opens, and closes, `minutes` off."""
    off = pl.when(pl.int_range(pl.len()) == ROW).then(pl.duration(seconds=int(60 * minutes))).otherwise(pl.duration())
    return good_day().with_columns(pl.col("ts") + off, pl.col("known_at") + off)


VIOLATIONS: dict[str, list[pl.DataFrame]] = {
    "ts must lie on a whole minute": [shifted(0.5), planted("ts", None)],
    "no two rows may have the same ts": [shifted(-1)],
    "rows must be sorted by ts": [shifted(-2)],
    "known_at must be ts + 1 minute": [planted("known_at", midnight(DAY)), planted("known_at", None)],
    **{
        f"{price} must be a positive, finite price": [
            planted(price, value) for value in (0.0, -1.0, math.inf, -math.inf, math.nan, None)
        ]
        for price in ("open", "high", "low", "close")
    },
    "low must not exceed open or close": [planted("low", 1e6)],
    "high must not miss open or close": [planted("high", 1e-6)],
    **{
        f"{amount} must be finite and not negative": [planted(amount, value) for value in (-1e-9, math.inf, math.nan)]
        for amount in ("volume", "quote_volume", "taker_buy_volume")
    },
    "trades must not be negative": [planted("trades", -1)],
    "taker_buy_volume must not exceed volume": [planted("taker_buy_volume", 1e9)],
    "ts must lie within": [good_day(DAY + timedelta(days=1))],
}


def test_a_good_day_passes_unchanged() -> None:
    frame = good_day()
    assert validate_candles(frame, symbol="BTC-USDT", day=DAY, origin="here").equals(frame)


def test_a_day_without_the_optional_columns_passes() -> None:
    frame = to_candles(good_day().drop("quote_volume", "trades", "taker_buy_volume", "known_at"))
    assert frame["trades"].null_count() == frame.height
    validate_candles(frame, symbol="BTC-USDT", day=DAY, origin="here")


def test_no_candles_keep_the_contract() -> None:
    assert validate_candles(empty_candles(), symbol="BTC-USDT", day=DAY, origin="here").is_empty()


@pytest.mark.parametrize("sentence", VIOLATIONS)
def test_each_planted_violation_is_refused_by_its_rule(sentence: str) -> None:
    for frame in VIOLATIONS[sentence]:
        with pytest.raises(CandleError) as caught:
            validate_candles(frame, symbol="BTC-USDT", day=DAY, origin="some/file.parquet")
        message = str(caught.value)
        assert sentence in message
        assert "some/file.parquet" in message
        assert "BTC-USDT" in message


def test_every_rule_has_a_planted_violation() -> None:
    assert {rule.sentence for rule in CANDLE_RULES} <= set(VIOLATIONS)


def test_the_message_names_day_row_and_value() -> None:
    with pytest.raises(CandleError, match=r"2024-02-29 11:40:00, row 10700 .*close inf"):
        validate_range(
            planted("close", math.inf),
            symbol="A-B",
            first=DAY,
            last=DAY,
            origin="f",
            rows=range(10_000, 11_440),
        )


def test_the_first_of_several_breaches_is_named() -> None:
    frame = planted("volume", -1.0, row=900).with_columns(
        pl.when(pl.int_range(pl.len()) == 3).then(-5.0).otherwise(pl.col("quote_volume")).alias("quote_volume")
    )
    assert "row 3 (from 0): quote_volume" in first_breach(frame, CANDLE_RULES)


@pytest.mark.parametrize(
    "frame",
    [
        good_day().drop("volume"),
        good_day().with_columns(pl.col("volume").cast(pl.Float32)),
        good_day().with_columns(pl.col("ts").dt.cast_time_unit("ms")),
        good_day().with_columns(pl.col("ts").dt.replace_time_zone(None)),
        good_day().with_columns(extra=1),
        good_day().select(sorted(CANDLE_SCHEMA)),
    ],
    ids=["missing column", "float32", "milliseconds", "no time zone", "extra column", "order"],
)
def test_columns_and_types_are_part_of_the_contract(frame: pl.DataFrame) -> None:
    with pytest.raises(CandleError, match="columns"):
        validate_candles(frame, symbol="BTC-USDT", day=DAY, origin="here")


def funding(rates: list[float], hours: list[int]) -> pl.DataFrame:
    ts = [midnight(DAY) + timedelta(hours=hour) for hour in hours]
    return pl.DataFrame({"ts": ts, "rate": rates}, schema=FUNDING_SCHEMA)


def test_funding_events_are_finite_and_in_order() -> None:
    good = funding([1e-4, -2e-4], [0, 8])
    assert validate_funding(good, symbol="BTC-USDT", origin="here").equals(good)
    bad = {
        "rate must be finite": funding([1e-4, math.nan], [0, 8]),
        "no two rows may have the same ts": funding([1e-4, 1e-4], [8, 8]),
        "rows must be sorted by ts": funding([1e-4, 1e-4], [8, 0]),
    }
    assert set(bad) == {rule.sentence for rule in FUNDING_RULES}
    for sentence, frame in bad.items():
        with pytest.raises(CandleError, match=sentence):
            validate_funding(frame, symbol="BTC-USDT", origin="here")
