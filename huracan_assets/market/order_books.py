"""Order-book snapshots: the best levels of both sides, at most one snapshot a minute."""

from __future__ import annotations

import polars as pl

from huracan_assets.market.contract import MINUTE_US, TIME, Rule, hold, in_order

LEVELS = 10
BOOK_SIDES = ("bid", "ask")

ORDER_BOOKS_SCHEMA: dict[str, pl.DataType] = {
    "ts": TIME,
    "known_at": TIME,
    "bid_prices": pl.List(pl.Float64()),  # in the quote coin, best first: descending
    "bid_sizes": pl.List(pl.Float64()),  # in the base coin
    "ask_prices": pl.List(pl.Float64()),  # best first: ascending
    "ask_sizes": pl.List(pl.Float64()),
}


def _levels(column: str) -> tuple[Rule, ...]:
    """One to `LEVELS` positive, finite numbers."""
    cells = pl.col(column)
    sound = cells.list.eval(pl.element().is_finite() & (pl.element() > 0)).list.all()
    whole = cells.list.eval(pl.element().is_not_null()).list.all()
    return (
        Rule(f"{column} must have 1 to {LEVELS} levels", cells.list.len().is_between(1, LEVELS), (column,)),
        Rule(f"{column} must be positive, finite numbers", sound & whole, (column,)),
    )


def _side(side: str) -> tuple[Rule, ...]:
    prices, sizes = f"{side}_prices", f"{side}_sizes"
    steps = pl.col(prices).list.diff().list.drop_nulls()
    outward = steps.list.eval(pl.element() < 0 if side == "bid" else pl.element() > 0).list.all()
    return (
        *_levels(prices),
        *_levels(sizes),
        Rule(
            f"each of {prices} must have its size",
            pl.col(prices).list.len() == pl.col(sizes).list.len(),
            (prices, sizes),
        ),
        Rule(f"{prices} must run from the best price outwards, none twice", outward, (prices,)),
    )


def _one_a_minute() -> Rule:
    minute = pl.col("ts").dt.epoch("us") // MINUTE_US
    return Rule("no two snapshots may lie in the same minute", minute.is_first_distinct(), ("ts",))


ORDER_BOOKS_RULES: tuple[Rule, ...] = (
    *in_order(),
    _one_a_minute(),
    Rule("known_at must not lie before ts", pl.col("known_at") >= pl.col("ts"), ("ts", "known_at")),
    *(rule for side in BOOK_SIDES for rule in _side(side)),
    Rule(
        "the best bid must lie below the best ask",
        pl.col("bid_prices").list.first() < pl.col("ask_prices").list.first(),
        ("bid_prices", "ask_prices"),
    ),
)


def validate_order_books(frame: pl.DataFrame, *, symbol: str, origin: str) -> pl.DataFrame:
    """The snapshots, unchanged, once they keep `ORDER_BOOKS_SCHEMA` and its rules.

    `ts` is the instant of the book by the exchange's clock, `known_at` the later of it and of when it was received, so
    that no clock that runs behind makes a book known too early.

    Raises:
        CandleError: a column or type is wrong, or a row breaks a rule; names origin, symbol, row and rule.
    """
    return hold(frame, ORDER_BOOKS_SCHEMA, ORDER_BOOKS_RULES, f"order books of {symbol}", origin, None)
