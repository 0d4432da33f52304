"""A window of candles as dense arrays on every minute, for the loops that walk minute by minute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from huracan_assets.days import MINUTES_PER_DAY
from huracan_assets.errors import ContractError

Times = npt.NDArray[np.datetime64]
Floats = npt.NDArray[np.float64]

STEP = np.timedelta64(60_000_000, "us")
VALUES = ("open", "high", "low", "close", "volume", "quote_volume", "trades", "taker_buy_volume")


@dataclass(frozen=True)
class MinuteGrid:
    """Every minute of a window, NaN where the source has none.

    `start` is 00:00 UTC of the first day as `datetime64[us]`; the arrays have shape (n,), n = 1440 a day;
    prices in the quote coin, volumes in the base coin; `present` is true where the source has the minute.
    """

    start: np.datetime64
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    quote_volume: Floats
    trades: Floats
    taker_buy_volume: Floats
    present: npt.NDArray[np.bool_]

    @classmethod
    def from_candles(cls, frame: pl.DataFrame, first_day: date, last_day: date) -> MinuteGrid:
        """The candles of [first_day, last_day] on the grid; rows outside these days are left out.

        Args:
            frame: candles of one symbol, as in `CANDLE_SCHEMA`.

        Raises:
            ContractError: the days are reversed, a `ts` lies between minutes, or one comes twice.
        """
        if last_day < first_day:
            raise ContractError(f"a minute grid from {first_day} to {last_day} has no minute: swap the days")
        count = ((last_day - first_day).days + 1) * MINUTES_PER_DAY
        start = np.datetime64(first_day, "us")
        offset = frame["ts"].dt.epoch("us").to_numpy() - start.astype(np.int64)
        place, rest = np.divmod(offset, STEP.astype(np.int64))
        inside = (place >= 0) & (place < count)
        place = place[inside]
        present = np.zeros(count, dtype=np.bool_)
        present[place] = True
        if rest[inside].any() or np.count_nonzero(present) != place.size:
            raise ContractError("candles lie between minutes or come twice: validate them before gridding")
        columns: dict[str, Any] = {}
        for name in VALUES:
            dense = np.full(count, np.nan)
            dense[place] = frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()[inside]
            columns[name] = dense
        return cls(start=start, present=present, **columns)

    def __len__(self) -> int:
        return self.present.size

    @property
    def ts(self) -> Times:
        """The open of every minute, (n,) `datetime64[us]`."""
        return self.start + np.arange(len(self)) * STEP

    @property
    def known_at(self) -> Times:
        """The close of every minute, when its candle became known, (n,) `datetime64[us]`."""
        return self.ts + STEP
