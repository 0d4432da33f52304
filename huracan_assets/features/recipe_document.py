"""A recipe as a document: what each feature declares, and the hash of each file that computes them.

`recipe_hash` says that two recipes differ; two of these documents say where.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from huracan_assets.features import recipe
from huracan_assets.features.declaration import Feature

PACKAGE = Path(__file__).resolve().parent.parent

Declaration = dict[str, Any]


class RecipeDocument(BaseModel):
    """A version of the recipe, as it stood when features were first made with it."""

    model_config = ConfigDict(frozen=True)
    recipe_sha256: str
    warm_up_days: int
    features: tuple[Declaration, ...]  # in the order of the columns; `name` is one of the keys
    sources: dict[str, str]  # SHA-256 of each file's text by its path in the package, whatever its line ends

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in order."""
        return tuple(str(feature["name"]) for feature in self.features)


@cache
def recipe_document() -> RecipeDocument:
    """The recipe of this engine, as its files stood when the process first asked."""
    return RecipeDocument(
        recipe_sha256=recipe.recipe_hash(),
        warm_up_days=recipe.WARM_UP_DAYS,
        features=tuple(declared(feature) for feature in recipe.RECIPE),
        sources={_place(source): _text_hash(source) for source in recipe.SOURCES},
    )


def declared(feature: Feature) -> Declaration:
    """Everything that a feature declares but its function, as plain JSON."""
    values = {field.name: getattr(feature, field.name) for field in fields(feature)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if not callable(value)
    }


def _place(source: Path) -> str:
    file = source.resolve()
    return file.relative_to(PACKAGE).as_posix() if file.is_relative_to(PACKAGE) else file.name


def _text_hash(source: Path) -> str:
    return hashlib.sha256(source.read_text(encoding="utf-8").encode()).hexdigest()
