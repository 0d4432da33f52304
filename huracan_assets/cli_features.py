"""`huracan features`: what the feature store holds, which sets are pinned, and what differs between two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from huracan_assets.cli_arguments import DayArgument, SymbolArgument, read_symbol_day
from huracan_assets.observability.console import console, say

if TYPE_CHECKING:
    from huracan_assets.features.feature_diff import RecipeDiff

app = typer.Typer(no_args_is_help=True, help="The feature store: recipes, pinned sets, and each symbol-day's account.")

SET_COLUMNS = ("set", "features", "recipe", "this engine's")
RECIPE_COLUMNS = ("recipe", "features", "warm-up days", "sets", "this engine's")
NULL_COLUMNS = ("feature", "nulls", "share")
REDECLARED_COLUMNS = ("feature", "what", "before", "after")

VERSION = "current, NAME, NAME@HASH, or the first digits of a recipe's hash"


@app.command()
def show(day: DayArgument, symbol: SymbolArgument) -> None:
    """What the file of a symbol-day's features tells: content, recipe, inputs, rows, and nulls of each feature."""
    from huracan_assets.features.day_account import read_account
    from huracan_assets.features.recipe import recipe_hash
    from huracan_assets.observability.terminal import table
    from huracan_assets.resources.lake import Lake

    wanted, known = read_symbol_day(day, symbol)
    account = read_account(Lake.open(), known, wanted)
    own = "this engine's" if account.recipe_sha256 == recipe_hash() else "not this engine's: the next night remakes it"
    say(f"content   {account.content_sha256}")
    say(f"recipe    {account.recipe_sha256}, {own}")
    say(f"inputs    {account.inputs_sha256}")
    say(f"rows      {account.rows:,}")
    rows = [
        {"feature": name, "nulls": count, "share": f"{count / max(account.rows, 1):.2%}"}
        for name, count in account.nulls.items()
    ]
    console().print(table(rows, NULL_COLUMNS))


@app.command("list")
def list_sets() -> None:
    """Pinned sets and kept recipes; which of them this engine makes."""
    from huracan_assets.features.feature_sets import SHOWN
    from huracan_assets.features.feature_store import kept_recipes, pinned_sets
    from huracan_assets.features.recipe import recipe_hash
    from huracan_assets.observability.terminal import table
    from huracan_assets.resources.lake import Lake

    lake, own = Lake.open(), recipe_hash()
    sets, recipes = pinned_sets(lake), kept_recipes(lake)
    if not recipes:
        say(f"the lake {lake.base} keeps no recipe yet: a night does it, or `huracan features pin NAME`")
        return
    rows: list[dict[str, object]] = [
        {
            "set": each.short,
            "features": len(each.names),
            "recipe": each.recipe_sha256[:SHOWN],
            "this engine's": each.recipe_sha256 == own,
        }
        for each in sets
    ]
    console().print(table(rows, SET_COLUMNS))
    rows = [
        {
            "recipe": digest[:SHOWN],
            "features": len(document.features),
            "warm-up days": document.warm_up_days,
            "sets": ", ".join(each.short for each in sets if each.recipe_sha256 == digest),
            "this engine's": digest == own,
        }
        for digest, document in recipes.items()
    ]
    console().print(table(rows, RECIPE_COLUMNS))


@app.command()
def pin(name: Annotated[str, typer.Argument(metavar="NAME", help="small letters, digits, - and _")]) -> None:
    """Pin the features that this engine makes under a name; what is pinned is never replaced."""
    from huracan_assets.features.feature_store import pin as keep
    from huracan_assets.resources.lake import Lake

    say(keep(Lake.open(), name).reference)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help=VERSION)],
    after: Annotated[str, typer.Argument(metavar="AFTER", help=VERSION)] = "current",
) -> None:
    """What changed between two sets or recipes: features, declarations, files. Exit code 1 where anything did."""
    from huracan_assets.features.feature_diff import compare
    from huracan_assets.features.feature_sets import SHOWN
    from huracan_assets.features.feature_store import find_recipe
    from huracan_assets.resources.lake import Lake

    old, new = (find_recipe(Lake.open(), wanted) for wanted in (before, after))
    found = compare(old, new)
    say(f"recipe {old.recipe_sha256[:SHOWN]}, {len(old.features)} features")
    say(f"    to {new.recipe_sha256[:SHOWN]}, {len(new.features)} features")
    if found.same:
        say("nothing differs")
        return
    _show(found)
    raise typer.Exit(1)


def _show(found: RecipeDiff) -> None:
    from huracan_assets.observability.terminal import table

    for what, names in (("added", found.added), ("removed", found.removed)):
        if names:
            say(f"{what:<9} {', '.join(names)}")
    if found.reordered:
        say("order     the features that both have stand in another order")
    if found.warm_up_days[0] != found.warm_up_days[1]:
        say(f"warm-up   {found.warm_up_days[0]} to {found.warm_up_days[1]} days")
    if found.redeclared:
        rows = [
            {"feature": each.feature, "what": each.part, "before": _told(each.before), "after": _told(each.after)}
            for each in found.redeclared
        ]
        console().print(table(rows, REDECLARED_COLUMNS))
    for file, change in found.sources.items():
        say(f"{change:<9} {file}")


def _told(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "not declared" if value is None else str(value)
