"""Every kind of change is told, by name; two copies of one recipe differ in nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.features.feature_diff import Redeclared, compare
from huracan_assets.features.recipe_document import RecipeDocument, recipe_document


def document(*features: dict[str, Any], sources: dict[str, str] | None = None, warm_up: int = 3) -> RecipeDocument:
    return RecipeDocument(recipe_sha256="r", warm_up_days=warm_up, features=features, sources=sources or {})


def feature(name: str, **parts: Any) -> dict[str, Any]:
    declared = {"name": name, "formula": "x", "unit": "bps", "low": 0.0, "high": 1.0, "inputs": ["close"]}
    return {**declared, **parts}


def test_every_kind_of_change_is_told() -> None:
    before = document(
        feature("gone"), feature("kept"), feature("moved"), feature("changed"),
        sources={"old.py": "1", "same.py": "2", "edited.py": "3"},
    )  # fmt: skip
    after = document(
        feature("moved"), feature("kept"), feature("changed", high=2.0, inputs=["close", "volume"], source="Wilder"),
        feature("new"),
        sources={"same.py": "2", "edited.py": "4", "new.py": "5"},
        warm_up=4,
    )  # fmt: skip
    found = compare(before, after)
    assert not found.same
    assert found.added == ("new",)
    assert found.removed == ("gone",)
    assert found.reordered
    assert found.warm_up_days == (3, 4)
    assert found.sources == {"edited.py": "changed", "new.py": "added", "old.py": "removed"}
    assert found.redeclared == (
        Redeclared("changed", "high", 1.0, 2.0),
        Redeclared("changed", "inputs", ["close"], ["close", "volume"]),
        Redeclared("changed", "source", None, "Wilder"),
    )


def test_each_change_alone_is_a_difference() -> None:
    base = document(feature("a"), feature("b"), sources={"f.py": "1"})
    others = [
        document(feature("a"), sources={"f.py": "1"}),
        document(feature("b"), feature("a"), sources={"f.py": "1"}),
        document(feature("a"), feature("b", unit="z"), sources={"f.py": "1"}),
        document(feature("a"), feature("b"), sources={"f.py": "2"}),
        document(feature("a"), feature("b"), sources={"f.py": "1"}, warm_up=2),
    ]
    assert compare(base, base).same
    assert not any(compare(base, other).same or compare(other, base).same for other in others)


def test_a_feature_that_only_shifts_because_one_before_it_goes_is_not_reordered() -> None:
    assert not compare(
        document(feature("a"), feature("b"), feature("c")), document(feature("b"), feature("c"))
    ).reordered


def test_this_engines_recipe_does_not_differ_from_itself() -> None:
    assert compare(recipe_document(), recipe_document()).same


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.lists(st.sampled_from("abcdef"), unique=True))
def test_a_diff_read_backwards_tells_the_opposite(old: list[str], new: list[str]) -> None:
    before, after = (document(*(feature(name) for name in names)) for names in (old, new))
    there, back = compare(before, after), compare(after, before)
    assert set(there.added) == set(back.removed) == set(new) - set(old)
    assert there.reordered == back.reordered
    assert there.same == (old == new)
