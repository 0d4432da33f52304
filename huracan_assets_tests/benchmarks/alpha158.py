"""Qlib's Alpha158 on bars of any length: the field's standard features, as a peer.

Yang et al. (2020), Qlib; the definitions of `qlib.contrib.data.loader.Alpha158DL` with its defaults: 9 of the bar's
shape, 4 prices over the close, and 29 operators over each of 5 windows. A window counts bars and must be whole.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WINDOWS = (5, 10, 20, 30, 60)
COUNT = 158
TINY = 1e-12
FLAT = 2e-5  # a correlation with a series that varies less than this is none, as in Qlib


def alpha158(bars: pl.DataFrame) -> pl.DataFrame:
    """The 158 features as Float32, null where undefined, a row a bar.

    Args:
        bars: `open, high, low, close, vwap, volume`, in order of time.
    """
    o, h, low, c, vwap, v = (bars[name].to_numpy() for name in ("open", "high", "low", "close", "vwap", "volume"))
    with np.errstate(invalid="ignore", divide="ignore"):
        columns = _shape(o, h, low, c) | _prices(o, h, low, c, vwap)
        for window in WINDOWS:
            made = _price_windows(h, low, c, window) | _joint_windows(c, v, window) | _volume_windows(c, v, window)
            columns |= {f"{name}{window}": values for name, values in made.items()}
    assert len(columns) == COUNT
    finite = {name: np.where(np.isfinite(values), values, np.nan) for name, values in columns.items()}
    return pl.DataFrame({name: pl.Series(x.astype(np.float32), nan_to_null=True) for name, x in finite.items()})


def _shape(o: Floats, h: Floats, low: Floats, c: Floats) -> dict[str, Floats]:
    upper, lower = h - np.maximum(o, c), np.minimum(o, c) - low
    span = h - low + TINY
    return {
        "KMID": (c - o) / o,
        "KLEN": (h - low) / o,
        "KMID2": (c - o) / span,
        "KUP": upper / o,
        "KUP2": upper / span,
        "KLOW": lower / o,
        "KLOW2": lower / span,
        "KSFT": (2 * c - h - low) / o,
        "KSFT2": (2 * c - h - low) / span,
    }


def _prices(o: Floats, h: Floats, low: Floats, c: Floats, vwap: Floats) -> dict[str, Floats]:
    return {"OPEN0": o / c, "HIGH0": h / c, "LOW0": low / c, "VWAP0": vwap / c}


def _price_windows(h: Floats, low: Floats, c: Floats, window: int) -> dict[str, Floats]:
    closes = _windows(c, window)
    slope, r_squared, residual = _line(closes)
    highest, lowest = _windows(h, window).max(axis=1), _windows(low, window).min(axis=1)
    # Positions are counted from 1, the oldest bar of the window first.
    high_at, low_at = _first_place(_windows(h, window)), _first_place(-_windows(low, window))
    return {
        "ROC": _lag(c, window) / c,
        "MA": closes.mean(axis=1) / c,
        "STD": closes.std(axis=1, ddof=1) / c,
        "BETA": slope / c,
        "RSQR": r_squared,
        "RESI": residual / c,
        "MAX": highest / c,
        "MIN": lowest / c,
        "QTLU": np.quantile(closes, 0.8, axis=1) / c,
        "QTLD": np.quantile(closes, 0.2, axis=1) / c,
        "RANK": _newest_rank(closes),
        "RSV": (c - lowest) / (highest - lowest + TINY),
        "IMAX": high_at / window,
        "IMIN": low_at / window,
        "IMXD": (high_at - low_at) / window,
    }


def _joint_windows(c: Floats, v: Floats, window: int) -> dict[str, Floats]:
    grown, traded = c / _lag(c, 1), np.log(v / _lag(v, 1) + 1.0)
    step = c - _lag(c, 1)
    known = 0.0 * step
    rose, fell = (step > 0) + known, (step < 0) + known
    up, down, moved = (_sum(x, window) for x in (np.maximum(step, 0.0), np.maximum(-step, 0.0), np.abs(step)))
    return {
        "CORR": _correlation(_windows(c, window), _windows(np.log(v + 1.0), window)),
        "CORD": _correlation(_windows(grown, window), _windows(traded, window)),
        "CNTP": _sum(rose, window) / window,
        "CNTN": _sum(fell, window) / window,
        "CNTD": _sum(rose - fell, window) / window,
        "SUMP": up / (moved + TINY),
        "SUMN": down / (moved + TINY),
        "SUMD": (up - down) / (moved + TINY),
    }


def _volume_windows(c: Floats, v: Floats, window: int) -> dict[str, Floats]:
    volumes = _windows(v, window)
    weighted = _windows(np.abs(c / _lag(c, 1) - 1.0) * v, window)
    step = v - _lag(v, 1)
    up, down, moved = (_sum(x, window) for x in (np.maximum(step, 0.0), np.maximum(-step, 0.0), np.abs(step)))
    return {
        "VMA": volumes.mean(axis=1) / (v + TINY),
        "VSTD": volumes.std(axis=1, ddof=1) / (v + TINY),
        "WVMA": weighted.std(axis=1, ddof=1) / (weighted.mean(axis=1) + TINY),
        "VSUMP": up / (moved + TINY),
        "VSUMN": down / (moved + TINY),
        "VSUMD": (up - down) / (moved + TINY),
    }


def _windows(x: Floats, window: int) -> Floats:
    """(n, window), the newest last; NaN where the series does not reach back."""
    return np.asarray(sliding_window_view(np.concatenate([np.full(window - 1, np.nan), x]), window))


def _lag(x: Floats, bars: int) -> Floats:
    return np.concatenate([np.full(bars, np.nan), x[:-bars]])


def _sum(x: Floats, window: int) -> Floats:
    return np.asarray(_windows(x, window).sum(axis=1))


def _first_place(windows: Floats) -> Floats:
    return np.where(np.isfinite(windows).all(axis=1), windows.argmax(axis=1) + 1.0, np.nan)


def _newest_rank(windows: Floats) -> Floats:
    """The newest value's mean rank among the window's, over its length."""
    newest = windows[:, -1:]
    below, alike = (windows < newest).sum(axis=1), (windows == newest).sum(axis=1)
    rank = (below + (alike + 1.0) / 2.0) / windows.shape[1]
    return np.where(np.isfinite(windows).all(axis=1), rank, np.nan)


def _line(windows: Floats) -> tuple[Floats, Floats, Floats]:
    """Slope a bar, R squared and the newest residual of the least-squares line over each window."""
    place = np.arange(windows.shape[1], dtype=np.float64)
    place -= place.mean()
    centred = windows - windows.mean(axis=1, keepdims=True)
    slope = centred @ place / (place @ place)
    total = (centred**2).sum(axis=1)
    r_squared = slope**2 * (place @ place) / total
    return slope, r_squared, centred[:, -1] - slope * place[-1]


def _correlation(x: Floats, y: Floats) -> Floats:
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    size_x, size_y = (np.sqrt((z**2).mean(axis=1)) for z in (x, y))
    told = (size_x > FLAT) & (size_y > FLAT)
    return np.where(told, (x * y).mean(axis=1) / (size_x * size_y), np.nan)
