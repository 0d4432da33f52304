"""Maps from a model's raw score to a probability, from the simplest to the freest, and how each is fitted.

Every map is non-decreasing and, as it is fitted here, never 0 or 1: a record of finitely many labels cannot show that a
trade is certain. What is unknown (NaN) stays unknown.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from huracan_assets.errors import ContractError

Floats = NDArray[np.float64]

SCORE_FLOOR = 1e-6  # scores nearer to 0 or 1 than this say no more: log odds of 13.8
LOSS_ROUNDING = 1e-12  # a fit has converged where a Newton step promises less than this share of the loss


class ProbabilityMap(BaseModel):
    """What all maps share: frozen, finite, the same bits from JSON."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, extra="forbid")


class BaseRateMap(ProbabilityMap):
    """The same answer whatever the score: the share of trades that paid."""

    method: Literal["base_rate"] = "base_rate"
    rate: float = Field(gt=0, lt=1)

    def __call__(self, raw: Floats) -> Floats:
        """Probabilities of raw scores, elementwise."""
        return np.where(np.isnan(raw), np.nan, self.rate)


class TemperatureMap(ProbabilityMap):
    """Log odds divided by one number (Guo et al. 2017): a score of 0.5 stays where it is."""

    method: Literal["temperature"] = "temperature"
    inverse_temperature: float = Field(ge=0)

    def __call__(self, raw: Floats) -> Floats:
        """Probabilities of raw scores, elementwise."""
        return _logistic(self.inverse_temperature * log_odds(raw))


class PlattMap(ProbabilityMap):
    """A line of the log odds (Platt 1999)."""

    method: Literal["platt"] = "platt"
    slope: float = Field(ge=0)
    intercept: float

    def __call__(self, raw: Floats) -> Floats:
        """Probabilities of raw scores, elementwise."""
        return _logistic(self.slope * log_odds(raw) + self.intercept)


class IsotonicMap(ProbabilityMap):
    """Piecewise linear between ascending knots; scores beyond the outer knots take their values."""

    method: Literal["isotonic"] = "isotonic"
    x: tuple[float, ...] = Field(min_length=1)
    y: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if len(self.x) != len(self.y) or (np.diff(self.x) < 0).any() or (np.diff(self.y) < 0).any():
            raise ValueError("a calibrator's knots are not ascending pairs: fit the calibrator again")
        return self

    def __call__(self, raw: Floats) -> Floats:
        """Probabilities of raw scores, elementwise."""
        # Of a single knot np.interp says its value even where the score is unknown.
        return np.where(np.isnan(raw), np.nan, np.interp(raw, self.x, self.y))


AnyMap = Annotated[BaseRateMap | TemperatureMap | PlattMap | IsotonicMap, Field(discriminator="method")]


def log_odds(raw: Floats) -> Floats:
    """ln(p / (1 - p)) of scores in [0, 1], those at the ends held at `SCORE_FLOOR`."""
    held = np.clip(np.ascontiguousarray(raw), SCORE_FLOOR, 1.0 - SCORE_FLOOR)
    return np.asarray(np.log(held / (1.0 - held)))


def base_rate(won: Floats, weights: Floats) -> float:
    """Share of labels (m,) that are 1, by the rule of succession: (wins + 1) / (labels + 2), never 0 nor 1."""
    return float(((weights * won).sum() + 1.0) / (weights.sum() + 2.0))


def base_rate_map(won: Floats, weights: Floats) -> BaseRateMap:
    """The map that knows the base rate alone."""
    return BaseRateMap(rate=base_rate(won, weights))


def temperature_map(raw: Floats, won: Floats, weights: Floats) -> TemperatureMap:
    """Least logistic loss on smoothed targets; 0 where higher scores win less.

    Args:
        raw: scores (m,) in [0, 1].
        won: 0 or 1 (m,).
        weights: independent labels that each row is worth (m,), positive.
    """
    (inverse,) = least_logistic_loss(log_odds(raw)[None], smoothed_targets(won, weights), weights)
    return TemperatureMap(inverse_temperature=max(0.0, inverse))


def platt_map(raw: Floats, won: Floats, weights: Floats) -> PlattMap:
    """Least logistic loss on Platt's smoothed targets; the line lies flat where higher scores win less."""
    x, target = log_odds(raw), smoothed_targets(won, weights)
    # About its mean the line's two numbers hardly depend on one another, which Newton's steps need near a flat line.
    centre = float((weights * x).sum() / weights.sum())
    slope, height = least_logistic_loss(np.stack([x - centre, np.ones_like(x)]), target, weights)
    if slope <= 0.0:
        mean = (weights * target).sum() / weights.sum()
        slope, height = 0.0, float(np.log(mean / (1.0 - mean)))
    return PlattMap(slope=slope, intercept=height - slope * centre)


