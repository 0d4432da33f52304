"""The candle contract: what every source owes, and what every later room may rely on.

A candle stands at its open `ts` and is known at its close, one minute later. A minute that the source lacks
is absent; nothing is filled, rounded or sorted into shape here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from huracan_assets.days import DAY, HOUR, MINUTE, midnight
from huracan_assets.errors import CandleError
from huracan_assets.market.capped_returns import ReturnCap, unconfirmed_returns

if TYPE_CHECKING:
    import pandera.polars as pa

TIME = pl.Datetime("us", "UTC")

CANDLE_SCHEMA: dict[str, pl.DataType] = {
    "ts": TIME,
    "known_at": TIME,
    "open": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "close": pl.Float64(),
    "volume": pl.Float64(),
    "quote_volume": pl.Float64(),
    "trades": pl.Int64(),
    "taker_buy_volume": pl.Float64(),
}
PRICES = ("open", "high", "low", "close")
# A source's own hourly candles: the same columns, known an hour after their open.
HOURLY_SCHEMA = CANDLE_SCHEMA
REQUIRED = ("ts", *PRICES, "volume")
OPTIONAL = ("quote_volume", "trades", "taker_buy_volume")

FUNDING_SCHEMA: dict[str, pl.DataType] = {"ts": TIME, "rate": pl.Float64()}

MINUTE_US = 60_000_000
# Exchanges round the amounts they tell, some to cents; a volume that is wrong is wrong by more.
AMOUNT_ROUNDING = 0.01
AMOUNT_CENT = 0.01


@dataclass(frozen=True)
class Rule:
    """A sentence of a contract: `holds` is true on a row that keeps it, `shows` are the columns to quote."""

    sentence: str
    holds: pl.Expr
    shows: tuple[str, ...]


def amount(column: str, *, optional: bool) -> Rule:
    """Not negative, and finite: to polars NaN and inf are above every number, so `>= 0` alone lets both pass."""
    sound = pl.col(column).is_finite() & (pl.col(column) >= 0)
    holds = pl.col(column).is_null() | sound if optional else sound
    return Rule(f"{column} must be finite and not negative", holds, (column,))


def price(column: str) -> Rule:
    """Positive and finite."""
    holds = pl.col(column).is_finite() & (pl.col(column) > 0)
    return Rule(f"{column} must be a positive, finite price", holds, (column,))


def in_order() -> tuple[Rule, ...]:
    """Strictly increasing `ts`."""
    step = pl.col("ts").diff()
    first = pl.int_range(pl.len()) == 0
    return (
        Rule("no two rows may have the same ts", first | (step != pl.duration()), ("ts",)),
        Rule("rows must be sorted by ts", first | (step >= pl.duration()), ("ts",)),
    )


def within_days(first: date, last: date) -> Rule:
    """`ts` lies in the days [first, last]."""
    return Rule(
        f"ts must lie within {first}" if first == last else f"ts must lie within {first} to {last}",
        (pl.col("ts") >= midnight(first)) & (pl.col("ts") < midnight(last + DAY)),
        ("ts",),
    )


CANDLE_RULES: tuple[Rule, ...] = (
    Rule("ts must lie on a whole minute", pl.col("ts").dt.epoch("us") % MINUTE_US == 0, ("ts",)),
    *in_order(),
    Rule("known_at must be ts + 1 minute", pl.col("known_at") == pl.col("ts") + MINUTE, ("known_at",)),
    *(price(column) for column in PRICES),
    Rule("low must not exceed open or close", pl.col("low") <= pl.min_horizontal("open", "close"), PRICES),
    Rule("high must not miss open or close", pl.col("high") >= pl.max_horizontal("open", "close"), PRICES),
    amount("volume", optional=False),
    amount("quote_volume", optional=True),
    Rule("trades must not be negative", pl.col("trades").is_null() | (pl.col("trades") >= 0), ("trades",)),
    amount("taker_buy_volume", optional=True),
    Rule(
        "taker_buy_volume must not exceed volume",
        pl.col("taker_buy_volume").is_null() | (pl.col("taker_buy_volume") <= pl.col("volume")),
        ("taker_buy_volume", "volume"),
    ),
    Rule(
        "a bar without volume must be flat",
        (pl.col("volume") > 0) | (pl.max_horizontal(PRICES) == pl.min_horizontal(PRICES)),
        (*PRICES, "volume"),
    ),
    Rule(
        "quote_volume must be volume at a price of the bar",
        pl.col("quote_volume").is_null()
        | pl.col("quote_volume").is_between(
            pl.col("volume") * pl.col("low") * (1 - AMOUNT_ROUNDING) - AMOUNT_CENT,
            pl.col("volume") * pl.col("high") * (1 + AMOUNT_ROUNDING) + AMOUNT_CENT,
        ),
        ("quote_volume", "volume", "low", "high"),
    ),
)
RETURN_SENTENCE = "a return beyond the cap must be confirmed by the hour, the benchmark or its neighbours"

HOURLY_RULES: tuple[Rule, ...] = (
    Rule("ts must lie on a whole hour", pl.col("ts").dt.epoch("us") % (60 * MINUTE_US) == 0, ("ts",)),
    Rule("known_at must be ts + 1 hour", pl.col("known_at") == pl.col("ts") + HOUR, ("known_at",)),
    *(rule for rule in CANDLE_RULES if "minute" not in rule.sentence),
)

FUNDING_RULES: tuple[Rule, ...] = (
    Rule("rate must be finite", pl.col("rate").is_finite(), ("rate",)),
    *in_order(),
)


def to_candles(raw: pl.DataFrame) -> pl.DataFrame:
    """A source's columns in the contract's order and types; `known_at` added, absent optional ones null.

    Columns beyond the contract are left out. A required one that is absent raises polars'
    ColumnNotFoundError: the caller, who knows the file, reports it first.
    """
    return raw.select(
        pl.col("ts").cast(TIME),
        (pl.col("ts").cast(TIME) + MINUTE).alias("known_at"),
        *(pl.col(name).cast(CANDLE_SCHEMA[name]) for name in (*PRICES, "volume")),
        *(
            (pl.col(name) if name in raw.columns else pl.lit(None)).cast(CANDLE_SCHEMA[name]).alias(name)
            for name in OPTIONAL
        ),
    )


def to_hourly(raw: pl.DataFrame) -> pl.DataFrame:
    """As `to_candles`, of hours."""
    return to_candles(raw).with_columns(known_at=pl.col("ts") + HOUR)


def empty_candles() -> pl.DataFrame:
    """No candles, in the contract's shape."""
    return pl.DataFrame(schema=CANDLE_SCHEMA)


