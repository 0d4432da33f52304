"""The peer's definitions against pandas, operator by operator."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from huracan_assets_tests.benchmarks.alpha158 import COUNT, alpha158


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.004, 300)))
    opened = close * np.exp(rng.normal(0, 0.002, 300))
    high, low = np.maximum(opened, close) * 1.001, np.minimum(opened, close) * 0.998
    volume = rng.lognormal(3, 1, 300)
    return pd.DataFrame(
        {"open": opened, "high": high, "low": low, "close": close, "vwap": (high + low) / 2, "volume": volume}
    )


def of_window(bars: pd.DataFrame, d: int) -> dict[str, pd.Series]:
    """Qlib's expressions, written with pandas."""
    c, h, low, v = bars.close, bars.high, bars.low, bars.volume
    past, step, traded = c.rolling(d), c.diff(), v.diff()
    place = np.arange(d, dtype=float)

    def line(what: int) -> pd.Series:
        def fit(y: np.ndarray) -> float:
            slope, intercept = np.polyfit(place, y, 1)
            left = y - intercept - slope * place
            told = [slope, 1 - (left**2).sum() / ((y - y.mean()) ** 2).sum(), left[-1]]
            return float(told[what])

        return past.apply(fit, raw=True)

    weighted = (c / c.shift() - 1).abs() * v
    up = h.rolling(d).apply(lambda x: x.argmax() + 1, raw=True)
    down = low.rolling(d).apply(lambda x: x.argmin() + 1, raw=True)
    return {
        "ROC": c.shift(d) / c, "MA": past.mean() / c, "STD": past.std() / c,
        "BETA": line(0) / c, "RSQR": line(1), "RESI": line(2) / c,
        "MAX": h.rolling(d).max() / c, "MIN": low.rolling(d).min() / c,
        "QTLU": past.quantile(0.8) / c, "QTLD": past.quantile(0.2) / c, "RANK": past.rank(pct=True),
        "RSV": (c - low.rolling(d).min()) / (h.rolling(d).max() - low.rolling(d).min()),
        "IMAX": up / d, "IMIN": down / d, "IMXD": (up - down) / d,
        "CORR": past.corr(np.log(v + 1)), "CORD": (c / c.shift()).rolling(d).corr(np.log(v / v.shift() + 1)),
        "CNTP": (step > 0).rolling(d).mean(), "CNTN": (step < 0).rolling(d).mean(),
        "CNTD": (step > 0).rolling(d).mean() - (step < 0).rolling(d).mean(),
        "SUMP": step.clip(lower=0).rolling(d).sum() / step.abs().rolling(d).sum(),
        "SUMN": (-step).clip(lower=0).rolling(d).sum() / step.abs().rolling(d).sum(),
        "SUMD": step.rolling(d).sum() / step.abs().rolling(d).sum(),
        "VMA": v.rolling(d).mean() / v, "VSTD": v.rolling(d).std() / v,
        "WVMA": weighted.rolling(d).std() / weighted.rolling(d).mean(),
        "VSUMP": traded.clip(lower=0).rolling(d).sum() / traded.abs().rolling(d).sum(),
        "VSUMN": (-traded).clip(lower=0).rolling(d).sum() / traded.abs().rolling(d).sum(),
        "VSUMD": traded.rolling(d).sum() / traded.abs().rolling(d).sum(),
    }  # fmt: skip


def test_every_operator_equals_pandas(bars: pd.DataFrame) -> None:
    made = alpha158(pl.from_pandas(bars))
    assert made.width == COUNT
    for window in (5, 60):
        for name, expected in of_window(bars, window).items():
            found = made[f"{name}{window}"].to_numpy()[70:]
            np.testing.assert_allclose(found, expected.to_numpy()[70:], rtol=2e-4, atol=2e-5, err_msg=f"{name}{window}")


def test_the_bar_itself(bars: pd.DataFrame) -> None:
    made, last = alpha158(pl.from_pandas(bars)), bars.iloc[-1]
    expected = {
        "KMID": (last.close - last.open) / last.open,
        "KUP2": (last.high - max(last.open, last.close)) / (last.high - last.low),
        "KLOW": (min(last.open, last.close) - last.low) / last.open,
        "KSFT": (2 * last.close - last.high - last.low) / last.open,
        "VWAP0": last.vwap / last.close,
    }
    for name, value in expected.items():
        assert made[name][-1] == pytest.approx(value, rel=1e-5)
