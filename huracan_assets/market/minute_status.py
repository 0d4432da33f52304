"""Every minute of a symbol-day accounted for: traded, confirmed empty, an outage of the venue, or unknown.

- `traded`: a bar with volume.
- `confirmed_empty`: a flat bar without volume; or no bar, while the exchange's own hourly candle holds no more
  volume than the hour's bars do: nothing was lost because nothing was traded.
- `outage`: no bar, and no witness that has candles that day, two of them at least, has one either.
- `unknown`: no bar otherwise, or one that contradicts itself (it moved without volume).

A halt of the venue is asked for first: in a halted hour the hourly candle confirms the volume, too, but nobody
could trade.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from huracan_assets.days import DAY, MINUTES_PER_DAY, midnight
from huracan_assets.errors import ContractError
from huracan_assets.market.contract import MINUTE_US, PRICES, TIME
from huracan_assets.market.reaggregation import MINUTES_PER_HOUR, hours_with_more

Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int8]

TRADED, CONFIRMED_EMPTY, OUTAGE, UNKNOWN = "traded", "confirmed_empty", "outage", "unknown"
STATUSES = (TRADED, CONFIRMED_EMPTY, OUTAGE, UNKNOWN)
STATUS_SCHEMA: dict[str, pl.DataType] = {"begin": TIME, "minutes": pl.Int32(), "status": pl.String()}

LEAST_WITNESSES = 2
HOURS = 24


def minute_status(
    day: date, candles: pl.DataFrame, hourly: pl.DataFrame | None, witnesses: Sequence[pl.DataFrame]
) -> pl.DataFrame:
    """The status of each minute of `day` as runs of equal minutes, in order.

    Args:
        candles: the day's candles of the symbol, validated; rows of other days are not looked at.
        hourly: the source's own hourly candles of the day; None where it has none.
        witnesses: the day's candles of other symbols of the venue; one without a candle that day says nothing.

    Returns:
        Rows of `STATUS_SCHEMA`: `minutes` minutes from `begin` on have `status`; 1,440 in all.
    """
    of_day = _of_day(candles, day)
    at, present = _minutes(of_day, day), _presence(of_day, day)
    codes = np.full(MINUTES_PER_DAY, STATUSES.index(UNKNOWN), np.int8)
    if hourly is not None:
        codes[~present & _hour_is_whole(day, of_day, hourly)] = STATUSES.index(CONFIRMED_EMPTY)
    testified = [presence for presence in (_presence(frame, day) for frame in witnesses) if presence.any()]
    if len(testified) >= LEAST_WITNESSES:
        codes[~present & ~np.logical_or.reduce(testified)] = STATUSES.index(OUTAGE)
    flat = of_day.select(pl.min_horizontal(PRICES) == pl.max_horizontal(PRICES)).to_series().to_numpy()
    traded = (of_day["volume"] > 0).to_numpy()
    codes[at[traded]] = STATUSES.index(TRADED)
    codes[at[~traded & flat]] = STATUSES.index(CONFIRMED_EMPTY)
    return _runs(day, codes)


def absent_minutes(candles: pl.DataFrame, day: date) -> int:
    """Minutes of `day` for which there is no candle, which alone need witnesses."""
    return int(MINUTES_PER_DAY - np.count_nonzero(_presence(candles, day)))


def unknown_minutes(status: pl.DataFrame) -> int:
    """Minutes of a status frame of which nobody knows what happened."""
    return minutes_by_status(status)[UNKNOWN]


def minutes_by_status(status: pl.DataFrame) -> dict[str, int]:
    """Minutes of a status frame by status, all four named, in the order of `STATUSES`."""
    counted = dict(status.group_by("status").agg(pl.col("minutes").sum()).iter_rows())
    return {name: int(counted.get(name, 0)) for name in STATUSES}


def stretches(status: pl.DataFrame, named: str = UNKNOWN) -> pl.DataFrame:
    """`begin, end, minutes`: the unbroken stretches of one status, joined across midnight.

    Args:
        status: status frames of days in order, one below the other.

    Returns:
        In order of time; `end` is the first minute after the stretch.
    """
    end = pl.col("begin") + pl.duration(minutes=pl.col("minutes"))
    runs = status.filter(pl.col("status") == named).select("begin", "minutes", end=end)
    joined = (pl.col("begin") != pl.col("end").shift()).fill_null(True).cum_sum()
    return (
        runs.group_by(joined.alias("stretch"), maintain_order=True)
        .agg(pl.col("begin").first(), pl.col("end").last(), pl.col("minutes").sum().cast(pl.Int32))
        .drop("stretch")
    )


def minute_mask(status: pl.DataFrame, first: date, last: date, named: str = UNKNOWN) -> Bools:
    """Which minutes of [first, last] have a status, (n,), n = 1,440 a day; false on days `status` lacks."""
    mask = np.zeros(((last - first).days + 1) * MINUTES_PER_DAY, np.bool_)
    begin_us = int(midnight(first).timestamp()) * 1_000_000
    for begin, minutes in (
        status.filter(pl.col("status") == named)
        .select((pl.col("begin").dt.epoch("us") - begin_us) // MINUTE_US, "minutes")
        .iter_rows()
    ):
        mask[max(0, begin) : max(0, begin + minutes)] = True
    return mask


def status_rules(status: pl.DataFrame, day: date) -> dict[str, bool]:
    """Each rule of the contract, and whether a frame of `STATUS_SCHEMA` keeps it."""
    begins = status["begin"].to_list()
    ends = status.select(pl.col("begin") + pl.duration(minutes=pl.col("minutes"))).to_series().to_list()
    names = status["status"].to_list()
    return {
        f"only {', '.join(STATUSES)} are statuses": set(names) <= set(STATUSES),
        "every run has a minute": bool((status["minutes"] > 0).fill_null(False).all()),
        "the day begins at its first run and ends with its last": (
            bool(begins) and begins[0] == midnight(day) and ends[-1] == midnight(day + DAY)
        ),
        "each run begins where the one before ends": begins[1:] == ends[:-1],
        "neighbouring runs differ": all(before != after for before, after in pairwise(names)),
    }


def validate_status(status: pl.DataFrame, *, symbol: str, day: date) -> pl.DataFrame:
    """The frame itself, if it accounts for every minute of `day` once, in runs as long as they can be.

    Raises:
        ContractError: it does not; the message names symbol, day, and the rule.
    """
    if status.schema != pl.Schema(STATUS_SCHEMA):
        raise ContractError(f"minute_status of {day}|{symbol} has the schema {dict(status.schema)}; {_again()}")
    broken = [rule for rule, holds in status_rules(status, day).items() if not holds]
    if broken:
        raise ContractError(f"minute_status of {day}|{symbol} breaks the contract: {'; '.join(broken)}; {_again()}")
    return status


def _again() -> str:
    return "materialise minute_status again"


def _of_day(candles: pl.DataFrame, day: date) -> pl.DataFrame:
    return candles.filter((pl.col("ts") >= midnight(day)) & (pl.col("ts") < midnight(day + DAY)))


def _minutes(of_day: pl.DataFrame, day: date) -> npt.NDArray[np.int64]:
    """The minute since midnight of each candle."""
    return (of_day["ts"] - midnight(day)).dt.total_minutes().to_numpy()


def _presence(candles: pl.DataFrame, day: date) -> Bools:
    present = np.zeros(MINUTES_PER_DAY, np.bool_)
    present[_minutes(_of_day(candles, day), day)] = True
    return present


def _hour_is_whole(day: date, of_day: pl.DataFrame, hourly: pl.DataFrame) -> Bools:
    """(1440,) whether the minute's hour has an hourly candle that holds no more volume than its bars do."""
    hours = _of_day(hourly, day)
    lacking = hours_with_more(of_day, hours)
    whole = np.zeros(HOURS, np.bool_)
    whole[_minutes(hours.filter(~pl.col("ts").is_in(lacking.implode())), day) // MINUTES_PER_HOUR] = True
    return np.repeat(whole, MINUTES_PER_HOUR)


def _runs(day: date, codes: Codes) -> pl.DataFrame:
    starts = np.flatnonzero(np.concatenate([[True], np.diff(codes) != 0]))
    return pl.DataFrame(
        {
            "begin": midnight(day) + pl.Series(starts * 60_000_000).cast(pl.Duration("us")),
            "minutes": np.diff(starts, append=len(codes)),
            "status": [STATUSES[code] for code in codes[starts]],
        },
        schema=STATUS_SCHEMA,
        strict=False,
    )
