"""What TA-Lib has of the recipe, on a grid without gaps: an oracle after its warm-up, and a peer for the benchmark."""

from __future__ import annotations

import numpy as np
import talib

from huracan_assets.features.kernels import Array
from huracan_assets.market.grid import MinuteGrid

TALIB_FEATURES = (
    *(f"ret_{minutes}" for minutes in (1, 2, 5, 15, 30, 60, 240, 1440)),
    "ema_5_21", "ema_8_34", "rsi_7", "rsi_14", "adx", "macd", "macd_histogram", "ema_slope", "atr",
    "bb_width", "bb_position", "mean_rev", "drawdown", "range_position_60", "price_position", "range_position_1440",
)  # fmt: skip


def talib_features(grid: MinuteGrid) -> dict[str, Array]:
    """Name -> (n,) values; of log prices where the recipe's declaration says so."""
    close, log_close = grid.close, np.log(grid.close)
    made = {f"ret_{minutes}": 1e4 * talib.MOM(log_close, minutes) for minutes in (1, 2, 5, 15, 30, 60, 240, 1440)}
    for fast, slow in ((5, 21), (8, 34)):
        made[f"ema_{fast}_{slow}"] = 1e4 * (talib.EMA(log_close, fast) - talib.EMA(log_close, slow))
    for length in (7, 14):
        made[f"rsi_{length}"] = talib.RSI(close, length)
    made["adx"] = talib.ADX(grid.high, grid.low, close, 14)
    line, _, histogram = talib.MACD(log_close, 12, 26, 9)
    made["macd"], made["macd_histogram"] = 1e4 * line, 1e4 * histogram
    atr = talib.ATR(grid.high, grid.low, close, 14)
    made["ema_slope"] = np.clip(talib.MOM(talib.EMA(close, 21), 5) / atr, -5.0, 5.0)
    made["atr"] = 1e4 * atr / close
    top, _, bottom = talib.BBANDS(log_close, 20, 2.0, 2.0)
    made["bb_width"], made["bb_position"] = 1e4 * (top - bottom), (log_close - bottom) / (top - bottom)
    deviation = talib.STDDEV(log_close, 240)
    made["mean_rev"] = np.tanh((log_close - talib.SMA(log_close, 240)) / deviation / 2.0)
    made["drawdown"] = 1e4 * (talib.MAX(log_close, 240) - log_close)
    for name, minutes in (("range_position_60", 60), ("price_position", 240), ("range_position_1440", 1440)):
        highest, lowest = talib.MAX(grid.high, minutes), talib.MIN(grid.low, minutes)
        made[name] = (close - lowest) / (highest - lowest)
    return made
