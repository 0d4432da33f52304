"""A set is its features, their order and their recipe; a model of another set is refused, and both are named."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from huracan_assets.errors import ContractError, FeatureSetMismatch
from huracan_assets.features.feature_sets import BASELINE, FeatureSet, engine_set
from huracan_assets.features.recipe import FEATURE_NAMES, recipe_hash

ONE = FeatureSet(name="baseline", recipe_sha256="a" * 64, names=("rsi", "adx"))
OTHERS = {
    "another recipe": ONE.model_copy(update={"recipe_sha256": "b" * 64}),
    "another feature": ONE.model_copy(update={"names": ("rsi", "atr")}),
    "one more": ONE.model_copy(update={"names": ("rsi", "adx", "atr")}),
    "another order": ONE.model_copy(update={"names": ("adx", "rsi")}),
}


def test_the_engines_set_is_the_recipe_whole_and_in_order() -> None:
    assert engine_set() == FeatureSet(name=BASELINE, recipe_sha256=recipe_hash(), names=FEATURE_NAMES)


def test_a_name_is_not_part_of_what_is_pinned() -> None:
    renamed = ONE.model_copy(update={"name": "before-rewrite"})
    assert renamed.sha256 == ONE.sha256
    assert renamed.reference == f"before-rewrite@{ONE.sha256}"
    ONE.refuse_unless(renamed, "the model")


@pytest.mark.parametrize("what", OTHERS)
def test_another_set_is_refused_and_both_are_named(what: str) -> None:
    assert OTHERS[what].sha256 != ONE.sha256
    with pytest.raises(FeatureSetMismatch, match="the model was trained on") as refused:
        ONE.refuse_unless(OTHERS[what], "the model")
    said = str(refused.value)
    assert ONE.short in said
    assert OTHERS[what].short in said
    assert f"huracan features diff {ONE.short} {OTHERS[what].short}" in said
    assert isinstance(refused.value, ContractError)


@pytest.mark.parametrize("name", ["", "Base", "9lives", "a b", "a@b", "a/b", "x" * 41])
def test_a_name_that_could_be_mistaken_is_none(name: str) -> None:
    with pytest.raises(ValidationError):
        FeatureSet(name=name, recipe_sha256="a" * 64, names=())
