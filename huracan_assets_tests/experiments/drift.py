"""How often drift is reported where there is none, and how often planted drift is found.

Driftless: AR(1) at 15-minute bars, and the features of recorded candles, whose newest week follows the 143 days
before. Real weeks are no clean null, since markets do change; that they may raise alarms at twice the nominal rate
at most is asked of the thresholds all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from huracan_assets.guards.drift import drift
from huracan_assets.settings import read_settings
from huracan_assets_tests.experiments.autoregression import Array, autoregression
from huracan_assets_tests.experiments.harness import Row, experiment
from huracan_assets_tests.experiments.real_bars import real_bars

SETTINGS = read_settings()
LOOK_BACK, CURRENT_DAYS = SETTINGS.look_back_days, SETTINGS.guards.drift_current_days
BARS_A_DAY = 1440 // SETTINGS.decision_minutes
NOMINAL = 1.0 - SETTINGS.guards.drift_alarm_quantile
HALF_LIVES = (0, 7, 34, 69, 231, 1440)  # minutes; 0 is independent draws
SERIES, PLANTED = 60, 20  # a trial
SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT", "ARB-USDT", "SUI-USDT")
FOUND = 0.95

Plant = Callable[[Array], Array]


def _report(bars: pl.DataFrame) -> pl.DataFrame:
    guards = SETTINGS.guards
    return drift(bars, guards.drift_current_days, guards.drift_bins, guards.drift_alarm_quantile)


def _bars(series: Array) -> pl.DataFrame:
    """(LOOK_BACK * BARS_A_DAY, features) as decision bars."""
    step = timedelta(minutes=SETTINGS.decision_minutes)
    first = datetime(2026, 1, 1, tzinfo=UTC) + step
    as_of = pl.datetime_range(first, first + (len(series) - 1) * step, step, time_unit="us", eager=True)
    frame = pl.DataFrame(series, schema=[f"{number}" for number in range(series.shape[1])], orient="row")
    return frame.with_columns(pl.all().fill_nan(None)).insert_column(0, as_of.alias("as_of"))


def _counts(report: pl.DataFrame) -> dict[str, int]:
    told = report.filter(pl.col("n_reference") > 0)
    return {
        "features": told.height,
        "alarm": int(told["alarm"].sum()),
        "psi": int((told["psi"] > told["psi_threshold"]).sum()),
        "ks": int((told["ks"] > told["ks_threshold"]).sum()),
        "psi_above_0.2": int((told["psi"] > 0.2).sum()),
    }


def _false_alarms(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    rates: dict[str, Any] = {}
    for row in rows:
        for name, counts in row["counts"].items():
            sums = rates.setdefault(name, dict.fromkeys(counts, 0))
            rates[name] = {key: sums[key] + counts[key] for key in counts}
    real = [counts for name, counts in rates.items() if name.endswith("USDT")]
    rates["real, all"] = {key: sum(counts[key] for counts in real) for key in real[0]}
    bounds = {"alarm": 2 * NOMINAL, "psi": NOMINAL, "ks": NOMINAL}  # each statistic has half of the nominal rate
    judged = [counts for name, counts in rates.items() if not name.endswith("USDT")]
    ok = all(counts[key] <= bound * counts["features"] for counts in judged for key, bound in bounds.items())
    shown = {
        name: {"features": counts["features"]}
        | {key: [value, round(value / counts["features"], 4)] for key, value in counts.items() if key != "features"}
        for name, counts in rates.items()
    }
    return {"nominal": round(NOMINAL, 6), "count_and_rate": shown, "aim": "at most twice nominal", "ok": ok}


@experiment(
    question="How many features raise a drift alarm where nothing drifts: AR(1) by half-life, and real adjacent weeks?",
    seeds=range(31),
    conclude=_false_alarms,
)
def drift_false_alarms(seed: int) -> Row:
    """`SERIES` series of each half-life, and of each symbol the week that ends `seed` weeks before its newest bar."""
    rng = np.random.default_rng(seed)
    counts = {}
    for half_life in HALF_LIVES:
        n = LOOK_BACK * BARS_A_DAY
        series = autoregression(rng, half_life / SETTINGS.decision_minutes, n, SERIES)
        counts[f"half-life {half_life} min"] = _counts(_report(_bars(series)))
    for symbol in SYMBOLS:
        bars = real_bars(symbol)
        day = bars["as_of"].dt.offset_by("-1us").dt.date()
        days = day.unique().sort()
        end = len(days) - 7 * seed
        if end >= LOOK_BACK:
            counts[symbol] = _counts(_report(bars.filter(day.is_between(days[end - LOOK_BACK], days[end - 1]))))
    return {"counts": counts}


def two_humped(x: Array) -> Array:
    """Standard normal values as a mixture of N(-0.98, 0.04) and N(0.98, 0.04): same mean, variance and order."""
    from scipy.stats import norm

    centre, grid = 0.98, np.linspace(-3.0, 3.0, 6001)
    spread = np.sqrt(1.0 - centre**2)
    share = 0.5 * (norm.cdf((grid - centre) / spread) + norm.cdf((grid + centre) / spread))
    humps: Array = np.interp(norm.cdf(x), share, grid)
    return humps


def _shifted(by: float) -> Plant:
    return lambda x: x + by


def _scaled(by: float) -> Plant:
    return lambda x: x * by


FAST: dict[str, Plant] = {
    "mean + 1 sd": _shifted(1.0),
    "scale x 2": _scaled(2.0),
    "scale / 2": _scaled(0.5),
    "shape: two humps": two_humped,
}
SLOWER: dict[str, Plant] = {
    "mean + 2 sd": _shifted(2.0),
    "scale x 5": _scaled(5.0),
    "scale / 3": _scaled(1.0 / 3.0),
    "shape: two humps": two_humped,
}
# A week holds some three independent values of such a feature: no rise of its scale is found, at any size.
SLOW: dict[str, Plant] = {"mean + 5 sd": _shifted(5.0), "scale / 10": _scaled(0.1), "shape: its sign": np.sign}
DEAD: dict[str, Plant] = {
    "dead: stands still": lambda x: np.broadcast_to(x[:1], x.shape),
    "dead: no value": lambda x: np.full_like(x, np.nan),
}
PLANTS: dict[int, dict[str, Plant]] = {
    half_life: (FAST if half_life < 200 else SLOWER if half_life < 1000 else SLOW) | DEAD for half_life in HALF_LIVES
}


def _power(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found = {plant: sum(row["found"][plant] for row in rows) for plant in rows[0]["found"]}
    rates = {plant: [count, round(count / (PLANTED * len(rows)), 4)] for plant, count in found.items()}
    ok = all(rate >= FOUND for _, rate in rates.values())
    return {"series": PLANTED * len(rows), "count_and_rate": rates, "aim": FOUND, "ok": ok}


@experiment(
    question="How many planted drifts of the stated sizes raise an alarm, by half-life?",
    seeds=range(10),
    conclude=_power,
)
def drift_power(seed: int) -> Row:
    """`PLANTED` AR(1) series of each half-life, each with every drift planted into its newest week in turn."""
    rng = np.random.default_rng(seed)
    current = CURRENT_DAYS * BARS_A_DAY
    found = {}
    for half_life, plants in PLANTS.items():
        series = autoregression(rng, half_life / SETTINGS.decision_minutes, LOOK_BACK * BARS_A_DAY, PLANTED)
        for name, plant in plants.items():
            planted = series.copy()
            planted[-current:] = plant(series[-current:])
            found[f"half-life {half_life} min, {name}"] = int(_report(_bars(planted))["alarm"].sum())
    return {"found": found}
