"""The calibrator of one side: which map, chosen on what came later, and how far each regime has its own.

Three maps are tried. Each is fitted on the begin of the out-of-fold record and judged on the part that follows, purged,
part after part; the simplest that is within a standard error of the best is fitted on the whole record. One whose Brier
score there is no better than the base rate's is rejected; where all are, or where the map that the whole record teaches
says the same of every score, the base rate is the answer.

A single regime falls to its own base rate where the chosen map was worse there, on the same parts and by more than a
standard error: by chance alone, the few labels of a regime speak half of the time against a map that knows something.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from huracan_assets.errors import ContractError
from huracan_assets.learning.probability_maps import (
    AnyMap,
    BaseRateMap,
    ProbabilityMap,
    base_rate_map,
    isotonic_map,
    platt_map,
    temperature_map,
)
from huracan_assets.settings import CalibrationSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Times = NDArray[np.datetime64]

BASE_RATE = "base_rate"
REGIME_RATES = "regime_rates"  # each regime's base rate, moved towards that of all as its map is
METHODS = ("temperature", "platt", "isotonic")  # the simplest first


@dataclass(frozen=True)
class Record:
    """What one side's raw scores came to, (m,) each, by rising `as_of`."""

    as_of: Times
    known_at: Times  # when the outcome was known
    raw: Floats
    won: Floats  # 0 or 1
    weights: Floats  # uniqueness: the independent labels that each row is worth
    regime: NDArray[np.str_]

    def at(self, rows: Ints | NDArray[np.bool_]) -> Record:
        """The same record of some rows."""
        return Record(**{name: column[rows] for name, column in vars(self).items()})


class RegimeMap(ProbabilityMap):
    """A regime's own map and how much of it counts; all where it is a base rate, which is shrunk itself."""

    map: AnyMap
    n_eff: float = Field(gt=0, description="independent labels that taught it")
    share: float = Field(ge=0, le=1)

    @property
    def rejected(self) -> bool:
        """Whether the chosen map was worse here than the regime's base rate."""
        return self.map.method == BASE_RATE


class Trial(ProbabilityMap):
    """What the choice was made on: Brier scores over the judged parts of the record."""

    n_eff: float = Field(ge=0, description="independent labels judged")
    base_rate_brier: float
    brier: dict[str, float]


class SideCalibrator(ProbabilityMap):
    """One side's answer: the map of all regimes, moved towards that of the bar's regime by the labels it stands on."""

    whole: AnyMap
    regimes: dict[str, RegimeMap]
    n_eff: float = Field(gt=0)
    trial: Trial | None  # None where the record was too short to judge anything

    def __call__(self, raw: Floats, regime: NDArray[np.str_]) -> Floats:
        """Probabilities (m,) of raw scores in their regimes; one that never taught takes the map of all."""
        out = self.whole(raw)
        for name, own in self.regimes.items():
            out = np.where(regime == name, (1.0 - own.share) * out + own.share * own.map(raw), out)
        return out

    @property
    def rejected(self) -> bool:
        """Whether no map was better than the base rate, or the record was too short to tell."""
        return self.whole.method == BASE_RATE


def fit_side_calibrator(record: Record, settings: CalibrationSettings, embargo: timedelta) -> SideCalibrator:
    """Choose among the maps and fit the chosen one; a function of the record alone.

    Raises:
        ContractError: the record is empty, out of order, or holds a number that is not finite.
    """
    _check(record)
    judged = judged_parts(record, settings.parts, embargo)
    rate = _fit(BASE_RATE, record, settings)
    if sum(float(record.weights[later].sum()) for _, later in judged) < settings.least_judged_labels:
        return rate
    rows = np.concatenate([later for _, later in judged])
    error = _judged_errors(record, judged, rows, settings)
    trial, method = _choose(record.weights[rows], error)
    fitted = _fit(method, record, settings)
    if method == BASE_RATE or _flat(fitted.whole):
        return rate.model_copy(update={"trial": trial})
    worse = _worse_regimes(record.at(rows), error[method] - error[REGIME_RATES], settings.least_judged_labels)
    rates = _fit(REGIME_RATES, record, settings)
    regimes = {name: _rate_alone(rates, name) if name in worse else own for name, own in fitted.regimes.items()}
    return fitted.model_copy(update={"trial": trial, "regimes": regimes})


def judged_parts(record: Record, parts: int, embargo: timedelta) -> list[tuple[Ints, Ints]]:
    """Pairs of rows: a part of the record, and before it those whose outcome was known an embargo before it began.

    The parts hold equally many independent labels; the first is judged by nobody. One before which nothing was known
    is left out.
    """
    passed = np.cumsum(record.weights)
    part = np.minimum((passed / passed[-1] * parts).astype(np.int64), parts - 1)
    pairs = []
    for index in range(1, parts):
        later = np.flatnonzero(part == index)
        if len(later):
            known = np.flatnonzero(record.known_at + np.timedelta64(embargo) <= record.as_of[later[0]])
            pairs.append((known, later))
    return [pair for pair in pairs if len(pair[0])]


