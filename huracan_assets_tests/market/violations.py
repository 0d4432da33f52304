"""For each rule of each contract of the market room: a good day, and the same day with that rule broken.

The keys are the rules' own sentences, so that a test can demand one for each rule that a contract has.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from huracan_assets.days import DAY as DAY_LONG
from huracan_assets.days import HOUR, MINUTE, midnight
from huracan_assets.market.contract import FUNDING_SCHEMA, PRICES, RETURN_SENTENCE, to_candles, to_hourly
from huracan_assets.market.minute_status import STATUS_SCHEMA
from huracan_assets.market.open_interest import OPEN_INTEREST_SCHEMA
from huracan_assets.market.order_books import LEVELS, ORDER_BOOKS_SCHEMA
from huracan_assets.market.trades import TRADES_SCHEMA

DAY = date(2024, 2, 29)
AMOUNTS = ("volume", "quote_volume", "taker_buy_volume")
NOT_FINITE = (math.inf, -math.inf, math.nan)

Violations = Mapping[str, list[pl.DataFrame]]


def good_candles(day: date = DAY, step: timedelta = MINUTE, bars: int = 1440) -> pl.DataFrame:
    """A valid day, with every column filled; some bars have no trade."""
    rng = np.random.default_rng(5)
    idle = rng.random(bars) < 0.05
    idle[bars // 2 - 1 : bars // 2 + 2] = False
    close = 100.0 * np.exp(np.cumsum(np.where(idle, 0.0, 1e-3) * rng.standard_normal(bars)))
    opens = np.concatenate([close[:1], close[:-1]])
    volume = np.where(idle, 0.0, rng.lognormal(size=bars))
    spread = np.where(idle, 0.0, 1e-4)
    frame = to_candles if step == MINUTE else to_hourly
    return frame(
        pl.DataFrame(
            {
                "ts": [midnight(day) + step * bar for bar in range(bars)],
                "open": opens,
                "high": np.maximum(opens, close) * (1 + spread),
                "low": np.minimum(opens, close) * (1 - spread),
                "close": close,
                "volume": volume,
                "quote_volume": volume * close,
                "trades": np.where(idle, 0, rng.integers(1, 50, bars)),
                "taker_buy_volume": 0.4 * volume,
            }
        )
    )


def good_hours(day: date = DAY) -> pl.DataFrame:
    """A valid day of hourly candles."""
    return good_candles(day, HOUR, 24)


def planted(frame: pl.DataFrame, column: str, value: Any, row: int | None = None) -> pl.DataFrame:
    """The frame with one cell replaced, in the middle unless told."""
    place = frame.height // 2 if row is None else row
    values = frame[column].to_list()
    values[place] = value
    return frame.with_columns(pl.Series(column, values, dtype=frame.schema[column], strict=False))


def shifted(frame: pl.DataFrame, by: timedelta, *columns: str) -> pl.DataFrame:
    """The frame with the times of its middle row moved."""
    for column in columns or ("ts", "known_at"):
        frame = planted(frame, column, frame[column][frame.height // 2] + by)
    return frame


def next_day(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows of the day after."""
    return frame.with_columns(pl.col(name) + DAY_LONG for name in ("ts", "known_at") if name in frame.columns)


def spliced(frame: pl.DataFrame, factor: float) -> pl.DataFrame:
    """The frame whose second half is on another scale, amounts in quote coins too."""
    late = pl.int_range(pl.len()) >= frame.height // 2
    return frame.with_columns(
        pl.when(late).then(pl.col(name) * factor).otherwise(name).alias(name) for name in (*PRICES, "quote_volume")
    )


