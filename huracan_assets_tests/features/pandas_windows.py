"""What the pandas recipe is written in: rolling windows, exponential means and frames on every minute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl

Series = Any  # pd.Series[float]; the stubs know too little of rolling windows
Table = dict[str, Series]


def frame_of(candles: pl.DataFrame, first: str, minutes: int) -> pd.DataFrame:
    """Candles on every minute from `first` on, indexed by their open; NaN where there is none."""
    index = pd.date_range(first, periods=minutes, freq="min", tz="UTC")
    names = ["open", "high", "low", "close", "volume", "trades", "taker_buy_volume"]
    values = {name: candles[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in names}
    opens = pd.to_datetime(candles["ts"].dt.epoch("ms").to_numpy(), unit="ms", utc=True)
    return pd.DataFrame(values, index=opens).reindex(index)


def funding_of(events: pl.DataFrame) -> Series:
    """The rates of a funding frame by their time."""
    return pd.Series(
        events["rate"].to_numpy(), index=pd.to_datetime(events["ts"].dt.epoch("ms").to_numpy(), unit="ms", utc=True)
    )


def rolling(x: Series, window: int) -> Any:
    """A window that speaks from half of its minutes on."""
    return x.rolling(window, min_periods=(window + 1) // 2)


def zscore(x: Series, window: int) -> Series:
    """Standard score, population deviation."""
    past = rolling(x, window)
    return (x - past.mean()) / past.std(ddof=0)


def ema(x: Series, span: int) -> Series:
    """The usual exponential mean."""
    return x.ewm(span=span, adjust=False, ignore_na=True, min_periods=span).mean()


def wilder(x: Series, length: int) -> Series:
    """Wilder's smoothing."""
    return x.ewm(alpha=1 / length, adjust=False, ignore_na=True, min_periods=length).mean()


def still(x: Series, moved: Series, value: float) -> Series:
    """A ratio to `moved`, and what it is said to be where nothing moved."""
    return x.where(moved != 0, value)


def sampled_rank(x: Series) -> Series:
    """Rank among the values a quarter hour apart through a day."""
    below, equal, known = (pd.Series(0.0, index=x.index) for _ in range(3))
    for lag in range(0, 1440, 15):
        past = x.shift(lag)
        below += past < x
        equal += past == x
        known += past.notna()
    return ((below + 0.5 * equal) / known).where((known >= 48) & x.notna())


def imbalance(frame: pd.DataFrame, minutes: int) -> Series:
    """Net taken over traded volume."""
    net = 2 * frame.taker_buy_volume - frame.volume
    return rolling(net, minutes).sum() / rolling(frame.volume.where(net.notna()), minutes).sum()
