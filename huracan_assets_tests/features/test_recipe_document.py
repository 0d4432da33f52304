"""The document of a recipe tells every declaration and every file, and is the same wherever it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from huracan_assets.features import recipe
from huracan_assets.features.recipe import FEATURE_NAMES, RECIPE, SOURCES, WARM_UP_DAYS, recipe_hash
from huracan_assets.features.recipe_document import RecipeDocument, recipe_document
from huracan_assets.resources.lake import canonical_json


def test_every_feature_is_there_with_all_that_it_declares() -> None:
    document = recipe_document()
    assert document.recipe_sha256 == recipe_hash()
    assert document.warm_up_days == WARM_UP_DAYS
    assert document.names == FEATURE_NAMES
    for feature, told in zip(RECIPE, document.features, strict=True):
        expected = {name: value for name, value in vars(feature).items() if name != "compute"}
        assert {**told, "inputs": tuple(told["inputs"])} == expected


def test_every_file_that_the_hash_reads_is_named_once() -> None:
    sources = recipe_document().sources
    assert len(sources) == len(SOURCES)
    assert {"features/recipe.py", "features/momentum.py", "market/grid.py"} <= sources.keys()


def test_it_comes_back_from_the_lakes_own_spelling() -> None:
    document = recipe_document()
    assert RecipeDocument.model_validate_json(canonical_json(document)) == document


def test_a_files_hash_moves_with_its_text_and_not_with_its_line_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "family.py"
    monkeypatch.setattr(recipe, "SOURCES", (file,))
    found = []
    for text in (b"x = 1\ny = 2\n", b"x = 1\r\ny = 2\r\n", b"x = 1\ny = 3\n"):
        file.write_bytes(text)
        found.append(recipe_document.__wrapped__().sources["family.py"])
    assert found[0] == found[1] != found[2]