def validate_candles(frame: pl.DataFrame, *, symbol: str, day: date, origin: str) -> pl.DataFrame:
    """The candles of one day, unchanged, once they keep the contract; see `validate_range`."""
    return validate_range(frame, symbol=symbol, first=day, last=day, origin=origin)


def validate_returns(frame: pl.DataFrame, cap: ReturnCap, *, symbol: str, origin: str) -> pl.DataFrame:
    """Candles that keep `CANDLE_RULES`, unchanged, once each return beyond the cap is confirmed.

    Raises:
        CandleError: one is not; names origin, symbol, row and rule.
    """
    alone = unconfirmed_returns(frame, cap)["ts"]
    if not alone.is_empty():
        rule = Rule(RETURN_SENTENCE, ~pl.col("ts").is_in(alone.implode()), PRICES)
        hold(frame, CANDLE_SCHEMA, (rule,), f"candles of {symbol}", origin, None)
    return frame


def validate_range(
    frame: pl.DataFrame,
    *,
    symbol: str,
    first: date,
    last: date,
    origin: str,
    rows: Sequence[int] | None = None,
) -> pl.DataFrame:
    """The candles of the days [first, last], unchanged, once they keep the contract.

    One pass over many days costs as much as one day: pandera's price is by the call.

    Args:
        frame: candles as in `CANDLE_SCHEMA`.
        origin: the file or address they came from, for the message.
        rows: each row's number in the origin, from 0; its place in `frame` where None.

    Raises:
        CandleError: a column or type is wrong, or a row breaks a rule; names origin, symbol, day, row, rule.
    """
    rules = (*CANDLE_RULES, within_days(first, last))
    return hold(frame, CANDLE_SCHEMA, rules, f"candles of {symbol}", origin, rows)


