"""What a trade is judged by: trees and a line of its own side, asked together; and how far both sides lean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from huracan_assets.errors import ContractError
from huracan_assets.learning.linear_model import LinearModel

if TYPE_CHECKING:
    import lightgbm

Floats = NDArray[np.float64]
TREE = "Tree="  # of LightGBM's text


class SideModel(BaseModel):
    """The mean of a booster's and a linear model's probability (Bates & Granger 1969: errors that differ cancel)."""

    model_config = ConfigDict(frozen=True)
    booster: str  # LightGBM's text
    linear: LinearModel

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns that the booster was trained on, as it tells them itself."""
        return tuple(self.parsed().feature_name())

    @property
    def rounds(self) -> int:
        """How many trees the booster has."""
        return sum(line.startswith(TREE) for line in self.booster.splitlines())

    @property
    def gain(self) -> Floats:
        """The split gain that each feature brought to the trees (f,)."""
        return np.asarray(self.parsed().feature_importance("gain"), np.float64)

    def predict(self, features: NDArray[np.float32]) -> Floats:
        """Raw probabilities (m,) for features (m, f) in the training set's column order."""
        trees = np.asarray(self.parsed().predict(features, num_threads=1), np.float64)
        return together(trees, self.linear.predict(features))

    def parsed(self) -> lightgbm.Booster:
        """The booster that the text is of.

        Raises:
            ContractError: it is of none.
        """
        import lightgbm

        try:
            return lightgbm.Booster(model_str=self.booster)
        except lightgbm.basic.LightGBMError as error:
            raise ContractError(f"a booster cannot be read ({error}): train it again") from error


def together(trees: Floats, line: Floats) -> Floats:
    """What the two say as one: the mean of their probabilities (m,)."""
    return (trees + line) / 2.0


class SidePair(BaseModel):
    """Both sides' models, fitted on the same rows.

    Models that little evidence taught scatter their answers less than later ones, so how far they lean is told in
    units of their own: what a lean is worth is then the same from fit to fit.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)
    long: SideModel
    short: SideModel
    usual_lean: float = Field(gt=0)  # root mean square of long's less short's probability on the rows that taught them

    @classmethod
    def of(cls, long: SideModel, short: SideModel, features: NDArray[np.float32]) -> SidePair:
        """The pair whose lean on `features` (m, f) is its usual one; 1 where they never lean."""
        lean = _lean(_answers((long, short), features))
        return cls(long=long, short=short, usual_lean=float(np.sqrt(np.mean(lean**2))) or 1.0)

    @property
    def sides(self) -> tuple[SideModel, SideModel]:
        """Long, short."""
        return self.long, self.short

    def predict(self, features: NDArray[np.float32]) -> Floats:
        """Raw probabilities of long and short (m, 2).

        Raises:
            ContractError: a model answers with no number.
        """
        return _answers(self.sides, features)

    def lean(self, raw: Floats) -> Floats:
        """How far raw probabilities (m, 2) lean to long, in units of the usual (m,); negative to short."""
        return _lean(raw) / self.usual_lean


def _answers(sides: tuple[SideModel, SideModel], features: NDArray[np.float32]) -> Floats:
    raw = np.column_stack([side.predict(features) for side in sides])
    silent = ~np.isfinite(raw).all(axis=1)
    if silent.any():
        raise ContractError(f"the models answer with no number on {silent.sum()} of {len(raw)} bars: train them again")
    return raw


def _lean(raw: Floats) -> Floats:
    return np.asarray(raw[:, 0] - raw[:, 1])
