"""Volume: how much was traded, at what price, and by whose initiative."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.declaration import Feature
from huracan_assets.features.kernels import Array
from huracan_assets.features.rolling import lag, mean, ratio, total, zscore
from huracan_assets.features.window import BPS, Window

AMIHUD_LIMIT = 1e6
JUMP_LIMIT = 8.0
MILLION = 1e6


def vwap_distance(w: Window) -> Array:
    """ln(close / volume-weighted typical price of 240 minutes) in bps, held at 5e4."""
    traded = total(w.grid.volume, 240)
    vwap = ratio(total(w.typical * w.grid.volume, 240), traded)
    return np.clip(BPS * (np.log(w.grid.close) - np.log(vwap)), -5e4, 5e4)


def amihud(w: Window) -> Array:
    """Mean over 60 minutes of |r| in bps per million of the quote coin; minutes without volume have none."""
    worth = w.typical * w.grid.volume / MILLION
    return np.minimum(mean(ratio(BPS * np.abs(w.returns), worth), 60), AMIHUD_LIMIT)


def volume_z(w: Window) -> Array:
    """z of ln(1 + mean volume of 15 minutes) among the last 1,440 minutes."""
    return zscore(np.log1p(mean(w.grid.volume, 15)), 1440)


def vol_jump(w: Window) -> Array:
    """ln of five minutes' mean volume over that of the 240 before them, held at 8; -8 where they are dead."""
    newest, usual = mean(w.grid.volume, 5), lag(mean(w.grid.volume, 240), 5)
    share = ratio(newest, usual)
    floor = np.exp(-JUMP_LIMIT)
    return np.minimum(np.log(np.maximum(share, floor)), JUMP_LIMIT)


def trade_count_z(w: Window) -> Array:
    """z of ln(1 + mean trades of 15 minutes) among the last 1,440 minutes; null without trade counts."""
    return zscore(np.log1p(mean(w.grid.trades, 15)), 1440)


def taker_imbalance(w: Window, minutes: int) -> Array:
    """(taker buys - taker sells) / volume; null without taker volumes, or where nothing was traded."""
    bought = w.grid.taker_buy_volume
    volume = np.where(np.isnan(bought), np.nan, w.grid.volume)
    net = total(2.0 * bought - volume, minutes)
    return np.clip(ratio(net, total(volume, minutes)), -1.0, 1.0)


def _imbalance(minutes: int) -> Feature:
    return Feature(
        name=f"taker_imbalance_{minutes}",
        family="volume",
        formula=f"sum(2 taker_buy - volume) / sum volume over {minutes} min",
        unit="-1..1",
        low=-1.0,
        high=1.0,
        warm_up_minutes=minutes,
        inputs=("volume", "taker_buy_volume"),
        compute=lambda w: taker_imbalance(w, minutes),
    )


Z_LIMIT = 38.0  # sqrt(1440 - 1) = 37.93: no member of a window of 1,440 can lie further out

FEATURES = (
    Feature(
        "vwap_distance",
        "volume",
        "ln(close / VWAP of the typical price over 240 min), held at +-5e4",
        "bps",
        -5e4,
        5e4,
        240,
        ("high", "low", "close", "volume"),
        vwap_distance,
    ),
    Feature(
        "amihud",
        "volume",
        "mean |r| / million traded over 60 min (Amihud 2002), held at 1e6",
        "bps per million",
        0.0,
        AMIHUD_LIMIT,
        61,
        ("high", "low", "close", "volume"),
        amihud,
    ),
    Feature(
        "volume_z",
        "volume",
        "z over 1440 min of ln(1 + mean volume of 15 min)",
        "z",
        -Z_LIMIT,
        Z_LIMIT,
        1455,
        ("volume",),
        volume_z,
    ),
    Feature(
        "vol_jump",
        "volume",
        "ln(mean volume of 5 min / mean of the 240 before), held at +-8",
        "log ratio",
        -JUMP_LIMIT,
        JUMP_LIMIT,
        245,
        ("volume",),
        vol_jump,
    ),
    Feature(
        "trade_count_z",
        "volume",
        "z over 1440 min of ln(1 + mean trades of 15 min)",
        "z",
        -Z_LIMIT,
        Z_LIMIT,
        1455,
        ("trades",),
        trade_count_z,
    ),
    *(_imbalance(minutes) for minutes in (15, 60, 240)),
)