def validate_hourly(frame: pl.DataFrame, *, symbol: str, origin: str) -> pl.DataFrame:
    """The hourly candles, unchanged, once they keep `HOURLY_SCHEMA` and its rules.

    Raises:
        CandleError: as `validate_range`.
    """
    return hold(frame, HOURLY_SCHEMA, HOURLY_RULES, f"hourly candles of {symbol}", origin, None)


def validate_perpetual(frame: pl.DataFrame, *, symbol: str, origin: str) -> pl.DataFrame:
    """The minute candles of a symbol's perpetual, unchanged, once they keep `CANDLE_SCHEMA` and its rules.

    Raises:
        CandleError: as `validate_range`.
    """
    return hold(frame, CANDLE_SCHEMA, CANDLE_RULES, f"perpetual candles of {symbol}", origin, None)


def validate_funding(frame: pl.DataFrame, *, symbol: str, origin: str) -> pl.DataFrame:
    """The funding events, unchanged, once they keep `FUNDING_SCHEMA` and its rules.

    Raises:
        CandleError: as `validate_range`.
    """
    return hold(frame, FUNDING_SCHEMA, FUNDING_RULES, f"funding of {symbol}", origin, None)


def hold(
    frame: pl.DataFrame,
    schema: dict[str, pl.DataType],
    rules: tuple[Rule, ...],
    what: str,
    origin: str,
    rows: Sequence[int] | None,
) -> pl.DataFrame:
    """The frame, unchanged, once it has `schema` and keeps `rules`.

    Args:
        what: the rows, in words, for the message.
        rows: each row's number in the origin; its place in `frame` where None.

    Raises:
        CandleError: a column or type is wrong, or a row breaks a rule; names origin, row and rule.
    """
    import pandera.errors

    try:
        _contract(schema, rules).validate(frame)
    except pandera.errors.SchemaError as error:
        if frame.schema != schema:
            raise CandleError(f"{origin}: {what} have not the contract's columns: {error}") from error
        raise CandleError(f"{origin}: {what} {first_breach(frame, rules, rows)}") from error
    return frame


def first_breach(frame: pl.DataFrame, rules: Sequence[Rule], rows: Sequence[int] | None = None) -> str:
    """The first row that breaks a rule, in words: day, row, rule and the values it shows.

    Args:
        rows: each row's number in its origin; its place in `frame` where None.
    """
    kept = frame.select(rule.holds.fill_null(False).alias(str(number)) for number, rule in enumerate(rules))
    place = kept.select(pl.all_horizontal(pl.all()).arg_min()).item()
    rule = next(rule for number, rule in enumerate(rules) if not kept[str(number)][place])
    row = frame.row(place, named=True)
    values = ", ".join(f"{name} {row[name]}" for name in rule.shows)
    when = "an unknown time" if row["ts"] is None else f"{row['ts']:%Y-%m-%d %H:%M:%S} UTC"
    number = place if rows is None else rows[place]
    where = f"at {when}, row {number} (from 0)"
    return f"break the contract {where}: {rule.sentence} ({values}); fetch or correct the row"


def _contract(schema: dict[str, pl.DataType], rules: tuple[Rule, ...]) -> pa.DataFrameSchema:
    """The pandera schema: columns in order with types; all rules are one check, its price is by the check.

    A null is a breach, except where a rule allows it: pandera's own null check costs more and names no row.
    """
    import pandera.polars as pa

    held = pl.all_horizontal(rule.holds.fill_null(False) for rule in rules).all()

    def every_rule_holds(data: pa.PolarsData) -> bool:
        return bool(data.lazyframe.select(held).collect().item())

    return pa.DataFrameSchema(
        {name: pa.Column(kind, nullable=True) for name, kind in schema.items()},
        checks=pa.Check(every_rule_holds, name="contract"),
        strict=True,
        ordered=True,
    )
