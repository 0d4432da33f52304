"""Trend: direction, strength and the higher time frames."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.declaration import Feature
from huracan_assets.features.kernels import Array
from huracan_assets.features.rolling import lag, least, moments, ratio, span_ema, total, wilder
from huracan_assets.features.window import BPS, Window

HTF_MINUTES = (15, 60, 240)
HTF_BARS = 8


def ema_spread(w: Window, fast: int, slow: int) -> Array:
    """EMA(fast) - EMA(slow) of the log close in bps, held at 1e4."""
    log_close = np.log(w.grid.close)
    return np.clip(BPS * (span_ema(log_close, fast) - span_ema(log_close, slow)), -1e4, 1e4)


def ema_slope(w: Window) -> Array:
    """Change of EMA(21) over five minutes in ATRs, held at 5."""
    mean = span_ema(w.grid.close, 21)
    return np.clip(ratio(mean - lag(mean, 5), w.atr), -5.0, 5.0)


def adx(w: Window) -> Array:
    """Wilder's average directional index over 14 minutes, 0-100; 0 where nothing moved."""
    high, low = w.grid.high, w.grid.low
    up, down = high - lag(high, 1), lag(low, 1) - low
    known = ~np.isnan(up)
    rise = np.where(known, np.where((up > down) & (up > 0), up, 0.0), np.nan)
    fall = np.where(known, np.where((down > up) & (down > 0), down, 0.0), np.nan)
    # The true range cancels in DX: plus and minus are divided by the same one.
    plus, minus = wilder(rise, 14), wilder(fall, 14)
    moved = plus + minus
    index = np.where(moved == 0, 0.0, ratio(np.abs(plus - minus), moved))
    return 100.0 * np.clip(wilder(index, 14), 0.0, 1.0)


def efficiency(w: Window, minutes: int) -> Array:
    """Kaufman's efficiency ratio, signed: net move over the path walked, -1..1; 0 where nothing moved."""
    net = total(w.returns, minutes)
    walked = total(np.abs(w.returns), minutes)
    return np.clip(np.where(walked == 0, 0.0, ratio(net, walked)), -1.0, 1.0)


def closed_bars(close: Array, minutes: int) -> Array:
    """(n // minutes,) last present close of each UTC-aligned bar; NaN where the bar has none."""
    table = close[: close.size // minutes * minutes].reshape(-1, minutes)
    present = ~np.isnan(table)
    last = minutes - 1 - np.argmax(present[:, ::-1], axis=1)
    return np.where(present.any(axis=1), table[np.arange(len(table)), last], np.nan)


def time_frame_bias(close: Array, minutes: int) -> Array:
    """(n,) 0..1: place of the last CLOSED bar's close in the two-sigma band of the last eight of them."""
    bars = np.log(closed_bars(close, minutes))
    band = moments(bars, HTF_BARS)
    place = np.clip(0.5 + ratio(bars - band.mean, 4.0 * band.std), 0.0, 1.0)
    # At the close of minute i, i + 1 minutes have passed: a bar counts once its last minute has closed.
    newest = (np.arange(close.size) + 1) // minutes - 1
    return np.where(newest >= 0, place[np.maximum(newest, 0)], np.nan)


def htf(w: Window) -> Array:
    """Mean of the three time frames' bias, of those that are defined; at least two of them."""
    table = np.stack([time_frame_bias(w.grid.close, minutes) for minutes in HTF_MINUTES])
    known = (~np.isnan(table)).sum(axis=0)
    summed = np.where(np.isnan(table), 0.0, table).sum(axis=0)
    return np.where(known >= least(len(HTF_MINUTES)), summed / np.maximum(known, 1), np.nan)


def _spread(fast: int, slow: int) -> Feature:
    return Feature(
        name=f"ema_{fast}_{slow}",
        family="trend",
        formula=f"EMA{fast} - EMA{slow} of ln close, held at +-1e4",
        unit="bps",
        low=-1e4,
        high=1e4,
        warm_up_minutes=720,
        inputs=("close",),
        compute=lambda w: ema_spread(w, fast, slow),
    )


FEATURES = (
    _spread(5, 21),
    _spread(8, 34),
    Feature(
        "ema_slope",
        "trend",
        "(EMA21 - EMA21 five minutes ago) / ATR14, held at +-5",
        "ATR",
        -5.0,
        5.0,
        720,
        ("high", "low", "close"),
        ema_slope,
    ),
    Feature(
        "adx",
        "trend",
        "Wilder mean over 14 of |DI+ - DI-| / (DI+ + DI-) x 100 (Wilder 1978)",
        "0-100",
        0.0,
        100.0,
        1440,
        ("high", "low"),
        adx,
    ),
    Feature(
        "trend_str",
        "trend",
        "sum r / sum |r| over 60 min: Kaufman's efficiency ratio, signed",
        "-1..1",
        -1.0,
        1.0,
        61,
        ("close",),
        lambda w: efficiency(w, 60),
    ),
    Feature(
        "efficiency_ratio",
        "trend",
        "|sum r| / sum |r| over 240 min (Kaufman 1995)",
        "0..1",
        0.0,
        1.0,
        241,
        ("close",),
        lambda w: np.abs(efficiency(w, 240)),
    ),
    Feature(
        "htf",
        "trend",
        "mean over 15 min, 1 h, 4 h of the last closed bar's place in its 8-bar two-sigma band",
        "0..1",
        0.0,
        1.0,
        2400,
        ("close",),
        htf,
    ),
)
