"""A close far from the close before it must be confirmed, or the candle is not believed.

On 2,840 recorded symbol-days, the crash of May 2021 and two listings among them, 124 minutes moved by more than
5 %, and each of them is real: a cap alone would throw away the days that matter most. What tells a move from
a bad tick is a second witness. The exchange's own hourly candle decides where there is one. Without it, either
of two is enough: the benchmark moved the same way in the same minute; or the candle's neighbours know the price,
because the bar opened near the close before it (it walked there, it did not jump) and the next bar traded near
its close. A splice jumps at its open, a bad tick is gone in the next bar: neither is confirmed by neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from huracan_assets.days import MINUTE

BENCHMARK_SHARE = 0.2  # of the cap: when the benchmark moves 1 % in a minute, everything moves
JUMP_SHARE = 0.5  # of the move; a bar that opens farther from the close before it has jumped
NEAR_SHARE = 0.25  # of the move; the next bar's range comes as near to the close
SAME = 1e-9  # relative, for prices that were rounded to doubles on two ways


@dataclass(frozen=True)
class ReturnCap:
    """The largest |log return| of a minute that is believed unseen, and the witnesses of larger ones.

    `hourly` are the symbol's own hourly candles, `benchmark` the minutes of another symbol that all follow; None
    where there are none. The benchmark is no witness of itself.
    """

    max_minute_return: float
    hourly: pl.DataFrame | None = None
    benchmark: pl.DataFrame | None = None


def has_large_return(candles: pl.DataFrame, max_minute_return: float) -> bool:
    """Whether a close lies beyond the cap from the close one minute before: only then are there witnesses to call."""
    return bool(candles.select(_beyond(max_minute_return).any()).item())


def unconfirmed_returns(candles: pl.DataFrame, cap: ReturnCap) -> pl.DataFrame:
    """The candles whose close lies beyond the cap from the close one minute before, and that nothing confirms.

    Args:
        candles: sorted by `ts`; a candle after a gap, or the first of all, has no return.

    Returns:
        `ts`, `log_return`, in order of time.
    """
    if not has_large_return(candles, cap.max_minute_return):
        return pl.DataFrame(schema={"ts": candles.schema["ts"], "log_return": pl.Float64()})
    before = pl.col("close").shift()
    joined = pl.col("ts").diff() == MINUTE
    moves = candles.select(
        "ts",
        "close",
        log_return=(pl.col("close") / before).log(),
        jump=(pl.col("open") / before).log(),
        next_low=pl.when(joined.shift(-1)).then(pl.col("low").shift(-1)),
        next_high=pl.when(joined.shift(-1)).then(pl.col("high").shift(-1)),
    ).filter(candles.select(_beyond(cap.max_minute_return).fill_null(False)).to_series())
    seen = _with_benchmark(_with_hours(moves, cap.hourly), cap.benchmark)
    confirmed = pl.when(pl.col("hour_low").is_null()).then(_by_benchmark(cap) | _by_neighbours()).otherwise(_by_hour())
    return seen.filter(~confirmed.fill_null(False)).select("ts", "log_return")


def _beyond(max_minute_return: float) -> pl.Expr:
    joined = pl.col("ts").diff() == MINUTE
    return joined & ((pl.col("close") / pl.col("close").shift()).log().abs() > max_minute_return)


def _with_hours(moves: pl.DataFrame, hourly: pl.DataFrame | None) -> pl.DataFrame:
    if hourly is None:
        return moves.with_columns(hour_low=pl.lit(None, pl.Float64()), hour_high=pl.lit(None, pl.Float64()))
    hours = hourly.select(hour="ts", hour_low="low", hour_high="high")
    return moves.with_columns(hour=pl.col("ts").dt.truncate("1h")).join(hours, on="hour", how="left")


def _with_benchmark(moves: pl.DataFrame, benchmark: pl.DataFrame | None) -> pl.DataFrame:
    if benchmark is None:
        return moves.with_columns(benchmark_return=pl.lit(None, pl.Float64()))
    step = pl.when(pl.col("ts").diff() == MINUTE).then((pl.col("close") / pl.col("close").shift()).log())
    return moves.join(benchmark.select("ts", benchmark_return=step), on="ts", how="left")


def _by_hour() -> pl.Expr:
    above = pl.col("close") >= pl.col("hour_low") * (1 - SAME)
    return above & (pl.col("close") <= pl.col("hour_high") * (1 + SAME))


def _by_benchmark(cap: ReturnCap) -> pl.Expr:
    along = pl.col("benchmark_return") * pl.col("log_return").sign()
    return (along >= BENCHMARK_SHARE * cap.max_minute_return).fill_null(False)


def _by_neighbours() -> pl.Expr:
    size = pl.col("log_return").abs()
    walked = pl.col("jump").abs() <= JUMP_SHARE * size
    near = (NEAR_SHARE * size).exp()
    found_there = (pl.col("next_low") <= pl.col("close") * near) & (pl.col("next_high") >= pl.col("close") / near)
    return (walked & found_there).fill_null(False)
