"""What one side's trade is judged by: trees and a line, asked together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from huracan_assets.learning.linear_model import LinearModel

Floats = NDArray[np.float64]
FEATURE_NAMES = "feature_names="  # of LightGBM's text
TREE = "Tree="


class SideModel(BaseModel):
    """The mean of a booster's and a linear model's probability (Bates & Granger 1969: errors that differ cancel)."""

    model_config = ConfigDict(frozen=True)
    booster: str  # LightGBM's text
    linear: LinearModel

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns that the booster was trained on, as its own text tells them."""
        (line,) = (line for line in self.booster.splitlines() if line.startswith(FEATURE_NAMES))
        return tuple(line.removeprefix(FEATURE_NAMES).split())

    @property
    def rounds(self) -> int:
        """How many trees the booster has."""
        return sum(line.startswith(TREE) for line in self.booster.splitlines())

    @property
    def gain(self) -> Floats:
        """The split gain that each feature brought to the trees (f,)."""
        from lightgbm import Booster

        return np.asarray(Booster(model_str=self.booster).feature_importance("gain"), np.float64)

    def predict(self, features: NDArray[np.float32]) -> Floats:
        """Raw probabilities (m,) for features (m, f) in the training set's column order."""
        from lightgbm import Booster

        trees = np.asarray(Booster(model_str=self.booster).predict(features, num_threads=1), np.float64)
        return together(trees, self.linear.predict(features))


def together(trees: Floats, line: Floats) -> Floats:
    """What the two say as one: the mean of their probabilities (m,)."""
    return (trees + line) / 2.0


SidePair = tuple[SideModel, SideModel]  # long, short


def predict(pair: SidePair, features: NDArray[np.float32]) -> Floats:
    """Raw probabilities of long and short (m, 2)."""
    return np.column_stack([side.predict(features) for side in pair])
