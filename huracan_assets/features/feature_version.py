"""Which features, of which days, exactly: what a night stands on, named by hashes."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict

from huracan_assets.errors import ContractError
from huracan_assets.features.feature_sets import BASELINE, FeatureSet


class FeatureDay(BaseModel):
    """One day of the look-back: the content of its features, and of what its minutes are simulated on."""

    model_config = ConfigDict(frozen=True)
    day: date
    candles_sha256: str
    funding_sha256: str
    books_sha256: str | None  # None where nobody recorded a book
    features_sha256: str


class FeatureVersion(BaseModel):
    """The look-back window of a symbol-day and the recipe its features were made by."""

    model_config = ConfigDict(frozen=True)
    symbol: str
    day: date
    recipe_sha256: str
    names: tuple[str, ...]
    days: tuple[FeatureDay, ...]

    @property
    def window(self) -> list[date]:
        """The days of the look-back, in order."""
        return [entry.day for entry in self.days]

    @property
    def feature_set(self) -> FeatureSet:
        """The set that a model of this window is trained on."""
        return FeatureSet(name=BASELINE, recipe_sha256=self.recipe_sha256, names=self.names)

    def require_recipe(self, recipe_sha256: str) -> None:
        """Refuse to mix versions.

        Raises:
            ContractError: the features were made by another recipe.
        """
        if self.recipe_sha256 != recipe_sha256:
            raise ContractError(
                f"{self.symbol} of {self.day} has features of recipe {self.recipe_sha256[:12]}, "
                f"this engine makes {recipe_sha256[:12]}: materialise features of the window again"
            )
