"""The reference page: every feature as it is declared, a table a family.

`python -m huracan_assets.features.reference` writes it beside this file; a test keeps it in step with the recipe.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from huracan_assets.features.declaration import Feature
from huracan_assets.features.recipe import RECIPE, WARM_UP_DAYS

PAGE = Path(__file__).with_name("REFERENCE.md")
COLUMNS = ("feature", "formula", "unit", "range", "warm-up", "reads", "source")


def reference_page(recipe: Iterable[Feature] = RECIPE) -> str:
    """The page as Markdown."""
    features = tuple(recipe)
    families = [(name, tuple(members)) for name, members in groupby(features, lambda feature: feature.family)]
    lines = [
        "# The features",
        "",
        "Written by `python -m huracan_assets.features.reference` from the declarations; do not edit.",
        "",
        f"{len(features)} features in {len(families)} families, of each minute, from that day's minutes and the "
        f"{WARM_UP_DAYS} days before it.",
        "r is the one-minute log return, b the benchmark's; H, L, O, C are high, low, open and close; sigma_k is the "
        "realised volatility of k minutes. A window over k minutes speaks if at least half of them are there. Where an "
        "input is absent, or a value is not defined, the value is null: the mask is the column's own. Warm-up is the "
        "history, in minutes, before which nothing moves a value by a millionth.",
    ]
    for name, members in families:
        lines += ["", f"## {name.replace('_', ' ').capitalize()}", "", _row(COLUMNS), _row(["---"] * len(COLUMNS))]
        lines += [_row(_cells(feature)) for feature in members]
    return "\n".join(lines) + "\n"


def _cells(feature: Feature) -> list[str]:
    return [
        f"`{feature.name}`",
        feature.formula,
        feature.unit,
        f"{feature.low:g} to {feature.high:g}",
        str(feature.warm_up_minutes),
        ", ".join(f"`{read}`" for read in feature.inputs),
        feature.source,
    ]


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(reference_page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}: {len(RECIPE)} features\n")
