"""The `HURACAN_...` variables: which there are, and which of them are read as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeGuard, get_origin

from pydantic import BaseModel

from huracan_assets.errors import SettingsError

PREFIX, BELOW = "HURACAN_", "__"

OTHERS = (
    *("HURACAN_HOME", "HURACAN_LAKE", "HURACAN_PROFILE", "HURACAN_CONCURRENT_RUNS", "HURACAN_SERVICE"),
    *("HURACAN_DAGSTER_PORT", "HURACAN_MLFLOW_PORT", "HURACAN_MLFLOW_URL"),
    *("HURACAN_SHARED", "HURACAN_SKILL_CANDLES", "HURACAN_CHROMIUM"),
)
"""All that are no settings: of a home, of its services, of the tests and experiments."""


def refuse_unreadable(root: type[BaseModel], environment: Mapping[str, str]) -> None:
    """Hold the environment's `HURACAN_...` variables against the settings tree under `root`.

    Raises:
        SettingsError: one is neither a setting nor one of `OTHERS`; the message names the nearest that is. Or a list
            or a section is no JSON; the message shows the form.
    """
    kinds = dict(variables(root))
    faults = []
    for variable, value in sorted(environment.items()):
        if not variable.upper().startswith(PREFIX) or variable in OTHERS:
            continue
        name = variable.upper()  # pydantic reads settings in any case
        if name not in kinds:
            nearest = get_close_matches(name, [*kinds, *OTHERS], n=1, cutoff=0.0)[0]
            faults.append(f"{variable} is no variable of the engine, the nearest is {nearest}: write that, or unset it")
        elif _wants_json(kinds[name]) and not _is_json(value):
            faults.append(f"{variable}={value} is no JSON: write {_form(name, kinds[name], value)}")
    if faults:
        raise SettingsError("; ".join(faults))


def variables(section: type[BaseModel], prefix: str = PREFIX) -> Iterator[tuple[str, Any]]:
    """The variable of each section and leaf below `section`, with its type."""
    for name, field in section.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        kind: Any = field.annotation
        yield variable, kind
        if _is_section(kind):
            yield from variables(kind, f"{variable}{BELOW}")


def _is_section(kind: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _wants_json(kind: Any) -> bool:
    return _is_section(kind) or get_origin(kind) is tuple


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    return True


def _form(variable: str, kind: Any, given: str) -> str:
    """What to write instead of what was given."""
    if _is_section(kind):
        leaf = next(iter(kind.model_fields))
        return f"""{variable}='{{"{leaf}": ...}}', or a leaf alone, {variable}{BELOW}{leaf.upper()}=..."""
    items = [item.strip(" \"'") for item in given.strip(" []").split(",") if item.strip(" \"'")]
    return f"{variable}='[{', '.join(item if _is_json(item) else json.dumps(item) for item in items)}]'"
