"""A linear model beside the trees: it carries a slope to the ends, where trees have few rows and flatten it.

Ridge-penalised logistic regression on standardised features. A feature's column is first scaled by the evidence for
it (`feature_evidence.py`), so that the penalty weighs most on what has shown least.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, PositiveFloat, model_validator

Floats = NDArray[np.float64]

CLIP = 4.0  # standard deviations beyond which a feature says no more: an outlier is no stronger argument


class LinearModel(BaseModel):
    """P = 1 / (1 + exp(-z)), z = intercept + sum of coefficient x clip((feature - centre) / scale, -4, 4).

    An undefined feature stands at its centre and adds nothing.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)
    centre: tuple[float, ...]
    scale: tuple[PositiveFloat, ...]
    coefficient: tuple[float, ...]
    intercept: float
    share: tuple[float, ...]  # of each feature in the score's variance where it was fitted (Pratt 1987), not below 0

    @model_validator(mode="after")
    def _of_one_width(self) -> Self:
        widths = {len(part) for part in (self.centre, self.scale, self.coefficient, self.share)}
        if len(widths) != 1:
            raise ValueError(f"centre, scale, coefficient and share of {sorted(widths)} features are of no one line")
        return self

    def predict(self, features: NDArray[np.float32]) -> Floats:
        """Probabilities (m,) for features (m, f) in the training set's column order."""
        return probability(self.score(features))

    def score(self, features: NDArray[np.float32]) -> Floats:
        """z (m,), the log odds."""
        z = np.full(len(features), self.intercept)
        # Column by column: a matrix product sums in an order that depends on how many rows there are.
        for column, weight in enumerate(self.coefficient):
            if weight != 0.0:
                z += self.part(column, features[:, column])
        return z

    def part(self, column: int, values: NDArray[np.floating[Any]]) -> Floats:
        """What a column with these values (m,) adds to z."""
        return self.coefficient[column] * _standardised(values, self.centre[column], self.scale[column])


def probability(score: Floats) -> Floats:
    """Of log odds (m,)."""
    return np.asarray(1.0 / (1.0 + np.exp(-score)))


def share(weights: Floats) -> Floats:
    """`weights` as shares of their sum; all 0 where that is 0."""
    total = weights.sum()
    return np.asarray(weights / total) if total > 0.0 else np.zeros_like(weights)


def fit_linear(
    features: NDArray[np.float32], label: Floats, weights: Floats, evidence: Floats, penalty: float
) -> LinearModel:
    """Minimise sum of weight x logistic loss + penalty / 2 x |coefficient|^2 (Hoerl & Kennard's ridge).

    Args:
        features: (n, f), NaN where undefined.
        label: 0 or 1 (n,); where it never varies the model answers with its mean.
        weights: independent labels that each row is worth (n,).
        evidence: (f,) in [0, 1); a feature without any has coefficient 0.
        penalty: in independent labels.
    """
    from sklearn.linear_model import LogisticRegression

    usable = np.isfinite(features).any(axis=0) & (evidence > 0.0)
    centre, scale = centre_and_scale(features)
    mean = float(np.average(label, weights=weights))
    if not usable.any() or not 0.0 < mean < 1.0:
        bounded = float(np.clip(mean, 1e-6, 1.0 - 1e-6))
        nothing = np.zeros(len(evidence))
        return _model(centre, scale, nothing, float(np.log(bounded / (1.0 - bounded))), nothing)
    columns = np.column_stack(
        [
            evidence[column] * _standardised(features[:, column], centre[column], scale[column])
            for column in np.flatnonzero(usable)
        ]
    )
    ridge = LogisticRegression(C=1.0 / penalty, solver="newton-cholesky", tol=1e-8)
    ridge.fit(columns, label, sample_weight=weights)
    coefficient, brought = np.zeros((2, len(evidence)))
    coefficient[usable] = ridge.coef_[0] * evidence[usable]
    brought[usable] = _variance_share(columns, ridge.coef_[0])
    return _model(centre, scale, coefficient, float(ridge.intercept_[0]), brought)


def centre_and_scale(features: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Mean and deviation of each feature (f,) over the rows that have it; 0 and 1 where none has, 1 where it stands."""
    known = np.isfinite(features).any(axis=0)
    centre, scale = np.zeros(features.shape[1]), np.ones(features.shape[1])
    plain = features[:, known].astype(np.float64)
    centre[known], spread = np.nanmean(plain, axis=0), np.nanstd(plain, axis=0)
    scale[known] = np.where(spread > 0.0, spread, 1.0)
    return centre, scale


def _variance_share(columns: Floats, coefficient: Floats) -> Floats:
    """coefficient x cov(column, score) / var(score): what each column brings to the score, correlated ones together."""
    centred = columns - columns.mean(axis=0)
    score = centred @ coefficient
    return share(np.maximum(coefficient * (centred.T @ score), 0.0))


def _model(centre: Floats, scale: Floats, coefficient: Floats, intercept: float, brought: Floats) -> LinearModel:
    return LinearModel(
        centre=tuple(centre.tolist()),
        scale=tuple(scale.tolist()),
        coefficient=tuple(coefficient.tolist()),
        intercept=intercept,
        share=tuple(brought.tolist()),
    )


def _standardised(values: NDArray[np.floating[Any]], centre: float, scale: float) -> Floats:
    return np.nan_to_num(np.clip((values.astype(np.float64) - centre) / scale, -CLIP, CLIP), nan=0.0)