def candle_violations(good: pl.DataFrame, step: timedelta, unit: str) -> Violations:
    """Of the rules that candles of minutes and of hours share."""
    middle = good.height // 2
    idle = good.with_columns(pl.when(pl.int_range(pl.len()) == middle).then(0).otherwise(n).alias(n) for n in AMOUNTS)
    return {
        f"ts must lie on a whole {unit}": [shifted(good, timedelta(seconds=30)), planted(good, "ts", None)],
        "no two rows may have the same ts": [shifted(good, -step)],
        "rows must be sorted by ts": [shifted(good, -2 * step)],
        f"known_at must be ts + 1 {unit}": [shifted(good, -step, "known_at"), planted(good, "known_at", None)],
        **{
            f"{price} must be a positive, finite price": [
                planted(good, price, value) for value in (0.0, -1.0, *NOT_FINITE, None)
            ]
            for price in PRICES
        },
        "low must not exceed open or close": [planted(good, "low", 1e6)],
        "high must not miss open or close": [planted(good, "high", 1e-6)],
        **{
            f"{amount} must be finite and not negative": [
                planted(good, amount, value) for value in (-1e-9, *NOT_FINITE)
            ]
            for amount in AMOUNTS
        },
        "trades must not be negative": [planted(good, "trades", -1)],
        "taker_buy_volume must not exceed volume": [planted(good, "taker_buy_volume", 1e9)],
        "a bar without volume must be flat": [idle],
        "quote_volume must be volume at a price of the bar": [
            planted(good, "volume", 100 * good["volume"][middle]),
            planted(good, "quote_volume", 1.1 * good["quote_volume"][middle]),
            planted(good, "quote_volume", 0.0),
        ],
    }


def minute_candle_violations() -> Violations:
    """Of the rules of `candles`."""
    good = good_candles()
    return {
        **candle_violations(good, MINUTE, "minute"),
        "ts must lie within": [next_day(good)],
        RETURN_SENTENCE: [spliced(good, 1.2), spliced(good, 0.8)],
    }


def perpetual_violations() -> Violations:
    """Of the rules of `perpetual_candles`."""
    return candle_violations(good_candles(), MINUTE, "minute")


def hourly_violations() -> Violations:
    """Of the rules of `hourly_candles`."""
    return candle_violations(good_hours(), HOUR, "hour")


def good_funding() -> pl.DataFrame:
    """Three events."""
    ts = [midnight(DAY) + 8 * HOUR * event for event in range(3)]
    return pl.DataFrame({"ts": ts, "rate": [1e-4, -2e-4, 0.0]}, schema=FUNDING_SCHEMA)


def in_order_violations(good: pl.DataFrame, step: timedelta) -> Violations:
    """Of strictly increasing `ts`."""
    return {
        "no two rows may have the same ts": [shifted(good, -step)],
        "rows must be sorted by ts": [shifted(good, -2 * step)],
    }


def funding_violations() -> Violations:
    """Of the rules of `funding_rates`."""
    good = good_funding()
    ts_only = {
        "no two rows may have the same ts": [shifted(good, -8 * HOUR, "ts")],
        "rows must be sorted by ts": [planted(good, "ts", midnight(DAY), row=2)],
    }
    return {"rate must be finite": [planted(good, "rate", value) for value in (*NOT_FINITE, None)], **ts_only}


def good_open_interest() -> pl.DataFrame:
    """A count every five minutes."""
    ts = [midnight(DAY) + 5 * MINUTE * count for count in range(288)]
    counts = 1000.0 + np.arange(288)
    return pl.DataFrame(
        {"ts": ts, "known_at": ts, "open_interest": counts, "open_interest_value": 100.0 * counts},
        schema=OPEN_INTEREST_SCHEMA,
    )


def open_interest_violations() -> Violations:
    """Of the rules of `open_interest`."""
    good = good_open_interest()
    return {
        **in_order_violations(good, 5 * MINUTE),
        "known_at must not lie before ts": [shifted(good, -MINUTE, "known_at"), planted(good, "known_at", None)],
        "open_interest must be finite and not negative": [
            planted(good, "open_interest", value) for value in (-1.0, *NOT_FINITE, None)
        ],
        "open_interest_value must be finite and not negative": [
            planted(good, "open_interest_value", value) for value in (-1.0, *NOT_FINITE)
        ],
    }


def good_order_books() -> pl.DataFrame:
    """A snapshot a minute for an hour."""
    ts = [midnight(DAY) + MINUTE * minute for minute in range(60)]
    away = np.arange(1.0, 1.0 + LEVELS)
    book = {
        "bid_prices": (100.0 - away).tolist(),
        "bid_sizes": [2.0] * LEVELS,
        "ask_prices": (100.0 + away).tolist(),
        "ask_sizes": [3.0] * LEVELS,
    }
    return pl.DataFrame(
        {"ts": ts, "known_at": ts, **{name: [side] * 60 for name, side in book.items()}}, schema=ORDER_BOOKS_SCHEMA
    )