def _judged_errors(
    record: Record, judged: list[tuple[Ints, Ints]], rows: Ints, settings: CalibrationSettings
) -> dict[str, Floats]:
    """Squared errors on the judged rows (m,), of base rates and of the three methods, each fitted before its part."""
    error = {}
    for method in (BASE_RATE, REGIME_RATES, *METHODS):
        said = []
        for known, later in judged:
            fitted = _fit(method, record.at(known), settings)
            said.append(fitted(record.raw[later], record.regime[later]))
        error[method] = (np.concatenate(said) - record.won[rows]) ** 2
    return error


def _choose(weights: Floats, error: dict[str, Floats]) -> tuple[Trial, str]:
    """Brier scores of the three methods and of the base rate, and the name of the method to use."""
    total = float(weights.sum())
    brier = {method: float((weights * error[method]).sum()) / total for method in (BASE_RATE, *METHODS)}
    trial = Trial(n_eff=total, base_rate_brier=brier.pop(BASE_RATE), brier=brier)
    better = [method for method in METHODS if brier[method] < trial.base_rate_brier]
    if not better:
        return trial, BASE_RATE
    best = min(better, key=lambda method: brier[method])
    return trial, next(method for method in better if _ties(error[method] - error[best], weights))


def _flat(fitted: AnyMap) -> bool:
    # Who says the same of every score knows the base rate at best; a flat temperature says one half.
    lowest, highest = fitted(np.array([0.0, 1.0]))
    return bool(lowest == highest)


def _ties(excess: Floats, weights: Floats) -> bool:
    """Whether a mean excess of squared errors is within its standard error of 0."""
    total = weights.sum()
    mean = (weights * excess).sum() / total
    variance = (weights * (excess - mean) ** 2).sum() / total
    return bool(mean <= np.sqrt(variance / total))


def _worse_regimes(judged: Record, excess: Floats, least_labels: float) -> list[str]:
    """Regimes whose mean excess of squared errors is more than its standard error above 0; no judge, no verdict."""
    worse = []
    for name in sorted(set(judged.regime.tolist())):
        here = judged.regime == name
        if judged.weights[here].sum() >= least_labels and not _ties(excess[here], judged.weights[here]):
            worse.append(name)
    return worse


def _rate_alone(rates: SideCalibrator, name: str) -> RegimeMap:
    (rate,) = rates(np.array([0.5]), np.array([name]))
    return RegimeMap(map=BaseRateMap(rate=rate), n_eff=rates.regimes[name].n_eff, share=1.0)


def _fit(method: str, record: Record, settings: CalibrationSettings) -> SideCalibrator:
    """A method's maps on some rows, judged by nobody yet."""
    fit, regimes = _fitter(method, settings), {}
    for name in sorted(set(record.regime.tolist())) if method != BASE_RATE else ():
        own = record.at(record.regime == name)
        n_eff = float(own.weights.sum())
        regimes[name] = RegimeMap(map=fit(own), n_eff=n_eff, share=n_eff / (n_eff + settings.regime_prior_labels))
    return SideCalibrator(whole=fit(record), regimes=regimes, n_eff=float(record.weights.sum()), trial=None)


def _fitter(method: str, settings: CalibrationSettings) -> Callable[[Record], AnyMap]:
    prior = settings.isotonic_prior_labels
    fitters: dict[str, Callable[[Record], AnyMap]] = {
        BASE_RATE: lambda of: base_rate_map(of.won, of.weights),
        REGIME_RATES: lambda of: base_rate_map(of.won, of.weights),
        "temperature": lambda of: temperature_map(of.raw, of.won, of.weights),
        "platt": lambda of: platt_map(of.raw, of.won, of.weights),
        "isotonic": lambda of: isotonic_map(of.raw, of.won, of.weights, prior),
    }
    return fitters[method]


def _check(record: Record) -> None:
    if len(record.raw) == 0:
        raise ContractError("there is no out-of-fold row to calibrate on: train the folds first")
    finite = np.isfinite(record.raw).all() and np.isfinite(record.weights).all()
    if not finite or (record.weights <= 0).any() or not np.isin(record.won, (0.0, 1.0)).all():
        raise ContractError(
            "a calibrator needs finite scores, outcomes of 0 or 1 and positive weights: train the folds and make the "
            "outcomes again"
        )
    if (np.diff(record.as_of) < np.timedelta64(0)).any():
        raise ContractError("a calibrator needs its record by rising time: sort it by as_of")
