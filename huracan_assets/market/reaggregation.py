"""Minutes against the hours of the same source: a second view that shows what no look at the minutes alone can.

Both sides of a comparison are candles of one symbol, as in `CANDLE_SCHEMA` and `HOURLY_SCHEMA`.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from huracan_assets.market.contract import PRICES, TIME

SUMS = ("volume", "quote_volume", "trades", "taker_buy_volume")
MINUTES_PER_HOUR = 60
TOLERANCE = 1e-9  # of a price or a sum: what the rounding to doubles may make
# Of a sum: each of its minutes is told with eight decimals; no minute, no rounding.
ROUNDING = 1e-8 * pl.col("minutes").fill_null(0)

_EXACT = pl.lit(0.0)

DISAGREEMENT_SCHEMA: dict[str, pl.DataType] = {
    "ts": TIME,
    "column": pl.String(),
    "was": pl.Float64(),
    "is": pl.Float64(),
}


_TRADED = pl.col("volume") > 0
_AGGREGATES = (
    pl.len().cast(pl.Int64).alias("minutes"),
    pl.col("open").first(),
    pl.col("high").max(),
    pl.col("low").min(),
    pl.col("close").last(),
    pl.col("open").filter(_TRADED).first().alias("traded_open"),
    pl.col("high").filter(_TRADED).max().alias("traded_high"),
    pl.col("low").filter(_TRADED).min().alias("traded_low"),
    pl.col("close").filter(_TRADED).last().alias("traded_close"),
    *(pl.when(pl.col(name).null_count() == 0).then(pl.col(name).cast(pl.Float64).sum()) for name in SUMS),
)


def disagreements(candles: pl.DataFrame, hourly: pl.DataFrame) -> pl.DataFrame:
    """Where the minutes contradict the hours: one row for each hour and column, sorted.

    An hour with all its minutes must agree in every column that both sides have. Of an hour that lacks minutes
    only the impossible is told: minutes beyond the hour's range, or more than all of its volume. Whether a
    minute without a trade has a bar, and whether that bar counts for the hour's open and range, differs between
    exchanges: both readings agree. An hour that traded and that `hourly` lacks is told as volume against null.
    Days without any hourly candle are not judged.

    Returns:
        As `DISAGREEMENT_SCHEMA`: `ts` (the hour), `column`, `was` (by the minutes), `is` (by the hour).
    """
    both = _compared(candles, hourly)
    told = [_rows(both.filter(f"wrong_{name}"), name) for name in COLUMNS if both[f"wrong_{name}"].any()]
    return pl.concat(told).sort("ts", "column") if told else pl.DataFrame(schema=DISAGREEMENT_SCHEMA)


def hours_with_more(candles: pl.DataFrame, hourly: pl.DataFrame) -> pl.Series:
    """The hours that lack minutes in which, by the hour's own volume, there were trades; sorted.

    The absent minutes of all other hours that `hourly` has are confirmed: nothing was traded in them.
    """
    return _compared(candles, hourly).filter("lacking")["ts"]


def doubtful_hours(candles: pl.DataFrame, hourly: pl.DataFrame) -> pl.Series:
    """The hours of `disagreements` and of `hours_with_more` together, sorted."""
    return _compared(candles, hourly).filter(_DOUBTFUL)["ts"]


def _reaggregated(candles: pl.DataFrame) -> pl.LazyFrame:
    hours = candles.lazy().with_columns(pl.col("ts").dt.truncate("1h"))
    return hours.group_by("ts", maintain_order=True).agg(_AGGREGATES)


def _compared(candles: pl.DataFrame, hourly: pl.DataFrame) -> pl.DataFrame:
    """Every hour of either side, sorted: what the minutes make of it, the hourly candle as `hour_...`, and flags."""
    made, told = _reaggregated(candles), hourly.lazy().select(_TOLD)
    return made.join(told, on="ts", how="full", coalesce=True).sort("ts").collect().with_columns(_FLAGS)


def _close(left: str, right: str, rounding: pl.Expr = _EXACT) -> pl.Expr:
    """Equal but for rounding; null on either side is no contradiction."""
    size = pl.max_horizontal(pl.col(left).abs(), pl.col(right).abs())
    return ((pl.col(left) - pl.col(right)).abs() <= TOLERANCE * size + rounding).fill_null(True)


def _either(name: str) -> pl.Expr:
    """The hour's price is that of all minutes, or that of the minutes with a trade."""
    traded = (pl.col(f"traded_{name}") - pl.col(f"hour_{name}")).abs() <= TOLERANCE * pl.col(f"hour_{name}")
    return _close(name, f"hour_{name}") | traded.fill_null(False)


def _flags() -> Iterator[pl.Expr]:
    """`wrong_...` of each column, and `lacking`; false where a side is absent but for the volume."""
    whole = pl.col("minutes") == MINUTES_PER_HOUR
    beyond = {
        "high": pl.col("traded_high") > pl.col("hour_high") * (1 + TOLERANCE),
        "low": pl.col("traded_low") < pl.col("hour_low") * (1 - TOLERANCE),
    }
    for name in PRICES:
        wrong = pl.when(whole).then(~_either(name)).otherwise(beyond.get(name, pl.lit(False)))
        yield wrong.fill_null(False).alias(f"wrong_{name}")
    judged = pl.col("hour_volume").is_not_null().any().over(pl.col("ts").dt.truncate("1d"))
    unheard = judged & pl.col("hour_volume").is_null() & (pl.col("volume") > 0)
    for name in SUMS:
        more = pl.col(name) > pl.col(f"hour_{name}") * (1 + TOLERANCE) + ROUNDING
        wrong = pl.when(whole).then(~_close(name, f"hour_{name}", ROUNDING)).otherwise(more).fill_null(False)
        yield (wrong | unheard if name == "volume" else wrong).alias(f"wrong_{name}")
    absent = pl.col("minutes").fill_null(0) < MINUTES_PER_HOUR
    more_volume = pl.col("hour_volume") > pl.col("volume").fill_null(0.0) * (1 + TOLERANCE) + ROUNDING
    yield (absent & more_volume).fill_null(False).alias("lacking")


# Built once: to build an expression takes longer than to compare a day.
COLUMNS = (*PRICES, *SUMS)
_TOLD = (pl.col("ts"), *(pl.col(name).cast(pl.Float64).alias(f"hour_{name}") for name in COLUMNS))
_FLAGS = tuple(_flags())
_DOUBTFUL = pl.any_horizontal("lacking", *(f"wrong_{name}" for name in COLUMNS))


def _rows(hours: pl.DataFrame, name: str) -> pl.DataFrame:
    return hours.select(
        "ts",
        pl.lit(name).alias("column"),
        pl.col(name).alias("was"),
        pl.col(f"hour_{name}").alias("is"),
    ).cast(DISAGREEMENT_SCHEMA)  # type: ignore[arg-type]
