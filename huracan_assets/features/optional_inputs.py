"""Inputs that a lake may lack: their features are null without them, and nothing else changes."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from huracan_assets.market.contract import CANDLE_SCHEMA, TIME
from huracan_assets.market.open_interest import OPEN_INTEREST_SCHEMA
from huracan_assets.market.order_books import ORDER_BOOKS_SCHEMA

# Pluggable: whoever scores sentiment writes such frames; -1 fear to 1 greed.
SENTIMENT_SCHEMA: dict[str, pl.DataType] = {"ts": TIME, "known_at": TIME, "score": pl.Float64()}


@dataclass(frozen=True)
class OptionalInputs:
    """Frames sorted by `ts`, of one symbol; None where there is none.

    Args:
        open_interest: counts of the perpetual's open contracts (`market/open_interest.py`).
        order_books: snapshots of the best levels (`market/order_books.py`).
        perpetual: candles of the perpetual, where the symbol's own are of the spot market.
        sentiment: scores as in `SENTIMENT_SCHEMA`.
    """

    open_interest: pl.DataFrame | None = None
    order_books: pl.DataFrame | None = None
    perpetual: pl.DataFrame | None = None
    sentiment: pl.DataFrame | None = None


# The asset in the lake that each is read from. The market room makes all but sentiment, which is absent until
# somebody writes it.
OPTIONAL_ASSETS: dict[str, str] = {
    "open_interest": "open_interest",
    "order_books": "order_books",
    "perpetual": "perpetual_candles",
    "sentiment": "sentiment",
}
OPTIONAL_SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    "open_interest": OPEN_INTEREST_SCHEMA,
    "order_books": ORDER_BOOKS_SCHEMA,
    "perpetual": CANDLE_SCHEMA,
    "sentiment": SENTIMENT_SCHEMA,
}
NOTHING_MORE = OptionalInputs()
