"""Trades as the exchange reports them, one row each (an aggregate counts as one)."""

from __future__ import annotations

import polars as pl

from huracan_assets.market.contract import TIME, Rule, hold, price

SIDES = ("buy", "sell")

TRADES_SCHEMA: dict[str, pl.DataType] = {
    "id": pl.String(),  # as the exchange spells it
    "ts": TIME,
    "known_at": TIME,
    "price": pl.Float64(),  # in the quote coin
    "size": pl.Float64(),  # in the base coin
    "side": pl.String(),  # the taker's: buy or sell
}

TRADES_RULES: tuple[Rule, ...] = (
    Rule("id must not be empty", pl.col("id").str.len_chars() > 0, ("id",)),
    Rule("no two rows may have the same id", pl.col("id").is_unique(), ("id",)),
    Rule("rows must be sorted by ts", pl.col("ts").diff().fill_null(pl.duration()) >= pl.duration(), ("ts",)),
    Rule("known_at must not lie before ts", pl.col("known_at") >= pl.col("ts"), ("ts", "known_at")),
    price("price"),
    Rule("size must be positive and finite", pl.col("size").is_finite() & (pl.col("size") > 0), ("size",)),
    Rule("side must be the taker's, buy or sell", pl.col("side").is_in(SIDES), ("side",)),
)


def validate_trades(frame: pl.DataFrame, *, symbol: str, origin: str) -> pl.DataFrame:
    """The trades, unchanged, once they keep `TRADES_SCHEMA` and its rules; trades of one instant stay as they came.

    Raises:
        CandleError: a column or type is wrong, or a row breaks a rule; names origin, symbol, row and rule.
    """
    return hold(frame, TRADES_SCHEMA, TRADES_RULES, f"trades of {symbol}", origin, None)
