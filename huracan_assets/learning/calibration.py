"""From a model's raw score to a probability one may size on.

Isotonic regression on purged out-of-fold predictions, each step shrunk towards the base rate by the labels it
lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.learning.walk_forward import Fold

Floats = NDArray[np.float64]

# A step of k independent labels moves k / (k + PRIOR_LABELS) of the way from the base rate to its frequency:
# the mean of a Beta posterior whose prior, centred on the base rate, is worth this many labels. With 200
# to 2,000 labels and scores of little skill 10 came closest to the true probabilities; 0 was two to three
# times as far off.
PRIOR_LABELS = 10.0


@dataclass(frozen=True)
class IsotonicMap:
    """A non-decreasing, piecewise linear map of raw scores; scores beyond the outer knots take their
    values.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]

    def __call__(self, raw: Floats) -> Floats:
        """Calibrated probabilities in (0, 1); NaN stays NaN."""
        return np.asarray(np.interp(raw, self.x, self.y))

    def document(self) -> dict[str, list[float]]:
        """A JSON-able form; `from_document` reads it back to the same bits."""
        return {"x": list(self.x), "y": list(self.y)}

    @classmethod
    def from_document(cls, document: dict[str, list[float]]) -> IsotonicMap:
        """The map that `document` describes.

        Raises:
            ContractError: the knots are not ascending, or not of one length.
        """
        x, y = tuple(document["x"]), tuple(document["y"])
        if not x or len(x) != len(y) or (np.diff(x) < 0).any() or (np.diff(y) < 0).any():
            raise ContractError("a calibrator's knots are not ascending pairs: fit the calibrator again")
        return cls(x, y)


Pair = tuple[IsotonicMap, IsotonicMap]


@dataclass(frozen=True)
class Calibrators:
    """Pairs are long, short. Fold 0 has none: nothing out of fold was known before it."""

    per_fold: tuple[Pair | None, ...]
    final: Pair

    def calibrated(self, raw: Floats, folds: Sequence[Fold]) -> Floats:
        """Each fold's raw scores (n, 2) through the fold's own maps; NaN where there is none."""
        out = np.full(raw.shape, np.nan)
        for fold, pair in zip(folds, self.per_fold, strict=True):
            if pair is not None:
                out[fold.test] = apply_pair(pair, raw[fold.test])
        return out


def apply_pair(pair: Pair, raw: Floats) -> Floats:
    """Raw long and short scores (m, 2) to probabilities (m, 2)."""
    return np.column_stack([pair[side](raw[:, side]) for side in range(2)])


def fit_calibrators(
    raw: Floats, y: Floats, folds: Sequence[Fold], weights: Floats, teachable: NDArray[np.bool_]
) -> Calibrators:
    """Calibrators for each fold and for the morning after the last one.

    Fold k's maps see the out-of-fold scores of folds before k, and of those only the rows that may train fold
    k: a label still open when fold k begins is no more known to the calibrator than to the model.

    Args:
        raw: out-of-fold scores (n, 2), NaN outside all tests.
        y: whether long and short paid (n, 2), 0 or 1.
        weights: uniqueness of the labels (n,); they add up to independent labels.
        teachable: rows that may teach (n,); the folds' training rows are among them.

    Raises:
        ContractError: a fold after the first has no scored row to be calibrated on.
    """
    per_fold: list[Pair | None] = []
    for k, fold in enumerate(folds):
        if k == 0:
            per_fold.append(None)
            continue
        tested = np.concatenate([earlier.test for earlier in folds[:k]])
        per_fold.append(_pair(raw, y, weights, np.intersect1d(tested, fold.train), f"fold {k}"))
    tested = np.sort(np.concatenate([fold.test for fold in folds]))
    return Calibrators(tuple(per_fold), _pair(raw, y, weights, tested[teachable[tested]], "the final calibrator"))


def _pair(raw: Floats, y: Floats, weights: Floats, rows: NDArray[np.int64], whose: str) -> Pair:
    if len(rows) == 0 or not np.isfinite(raw[rows]).all():
        raise ContractError(f"{whose} has no or unscored out-of-fold rows to calibrate on: train the folds first")
    long, short = (isotonic_map(raw[rows, side], y[rows, side], weights[rows]) for side in range(2))
    return long, short


def isotonic_map(raw: Floats, y: Floats, weights: Floats, prior: float = PRIOR_LABELS) -> IsotonicMap:
    """Weighted isotonic regression (Zadrozny & Elkan 2002), its steps shrunk towards the base rate.

    Isotonic steps at the ends are small and report 0 or 1. Each step is moved towards the base rate as the
    mean of a Beta posterior would be; as small steps move more, a second isotonic pass restores the order.
    With `prior` 0 this is scikit-learn's `IsotonicRegression`.

    Args:
        raw: scores (m,).
        y: 0 or 1 (m,).
        weights: independent labels that each row is worth (m,), positive.
        prior: independent labels that the base rate is worth.
    """
    from sklearn.isotonic import IsotonicRegression

    order = np.argsort(raw, kind="stable")
    raw, y, weights = raw[order], np.asarray(y, np.float64)[order], weights[order]
    fitted = IsotonicRegression().fit_transform(raw, y, sample_weight=weights)
    # One step per fitted value; rows of one score share it.
    begins = np.flatnonzero(np.concatenate([[True], np.diff(fitted) > 0]))
    ends = np.concatenate([begins[1:], [len(raw)]]) - 1
    worth = np.add.reduceat(weights, begins)
    base = float(np.average(y, weights=weights))
    shrunk = (worth * fitted[begins] + prior * base) / (worth + prior)
    ordered = IsotonicRegression().fit_transform(np.arange(len(shrunk)), shrunk, sample_weight=worth + prior)
    x = np.column_stack([raw[begins], raw[ends]]).ravel()
    heights = np.repeat(ordered, 2)
    distinct = np.concatenate([[True], (np.diff(x) > 0) | (np.diff(heights) > 0)])
    return IsotonicMap(tuple(x[distinct].tolist()), tuple(heights[distinct].tolist()))
