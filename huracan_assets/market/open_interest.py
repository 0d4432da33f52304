"""Open interest: how many contracts of a perpetual stand open, as its exchange counts them."""

from __future__ import annotations

import polars as pl

from huracan_assets.market.contract import TIME, Rule, amount, hold, in_order

OPEN_INTEREST_SCHEMA: dict[str, pl.DataType] = {
    "ts": TIME,
    "known_at": TIME,
    "open_interest": pl.Float64(),  # in the base coin
    "open_interest_value": pl.Float64(),  # in the quote coin; null where the source does not tell it
}

OPEN_INTEREST_RULES: tuple[Rule, ...] = (
    *in_order(),
    Rule("known_at must not lie before ts", pl.col("known_at") >= pl.col("ts"), ("ts", "known_at")),
    amount("open_interest", optional=False),
    amount("open_interest_value", optional=True),
)


def validate_open_interest(frame: pl.DataFrame, *, symbol: str, origin: str) -> pl.DataFrame:
    """The counts, unchanged, once they keep `OPEN_INTEREST_SCHEMA` and its rules.

    `ts` is the instant that was counted. A source that publishes a count later says so in `known_at`.

    Raises:
        CandleError: a column or type is wrong, or a row breaks a rule; names origin, symbol, row and rule.
    """
    return hold(frame, OPEN_INTEREST_SCHEMA, OPEN_INTEREST_RULES, f"open interest of {symbol}", origin, None)
