"""What differs between two versions of the recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from huracan_assets.features.recipe_document import RecipeDocument


@dataclass(frozen=True)
class Redeclared:
    """A part of a feature's declaration that differs; None where a version does not know the part."""

    feature: str
    part: str
    before: Any
    after: Any


@dataclass(frozen=True)
class RecipeDiff:
    """From one recipe to another; features and files by name, in the order of the later recipe."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    redeclared: tuple[Redeclared, ...]
    reordered: bool  # the features that both have stand in another order
    warm_up_days: tuple[int, int]
    sources: dict[str, str]  # file -> added, removed or changed

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        first, last = self.warm_up_days
        return not (self.added or self.removed or self.redeclared or self.reordered or self.sources) and first == last


def compare(before: RecipeDocument, after: RecipeDocument) -> RecipeDiff:
    """What changed from `before` to `after`."""
    old, new = ({str(each["name"]): each for each in document.features} for document in (before, after))
    both = [name for name in new if name in old]
    return RecipeDiff(
        added=tuple(name for name in new if name not in old),
        removed=tuple(name for name in old if name not in new),
        redeclared=tuple(change for name in both for change in _redeclared(name, old[name], new[name])),
        reordered=both != [name for name in old if name in new],
        warm_up_days=(before.warm_up_days, after.warm_up_days),
        sources=_sources(before.sources, after.sources),
    )


def _redeclared(name: str, before: dict[str, Any], after: dict[str, Any]) -> list[Redeclared]:
    parts = [*after, *(part for part in before if part not in after)]
    changed = [part for part in parts if before.get(part) != after.get(part)]
    return [Redeclared(name, part, before.get(part), after.get(part)) for part in changed]


def _sources(before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    said: dict[str, str] = {}
    for file in sorted(before.keys() | after.keys()):
        if file not in before or file not in after:
            said[file] = "added" if file in after else "removed"
        elif before[file] != after[file]:
            said[file] = "changed"
    return said