def isotonic_map(raw: Floats, won: Floats, weights: Floats, prior: float) -> IsotonicMap:
    """Weighted isotonic regression (Zadrozny & Elkan 2002), its steps shrunk towards the base rate.

    Isotonic steps at the ends are small and report 0 or 1. Each step is moved towards the base rate as the
    mean of a Beta posterior would be; as small steps move more, a second isotonic pass restores the order.
    With `prior` 0 this is scikit-learn's `IsotonicRegression`.

    Args:
        prior: independent labels that the base rate is worth.
    """
    from scipy.optimize import isotonic_regression

    order = np.argsort(raw, kind="stable")
    raw, won, weights = raw[order], won[order], weights[order]
    ties = np.flatnonzero(np.concatenate([[True], np.diff(raw) > 0]))
    mass = np.add.reduceat(weights, ties)
    steps = isotonic_regression(np.add.reduceat(weights * won, ties) / mass, weights=mass)
    begins, ends = steps.blocks[:-1], steps.blocks[1:] - 1
    shrunk = (steps.weights * steps.x[begins] + prior * base_rate(won, weights)) / (steps.weights + prior)
    ordered = isotonic_regression(shrunk, weights=steps.weights + prior).x
    x = np.column_stack([raw[ties][begins], raw[ties][ends]]).ravel()
    heights = np.clip(np.repeat(ordered, 2), 0.0, 1.0)
    distinct = np.concatenate([[True], (np.diff(x) > 0) | (np.diff(heights) > 0)])
    return IsotonicMap(x=tuple(x[distinct].tolist()), y=tuple(heights[distinct].tolist()))


def smoothed_targets(won: Floats, weights: Floats) -> Floats:
    """Platt's targets: (wins + 1) / (wins + 2) for a win, 1 / (losses + 2) for a loss, counted in independent labels.

    They keep the fit finite where the scores part wins from losses, and where there is but one class.
    """
    wins = float((weights * won).sum())
    losses = float((weights * (1.0 - won)).sum())
    return np.where(won > 0, (wins + 1.0) / (wins + 2.0), 1.0 / (losses + 2.0))


def least_logistic_loss(columns: Floats, target: Floats, weights: Floats, most_steps: int = 100) -> list[float]:
    """The coefficients that minimise sum of weight x [ln(1 + e^z) - target z], z = sum of coefficient x column.

    Newton's method from 0, a step halved until it lowers the loss (Boyd & Vandenberghe 2004, 9.5); the loss is convex
    and, with targets inside (0, 1), has its least value at finite coefficients. A column of zeros keeps 0.

    Args:
        columns: (k, m).
        target: (m,) inside (0, 1).
        weights: (m,), positive.

    Raises:
        ContractError: a number is not finite, or the steps do not settle.
    """
    if not (np.isfinite(columns).all() and np.isfinite(target).all() and np.isfinite(weights).all()):
        raise ContractError("a calibrator was given scores or weights that are not finite: train the folds again")
    at = np.zeros(len(columns))
    loss = _loss(columns, target, weights, at)
    for _ in range(most_steps):
        p = _logistic(_scores(columns, at))
        gradient = np.array([(weights * (p - target) * column).sum() for column in columns])
        curvature = weights * p * (1.0 - p)
        hessian = np.array([[(curvature * one * other).sum() for other in columns] for one in columns])
        step = np.linalg.lstsq(hessian, gradient)[0]
        promised = float(gradient @ step)
        if promised <= LOSS_ROUNDING * loss:
            return [float(value) for value in at - step]
        length = 1.0
        while (then := _loss(columns, target, weights, at - length * step)) > loss and length > 1e-10:
            length /= 2.0
        at, loss = at - length * step, min(then, loss)
    raise ContractError(f"a calibrator's fit did not settle in {most_steps} steps: look at the scores it was given")


def _scores(columns: Floats, at: Floats) -> Floats:
    z = np.zeros(columns.shape[1])
    for coefficient, column in zip(at, columns, strict=True):
        z += coefficient * column
    return z


def _loss(columns: Floats, target: Floats, weights: Floats, at: Floats) -> float:
    z = _scores(columns, at)
    return float((weights * (np.logaddexp(0.0, z) - target * z)).sum())


def _logistic(z: Floats) -> Floats:
    # Held where the nearest double would be 1.
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(z, -30.0, 30.0))))
