"""The reference page is what the recipe declares."""

from __future__ import annotations

from huracan_assets.features.recipe import FEATURE_NAMES, RECIPE
from huracan_assets.features.reference import COLUMNS, PAGE, reference_page


def test_the_page_is_in_step_with_the_declarations() -> None:
    again = "python -m huracan_assets.features.reference"
    assert PAGE.read_text(encoding="utf-8") == reference_page(), f"the recipe has changed: run {again}"


def test_every_feature_stands_in_one_row_of_its_familys_table() -> None:
    rows = [line for line in reference_page().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(FEATURE_NAMES)
    assert {row.replace("\\|", "").count("|") for row in rows} == {len(COLUMNS) + 1}
    for row, feature in zip(rows, RECIPE, strict=True):
        assert feature.source in row and feature.formula.replace("|", "\\|") in row
