"""The feature store's memory: recipes and pinned sets, each kept in the lake under its hash and never replaced."""

from __future__ import annotations

import re

from huracan_assets.errors import SettingsError, StorageError
from huracan_assets.features.feature_sets import SET_NAME, SHOWN, FeatureSet, engine_set
from huracan_assets.features.recipe_document import RecipeDocument, recipe_document
from huracan_assets.resources.lake import Lake

RECIPES, SETS = "feature_version/recipes", "feature_version/sets"
CURRENT = "current"
LEAST_DIGITS = 6  # of a hash, for it to name something


def keep_recipe(lake: Lake) -> None:
    """Keep this engine's recipe under its hash; nothing happens where it is kept already."""
    document = recipe_document()
    lake.keep_document(RECIPES, document.recipe_sha256, document)


def pin(lake: Lake, name: str) -> FeatureSet:
    """Pin the features that this engine makes under a name, and keep their recipe.

    Raises:
        SettingsError: the name cannot be one.
    """
    if SET_NAME.fullmatch(name) is None or name == CURRENT:
        raise SettingsError(
            f"{name!r} cannot name a feature set: take small letters, digits, - and _, a letter first, and "
            f"not {CURRENT!r}, which is this engine's own"
        )
    keep_recipe(lake)
    chosen = engine_set(name)
    lake.keep_document(SETS, chosen.reference, chosen)
    return chosen


def pinned_sets(lake: Lake) -> list[FeatureSet]:
    """Every pinned set, by name and hash.

    Raises:
        StorageError: a kept set is not the one its place names.
    """
    found = {place: FeatureSet.model_validate(kept) for place, kept in lake.kept_documents(SETS).items()}
    wrong = [place for place, each in found.items() if each.reference != place]
    if wrong:
        raise StorageError(f"{lake.base}/{SETS}/{wrong[0]}.json holds another set than its name says: restore it")
    return list(found.values())


def kept_recipes(lake: Lake) -> dict[str, RecipeDocument]:
    """Every kept recipe by its hash."""
    return {place: RecipeDocument.model_validate(kept) for place, kept in lake.kept_documents(RECIPES).items()}


def find_recipe(lake: Lake, wanted: str) -> RecipeDocument:
    """The recipe that a reader means.

    Args:
        wanted: `current`, a pinned set's name, `name@` and the first digits of its hash, or those of a recipe's hash.

    Raises:
        StorageError: there is none, or several, which the message names.
    """
    if wanted == CURRENT:
        return recipe_document()
    meant = {each.recipe_sha256: each.short for each in pinned_sets(lake) if _means(each, wanted)}
    kept = kept_recipes(lake) | {(own := recipe_document()).recipe_sha256: own}
    if re.fullmatch(rf"[0-9a-f]{{{LEAST_DIGITS},64}}", wanted):
        meant |= {digest: digest[:SHOWN] for digest in kept if digest.startswith(wanted)}
    if len(meant) > 1:
        raise StorageError(f"{wanted} may be {', '.join(sorted(meant.values()))}: name one of them")
    if not meant:
        raise StorageError(f"no feature set or recipe is {wanted}: `huracan features list` shows those there are")
    (digest,) = meant
    if digest not in kept:
        raise StorageError(f"the recipe {digest[:SHOWN]} of {wanted} is not in {lake.base}/{RECIPES}: restore it")
    return kept[digest]


def _means(each: FeatureSet, wanted: str) -> bool:
    name, _, digits = wanted.partition("@")
    return each.name == name and each.sha256.startswith(digits)
