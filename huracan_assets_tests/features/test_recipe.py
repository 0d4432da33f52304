"""The recipe is complete, told apart, and named by a hash that moves with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from huracan_assets.features import recipe
from huracan_assets.features.recipe import FEATURE_NAMES, RECIPE, SOURCES, WARM_UP_DAYS, recipe_hash

GLUE = {"__init__.py", "assets.py", "checks.py", "contract.py", "feature_version.py", "inputs.py"}


def test_declarations_are_distinct_and_whole() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES) >= 45
    for feature in RECIPE:
        assert feature.low < feature.high and feature.inputs and feature.formula and feature.unit, feature.name
        assert 0 < feature.warm_up_minutes <= WARM_UP_DAYS * 1440, feature.name


def test_each_family_is_one_file_and_every_source_is_hashed() -> None:
    folder = Path(recipe.__file__).parent
    for feature in RECIPE:
        assert (folder / f"{feature.family}.py").is_file()
    hashed = {source.name for source in SOURCES if source.parent == folder}
    assert hashed == {source.name for source in folder.glob("*.py")} - GLUE


def test_the_hash_moves_with_the_sources_and_not_with_line_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = recipe_hash()
    texts = {source: source.read_text(encoding="utf-8") for source in SOURCES}
    copies = tuple(tmp_path / f"{number}" / source.name for number, source in enumerate(SOURCES))
    for copy, text in zip(copies, texts.values(), strict=True):
        copy.parent.mkdir()
        copy.write_bytes(text.replace("\n", "\r\n").encode())
    monkeypatch.setattr(recipe, "SOURCES", copies)
    assert recipe_hash.__wrapped__() == before
    copies[3].write_text(copies[3].read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    assert recipe_hash.__wrapped__() != before
