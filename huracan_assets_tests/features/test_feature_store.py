"""What is pinned stays; it is found by name, hash, or the beginning of a hash, and what is unclear is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from huracan_assets.errors import SettingsError, StorageError
from huracan_assets.features.feature_sets import FeatureSet, engine_set
from huracan_assets.features.feature_store import (
    RECIPES,
    SETS,
    find_recipe,
    keep_recipe,
    kept_recipes,
    pin,
    pinned_sets,
)
from huracan_assets.features.recipe import recipe_hash
from huracan_assets.features.recipe_document import RecipeDocument, recipe_document
from huracan_assets.resources.lake import Lake

OLDER = RecipeDocument(recipe_sha256="0123456789" + "f" * 54, warm_up_days=2, features=(), sources={})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.at(tmp_path)


def keep_older(lake: Lake, name: str = "baseline") -> FeatureSet:
    """An earlier engine's recipe, pinned."""
    chosen = FeatureSet(name=name, recipe_sha256=OLDER.recipe_sha256, names=OLDER.names)
    lake.keep_document(RECIPES, OLDER.recipe_sha256, OLDER)
    lake.keep_document(SETS, chosen.reference, chosen)
    return chosen


def test_an_empty_store_holds_nothing(lake: Lake) -> None:
    assert pinned_sets(lake) == []
    assert kept_recipes(lake) == {}


def test_pinning_keeps_the_set_and_its_recipe_and_pinning_again_changes_nothing(lake: Lake) -> None:
    assert pin(lake, "baseline") == engine_set()
    assert kept_recipes(lake) == {recipe_hash(): recipe_document()}
    files = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in Path(str(lake.base)).rglob("*.json")}
    assert len(files) == 2
    pin(lake, "baseline")
    keep_recipe(lake)
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files} == files


def test_a_name_may_be_pinned_again_for_another_recipe_beside_the_first(lake: Lake) -> None:
    older, newer = keep_older(lake), pin(lake, "baseline")
    assert pinned_sets(lake) == sorted([older, newer], key=lambda each: each.reference)


def test_what_was_kept_is_never_replaced(lake: Lake) -> None:
    pin(lake, "baseline")
    place = lake.base / RECIPES / f"{recipe_hash()}.json"
    changed = place.read_bytes().replace(b'"warm_up_days":', b'"warm_up_days":1')
    place.write_bytes(changed)
    with pytest.raises(StorageError, match="is not what was kept there"):
        keep_recipe(lake)
    assert place.read_bytes() == changed


def test_a_set_under_another_name_than_its_own_is_refused(lake: Lake) -> None:
    pin(lake, "baseline")
    (file,) = (lake.base / SETS).iterdir()
    file.rename(file.with_name(f"baseline@{'0' * 64}.json"))
    with pytest.raises(StorageError, match="holds another set"):
        pinned_sets(lake)


def test_a_damaged_document_is_named(lake: Lake) -> None:
    pin(lake, "baseline")
    (file,) = (lake.base / SETS).iterdir()
    file.write_bytes(b"{")
    with pytest.raises(StorageError, match=r"baseline@.*is damaged"):
        pinned_sets(lake)


@pytest.mark.parametrize("name", ["current", "Base", "a@b", ""])
def test_a_name_that_would_mislead_is_not_pinned(lake: Lake, name: str) -> None:
    with pytest.raises(SettingsError, match="cannot name a feature set"):
        pin(lake, name)
    assert kept_recipes(lake) == {}


def test_a_recipe_is_found_by_every_name_it_has(lake: Lake) -> None:
    older = keep_older(lake)
    before = pin(lake, "before-rewrite")
    assert find_recipe(lake, "current") == recipe_document()
    for wanted in ("before-rewrite", before.short, before.reference, recipe_hash(), recipe_hash()[:6]):
        assert find_recipe(lake, wanted) == recipe_document(), wanted
    for wanted in ("baseline", older.short, OLDER.recipe_sha256[:8]):
        assert find_recipe(lake, wanted) == OLDER, wanted


def test_what_is_unclear_or_absent_is_said(lake: Lake) -> None:
    older, newer = keep_older(lake), pin(lake, "baseline")
    with pytest.raises(StorageError, match=f"baseline may be .*{min(older.short, newer.short)}"):
        find_recipe(lake, "baseline")
    for wanted in ("nightly", "baseline@ffffffffffff0", "abcdef", recipe_hash()[:3]):
        with pytest.raises(StorageError, match="huracan features list"):
            find_recipe(lake, wanted)
    (lake.base / RECIPES / f"{OLDER.recipe_sha256}.json").unlink()
    with pytest.raises(StorageError, match=r"recipe 0123456789ff .* is not in"):
        find_recipe(lake, older.short)