def order_book_violations() -> Violations:
    """Of the rules of `order_books`."""
    good = good_order_books()
    level: dict[str, list[pl.DataFrame]] = {}
    for side in ("bid", "ask"):
        prices, sizes = f"{side}_prices", f"{side}_sizes"
        for column in (prices, sizes):
            levels = good[column][0].to_list()
            level[f"{column} must have 1 to {LEVELS} levels"] = [
                planted(good, column, []),
                planted(good, column, levels + levels),
            ]
            level[f"{column} must be positive, finite numbers"] = [
                planted(good, column, [*levels[:-1], value]) for value in (0.0, -1.0, *NOT_FINITE, None)
            ]
        level[f"each of {prices} must have its size"] = [planted(good, sizes, [2.0] * (LEVELS - 1))]
        swapped = good[prices][0].to_list()
        swapped[3], swapped[4] = swapped[4], swapped[3]
        level[f"{prices} must run from the best price outwards, none twice"] = [
            planted(good, prices, swapped),
            planted(good, prices, [swapped[0]] * LEVELS),
        ]
    crossed = planted(good, "ask_prices", (98.0 + np.arange(LEVELS)).tolist())
    return {
        **in_order_violations(good, MINUTE),
        "no two snapshots may lie in the same minute": [shifted(good, timedelta(seconds=-1))],
        "known_at must not lie before ts": [shifted(good, -MINUTE, "known_at")],
        **level,
        "the best bid must lie below the best ask": [crossed],
    }


def good_trades() -> pl.DataFrame:
    """A hundred trades, some in the same instant."""
    ts = [midnight(DAY) + timedelta(seconds=number // 2) for number in range(100)]
    return pl.DataFrame(
        {
            "id": [str(number) for number in range(100)],
            "ts": ts,
            "known_at": ts,
            "price": 100.0 + np.arange(100) / 100,
            "size": np.full(100, 0.5),
            "side": ["buy", "sell"] * 50,
        },
        schema=TRADES_SCHEMA,
    )


def trade_violations() -> Violations:
    """Of the rules of `trades`."""
    good = good_trades()
    return {
        "id must not be empty": [planted(good, "id", ""), planted(good, "id", None)],
        "no two rows may have the same id": [planted(good, "id", "3")],
        "rows must be sorted by ts": [shifted(good, timedelta(seconds=-5))],
        "known_at must not lie before ts": [shifted(good, -MINUTE, "known_at")],
        **{
            rule: [planted(good, name, value) for value in (0.0, -1.0, *NOT_FINITE, None)]
            for name, rule in {
                "price": "price must be a positive, finite price",
                "size": "size must be positive and finite",
            }.items()
        },
        "side must be the taker's, buy or sell": [planted(good, "side", "short"), planted(good, "side", None)],
    }


def good_status(idle: bool = False) -> pl.DataFrame:
    """The accounts of a day with every minute traded, or with a stretch that was not."""
    runs = [(0, 1440, "traded")] if not idle else [(0, 600, "traded"), (600, 40, "unknown"), (640, 800, "traded")]
    rows = [(midnight(DAY) + MINUTE * begin, minutes, name) for begin, minutes, name in runs]
    return pl.DataFrame(rows, schema=STATUS_SCHEMA, orient="row")


def status_violations() -> Violations:
    """Of the rules of `minute_status`."""
    good = good_status(idle=True)
    return {
        "only traded, confirmed_empty, outage, unknown are statuses": [planted(good, "status", "filled")],
        "every run has a minute": [
            pl.concat([good[:1], good[1:2].with_columns(minutes=pl.lit(0, pl.Int32())), good[1:]])
        ],
        "the day begins at its first run and ends with its last": [good[1:], good[:2], good.clear()],
        "each run begins where the one before ends": [planted(good, "minutes", 39)],
        "neighbouring runs differ": [good.with_columns(status=pl.lit("traded"))],
    }


def schema_violations(good: pl.DataFrame) -> list[pl.DataFrame]:
    """A column that is absent, one too many, columns in another order, and one of another type."""
    first = good.columns[0]
    as_text = pl.col(first).cast(pl.String) if good.schema[first] != pl.String else pl.col(first).cast(pl.Categorical)
    return [
        good.drop(good.columns[-1]),
        good.with_columns(extra=1),
        good.select(good.columns[::-1]),
        good.with_columns(as_text),
    ]
