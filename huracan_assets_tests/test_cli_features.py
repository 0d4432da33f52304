"""`huracan features`: what is pinned and kept, what a day's file tells, and what differs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from huracan_assets import cli
from huracan_assets.days import DAY
from huracan_assets.features.compute import compute_features
from huracan_assets.features.day_account import day_tags
from huracan_assets.features.feature_sets import engine_set
from huracan_assets.features.feature_store import RECIPES
from huracan_assets.features.recipe import FEATURE_NAMES, WARM_UP_DAYS, recipe_hash
from huracan_assets.features.recipe_document import recipe_document
from huracan_assets.resources.lake import Lake
from huracan_assets_tests.features.random_market import candles

TODAY, SYMBOL = date(2026, 1, 5), "ETH-USDT"
MOST_COLUMNS = 100


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("HURACAN_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", str(MOST_COLUMNS))
    monkeypatch.delenv("HURACAN_LAKE", raising=False)
    return Lake.open()


def features(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ["features", *arguments])


def test_an_empty_store_says_how_it_is_filled(lake: Lake) -> None:
    result = features("list")
    assert result.exit_code == 0
    assert "huracan features pin NAME" in result.output


def test_a_pinned_set_is_listed_with_its_recipe(lake: Lake) -> None:
    assert features("pin", "baseline").output.strip() == engine_set().reference
    listed = features("list").output
    assert listed.count(engine_set().short) == 2
    assert recipe_hash()[:12] in listed
    assert max(map(len, listed.splitlines())) <= MOST_COLUMNS


def test_a_day_is_shown_from_its_file_alone(lake: Lake) -> None:
    frame = compute_features(TODAY, candles(5, TODAY - DAY * WARM_UP_DAYS, WARM_UP_DAYS + 1), None, None)
    digest = lake.write_frame("features", SYMBOL, TODAY, frame, day_tags(frame, "i" * 64))
    shown = features("show", str(TODAY), SYMBOL).output
    for told in (digest, f"{recipe_hash()}, this engine's", "i" * 64, f"{frame.height:,}"):
        assert told in shown
    lines = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line.strip()}
    for name in FEATURE_NAMES:
        nulls = frame[name].null_count()
        assert lines[name] == [f"{nulls:,}", f"{nulls / frame.height:.2%}"]


def test_two_recipes_are_compared(lake: Lake) -> None:
    same = features("diff", "current", "current")
    assert (same.exit_code, "nothing differs" in same.output) == (0, True)
    ours = recipe_document()
    first, *rest = ours.features
    changed = {**rest[0], "unit": "furlongs", "name": rest[0]["name"]}
    sources = {"features/gone.py": "1", **ours.sources, "features/recipe.py": "2"}
    older = ours.model_copy(
        update={"recipe_sha256": "0" * 64, "features": (changed, *rest[1:]), "sources": sources, "warm_up_days": 9}
    )
    lake.keep_document(RECIPES, older.recipe_sha256, older)
    result = features("diff", "000000")
    assert result.exit_code == 1
    for told in (
        f"added     {first['name']}", "furlongs", f"warm-up   9 to {WARM_UP_DAYS} days",
        "removed   features/gone.py", "changed   features/recipe.py",
    ):  # fmt: skip
        assert told in result.output
    assert f"removed   {first['name']}" in features("diff", "current", "000000").output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "5.1.2026", SYMBOL), "write it as YYYY-MM-DD"),
        (("show", "2026-01-05", SYMBOL), "does not exist: materialise features of 2026-01-05|ETH-USDT"),
        (("pin", "Base Line"), "cannot name a feature set"),
        (("diff", "nobody"), "no feature set or recipe is nobody"),
    ],
)
def test_a_refusal_is_one_sentence_and_exit_code_1(lake: Lake, arguments: tuple[str, ...], sentence: str) -> None:
    result = features(*arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("huracan: ")
    assert sentence in result.stderr
    assert "Traceback" not in result.output
