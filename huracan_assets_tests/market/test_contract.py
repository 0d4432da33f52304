"""Every rule of the candle contract must turn red on one planted row."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from huracan_assets.errors import CandleError
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets.market.capped_returns import ReturnCap
from huracan_assets.market.contract import (
    CANDLE_RULES,
    CANDLE_SCHEMA,
    empty_candles,
    first_breach,
    to_candles,
    validate_candles,
    validate_funding,
    validate_hourly,
    validate_range,
    validate_returns,
)
from huracan_assets.market.open_interest import validate_open_interest
from huracan_assets.market.order_books import validate_order_books
from huracan_assets.market.source import split_days
from huracan_assets.market.trades import validate_trades
from huracan_assets.settings import read_settings
from huracan_assets_tests.market import violations
from huracan_assets_tests.market.violations import DAY, Violations, good_candles, minute_candle_violations, planted

VIOLATIONS = minute_candle_violations()
CAP = ReturnCap(read_settings("local").guards.max_minute_return)
ROW = 700


def test_a_good_day_passes_unchanged() -> None:
    frame = good_candles()
    assert validate_candles(frame, symbol="BTC-USDT", day=DAY, origin="here").equals(frame)


def test_a_day_without_the_optional_columns_passes() -> None:
    frame = to_candles(good_candles().drop("quote_volume", "trades", "taker_buy_volume", "known_at"))
    assert frame["trades"].null_count() == frame.height
    validate_candles(frame, symbol="BTC-USDT", day=DAY, origin="here")


def test_no_candles_keep_the_contract() -> None:
    assert validate_candles(empty_candles(), symbol="BTC-USDT", day=DAY, origin="here").is_empty()


@pytest.mark.parametrize("sentence", VIOLATIONS)
def test_each_planted_violation_is_refused_by_its_rule(sentence: str) -> None:
    for frame in VIOLATIONS[sentence]:
        with pytest.raises(CandleError) as caught:
            validate_candles(frame, symbol="BTC-USDT", day=DAY, origin="some/file.parquet")
            validate_returns(frame, CAP, symbol="BTC-USDT", origin="some/file.parquet")
        message = str(caught.value)
        assert sentence in message
        assert "some/file.parquet" in message
        assert "BTC-USDT" in message


def test_every_rule_has_a_planted_violation() -> None:
    assert {rule.sentence for rule in CANDLE_RULES} <= set(VIOLATIONS)


def test_the_message_names_day_row_and_value() -> None:
    with pytest.raises(CandleError, match=r"2024-02-29 11:40:00 UTC, row 10700 .*close inf"):
        validate_range(
            planted(good_candles(), "close", math.inf, ROW),
            symbol="A-B",
            first=DAY,
            last=DAY,
            origin="f",
            rows=range(10_000, 11_440),
        )


def test_the_first_of_several_breaches_is_named() -> None:
    frame = planted(good_candles(), "volume", -1.0, row=900).with_columns(
        pl.when(pl.int_range(pl.len()) == 3).then(-5.0).otherwise(pl.col("quote_volume")).alias("quote_volume")
    )
    assert "row 3 (from 0): quote_volume" in first_breach(frame, CANDLE_RULES)


@pytest.mark.parametrize(
    "frame",
    [
        good_candles().drop("volume"),
        good_candles().with_columns(pl.col("volume").cast(pl.Float32)),
        good_candles().with_columns(pl.col("ts").dt.cast_time_unit("ms")),
        good_candles().with_columns(pl.col("ts").dt.replace_time_zone(None)),
        good_candles().with_columns(extra=1),
        good_candles().select(sorted(CANDLE_SCHEMA)),
    ],
    ids=["missing column", "float32", "milliseconds", "no time zone", "extra column", "order"],
)
def test_columns_and_types_are_part_of_the_contract(frame: pl.DataFrame) -> None:
    with pytest.raises(CandleError, match="columns"):
        validate_candles(frame, symbol="BTC-USDT", day=DAY, origin="here")


BESIDE: dict[str, tuple[Callable[..., pl.DataFrame], Callable[[], pl.DataFrame], Callable[[], Violations]]] = {
    "hourly candles": (validate_hourly, violations.good_hours, violations.hourly_violations),
    "funding": (validate_funding, violations.good_funding, violations.funding_violations),
    "open interest": (validate_open_interest, violations.good_open_interest, violations.open_interest_violations),
    "order books": (validate_order_books, violations.good_order_books, violations.order_book_violations),
    "trades": (validate_trades, violations.good_trades, violations.trade_violations),
}


@pytest.mark.parametrize("kind", BESIDE)
def test_what_stands_beside_the_candles_is_held_to_its_own_rules(kind: str) -> None:
    validate, good, broken = BESIDE[kind]
    assert validate(good(), symbol="BTC-USDT", origin="here").equals(good())
    assert validate(good().clear(), symbol="BTC-USDT", origin="here").is_empty()
    for sentence, frames in broken().items():
        for frame in frames:
            with pytest.raises(CandleError) as caught:
                validate(frame, symbol="BTC-USDT", origin="some/file.parquet")
            assert sentence in str(caught.value), frame
            assert f"some/file.parquet: {kind} of BTC-USDT" in str(caught.value)


@pytest.mark.parametrize("symbol", ["ARB-USDT", "BTC-USDT", "SUI-USDT"])
def test_recorded_candles_keep_the_contract_from_their_first_minute_on(shared: Path, symbol: str) -> None:
    """Listings, with their first bars of 100 to 300 %, and the halt of March 2023 among them."""
    source = ArchiveSource(shared / "data" / "candles_1m_2023")
    candles = source.candles(symbol, date(2023, 3, 1), date(2023, 6, 30))
    for day, of_day in split_days(candles, sorted(set(candles["ts"].dt.date()))).items():
        assert validate_candles(of_day, symbol=symbol, day=day, origin="here").equals(of_day)
        assert validate_returns(of_day, CAP, symbol=symbol, origin="here").equals(of_day)
