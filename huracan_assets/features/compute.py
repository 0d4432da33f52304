"""A day's features from the minutes before it, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl

from huracan_assets.days import DAY, MINUTES_PER_DAY, midnight
from huracan_assets.errors import ContractError
from huracan_assets.features.events import Events
from huracan_assets.features.kernels import Array
from huracan_assets.features.optional_inputs import NOTHING_MORE, OptionalInputs
from huracan_assets.features.recipe import RECIPE, WARM_UP_DAYS
from huracan_assets.features.window import Window
from huracan_assets.market.grid import STEP, MinuteGrid

TIME = pl.Datetime("us", "UTC")
PRICES = ("open", "high", "low", "close")
AMOUNTS = ("volume", "quote_volume", "trades", "taker_buy_volume")
LARGEST = 1e15  # of a price or an amount: a larger one is no sound number, and its products would overflow
RATE = {"rate": pl.col("rate")}
COUNT = {"open_interest": pl.col("open_interest")}
SCORE = {"score": pl.col("score")}
BOOK = {
    "bid": pl.col("bid_prices").list.first(),
    "ask": pl.col("ask_prices").list.first(),
    "bid_size": pl.col("bid_sizes").list.first(),
    "ask_size": pl.col("ask_sizes").list.first(),
    "bid_depth": pl.col("bid_sizes").list.sum(),
    "ask_depth": pl.col("ask_sizes").list.sum(),
}


def compute_features(
    day: date,
    candles: pl.DataFrame,
    benchmark: pl.DataFrame | None,
    funding: pl.DataFrame | None,
    more: OptionalInputs = NOTHING_MORE,
) -> pl.DataFrame:
    """The features frame of `day`: `ts`, `known_at`, then the recipe's columns as Float32, null where undefined.

    Reads the candles that open in [day - WARM_UP_DAYS, day] and the events of the same span; whatever else the frames
    hold is not looked at, so the bits are those of any other call with the same minutes.

    Args:
        candles: candles frame, sorted by ts; minutes and whole days of the warm-up may be missing.
        benchmark: the benchmark's candles; the symbol's own for the benchmark itself, None where there are none.
        funding: funding frame, sorted by ts; None where there is none.
        more: what a lake may lack.

    Returns:
        one row for each candle of the day; none where the day has no candle.
    """
    window = day_window(day, candles, benchmark, funding, more)
    times = _between(candles, midnight(day), midnight(day + DAY)).select(ts=pl.col("ts").cast(TIME))
    rows = (times["ts"].dt.epoch("us").to_numpy() - window.grid.start.astype(np.int64)) // STEP.astype(np.int64)
    features = [
        pl.Series(name, values[rows].astype(np.float32), nan_to_null=True)
        for name, values in compute_window(window).items()
    ]
    return times.with_columns((pl.col("ts") + pl.duration(minutes=1)).alias("known_at"), *features)


def compute_window(window: Window) -> dict[str, Array]:
    """Every feature over the window's minutes, (n,) float64 each; rows before `first_row` are not valid."""
    with np.errstate(invalid="ignore"):  # NaN is how a missing minute travels
        return {feature.name: feature.compute(window) for feature in RECIPE}


def day_window(
    day: date,
    candles: pl.DataFrame,
    benchmark: pl.DataFrame | None,
    funding: pl.DataFrame | None,
    more: OptionalInputs = NOTHING_MORE,
) -> Window:
    """The frames' minutes of [day - WARM_UP_DAYS, day] on dense grids; arguments as `compute_features`."""
    first = day - WARM_UP_DAYS * DAY
    opens, ends = midnight(first), midnight(day + DAY)

    def dense(frame: pl.DataFrame) -> MinuteGrid:
        return sound(MinuteGrid.from_candles(_between(frame, opens, ends), first, day))

    # An event at the very end of the day belongs to the next day's partition, as a candle opening there does.
    def events(frame: pl.DataFrame | None, columns: Mapping[str, pl.Expr]) -> Events | None:
        return None if frame is None else Events.from_frame(_between(frame, opens, ends), columns)

    return Window(
        grid=dense(candles),
        benchmark=None if benchmark is None else dense(benchmark),
        first_row=WARM_UP_DAYS * MINUTES_PER_DAY,
        funding=events(funding, RATE),
        open_interest=events(more.open_interest, COUNT),
        order_books=events(more.order_books, BOOK),
        perpetual=None if more.perpetual is None else dense(more.perpetual),
        sentiment=events(more.sentiment, SCORE),
    )


def sound(grid: MinuteGrid) -> MinuteGrid:
    """The grid without what is no number of a market: a minute with an unsound price is absent, a volume unknown.

    Contracts refuse such candles where they come in; here a feature's promise never to be infinite is kept.
    """
    prices = np.stack([getattr(grid, name) for name in PRICES])
    with np.errstate(invalid="ignore"):
        whole = np.all((prices > 1.0 / LARGEST) & (prices < LARGEST), axis=0)
        amounts = {name: getattr(grid, name) for name in AMOUNTS}
        columns: dict[str, Any] = {
            name: np.where(whole & (x >= 0.0) & (x < LARGEST), x, np.nan) for name, x in amounts.items()
        }
    columns |= {name: np.where(whole, x, np.nan) for name, x in zip(PRICES, prices, strict=True)}
    return replace(grid, present=whole, **columns)


def _between(frame: pl.DataFrame, opens: datetime, ends: datetime) -> pl.DataFrame:
    """The rows of a sorted frame with opens <= ts < ends, found by bisection."""
    low, high = frame["ts"].search_sorted(opens, side="left"), frame["ts"].search_sorted(ends, side="left")
    return frame.slice(low, high - low)


def decision_bars(features: pl.DataFrame, decision_minutes: int) -> pl.DataFrame:
    """The rows on which decisions are taken: `as_of` (= known_at), then the feature columns.

    Args:
        features: features frames of one symbol, one below the other, in order.
        decision_minutes: a bar ends at each multiple of it since midnight UTC; one whose last minute is
            missing does not exist.

    Raises:
        ContractError: decision_minutes does not divide a day, or the rows are not in order.
    """
    if decision_minutes < 1 or MINUTES_PER_DAY % decision_minutes:
        raise ContractError(f"decision_minutes {decision_minutes} does not divide a day: choose one of its divisors")
    if not features["known_at"].is_sorted():
        raise ContractError("features are not sorted by known_at: put the days in order before taking decision bars")
    minute = pl.col("known_at").dt.hour().cast(pl.Int32) * 60 + pl.col("known_at").dt.minute()
    names: Sequence[str] = [name for name in features.columns if name not in ("ts", "known_at")]
    return features.filter(minute % decision_minutes == 0).select(pl.col("known_at").alias("as_of"), *names)
