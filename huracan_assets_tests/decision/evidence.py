"""Random policies and evidence, for the tests of every room that decides."""

from __future__ import annotations

from typing import Any

import numpy as np

from huracan_assets.decision.ensemble import SOURCES
from huracan_assets.decision.policy import DecisionPolicy, Evidence, PastBars, fit_policy
from huracan_assets.learning.calibration import Pair
from huracan_assets.learning.probability_maps import isotonic_map, platt_map
from huracan_assets.learning.side_calibrator import RegimeMap, SideCalibrator
from huracan_assets.settings import DecisionSettings, read_settings

ORIGIN = np.datetime64("2026-01-01T00:15", "us")
QUARTER = np.timedelta64(15 * 60_000_000, "us")


def limits(**changes: Any) -> DecisionSettings:
    """The settings' own limits, some changed."""
    return read_settings("local").decision.model_copy(update=changes)


def past_bars(seed: int = 0, n: int = 400) -> PastBars:
    """A record in which the models' lean knows something; outcomes are known two hours after the bar."""
    rng = np.random.default_rng(seed)
    lean, votes = rng.normal(0.0, 1.0, n), rng.uniform(-1.0, 1.0, (n, len(SOURCES)))
    net = np.outer(30.0 * lean, (1.0, -1.0)) + rng.normal(0.0, 40.0, (n, 2))
    known_at = ORIGIN + QUARTER * (np.arange(n) - n)
    return PastBars(lean, votes, net, rng.uniform(8.0, 30.0, n), rng.uniform(0.2, 1.0, n), known_at)


def calibrators(past: PastBars) -> Pair:
    """Platt's maps of all regimes, and one of the regime TREND."""

    def fitted(side: int) -> SideCalibrator:
        won, raw = (past.net_bps[:, side] > 0).astype(float), 0.5 + 0.1 * np.tanh(past.lean) * (1 - 2 * side)
        whole = platt_map(raw, won, past.uniqueness)
        own = RegimeMap(map=isotonic_map(raw, won, past.uniqueness, 10.0), n_eff=50.0, share=0.25)
        return SideCalibrator(whole=whole, regimes={"TREND": own}, n_eff=float(past.uniqueness.sum()), trial=None)

    return fitted(0), fitted(1)


def policy(seed: int = 0, n: int = 400, **changes: Any) -> DecisionPolicy:
    """A policy fitted on such a record."""
    past = past_bars(seed, n)
    return fit_policy(past, calibrators(past), limits(**changes))


def evidence(n: int, seed: int = 0, *, holes: bool = True) -> Evidence:
    """Evidence at `n` bars; with `holes` some of every figure is unknown."""
    rng = np.random.default_rng([seed, 1])

    def pierced(values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.where(rng.random(values.shape) < 0.05, np.nan, values) if holes else values

    return Evidence(
        as_of=ORIGIN + QUARTER * np.arange(n),
        raw=pierced(rng.uniform(0.3, 0.7, (n, 2))),
        lean=pierced(rng.normal(0.0, 1.0, n)),
        votes=pierced(rng.uniform(-1.0, 1.0, (n, len(SOURCES)))),
        cost_bps=pierced(rng.uniform(8.0, 30.0, n)),
        stop_bps=pierced(rng.uniform(20.0, 120.0, n)),
        spread_bps=pierced(rng.uniform(1.0, 17.0, n)),
        minute_volatility=pierced(rng.uniform(1e-4, 6e-3, n)),
        regime=rng.choice(["TREND", "RANGE", "PANIC"], n),
        engine=rng.choice(["trend", "range", "none"], n),
        similar_net_bps=pierced(rng.normal(0.0, 20.0, (n, 2))),
    )
