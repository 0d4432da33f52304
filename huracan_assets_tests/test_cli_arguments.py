"""Every command that takes a day or a symbol refuses one that cannot be, in a sentence, before it writes anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from huracan_assets import cli
from huracan_assets.settings import settings

KNOWN = settings().market.symbol_names()
GOOD = {"DAY": "2025-06-30", "SYMBOL": KNOWN[0], "FOLDER": "nowhere", "BEFORE": "current", "AFTER": "current"}
BAD = {
    "DAY": {
        "2999-01-01": "not closed",
        "1999-01-01": "before market.first_day",
        "2026-13-01": "'2026-13-01' is not a day: write it as YYYY-MM-DD",
        "30.06.2025": "'30.06.2025' is not a day: write it as YYYY-MM-DD",
        "": "'' is not a day: write it as YYYY-MM-DD",
        "BTC-USDT": "",
    },
    "SYMBOL": {
        "NOPE-USDT": "market.symbols does not know the symbol NOPE-USDT: did you mean",
        "btcusdt": "market.symbols does not know the symbol btcusdt: did you mean BTC-USDT",
        "BTC/USDT": "market.symbols does not know the symbol BTC/USDT: did you mean BTC-USDT",
        "../../etc": f"market.symbols does not know the symbol ../../etc: it has {min(KNOWN)}",
        "": f"market.symbols does not know the symbol '': it has {min(KNOWN)}",
        "2025-06-30": "",
    },
}


def commands(group: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All commands of the line, each with the words that call it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))
        else:
            yield (*before, name), command


def words(command: Any, odd: Any, value: str) -> list[str]:
    """The arguments of a call all of which are good but one."""
    arguments: list[str] = []
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            arguments.append(value if parameter is odd else GOOD[str(parameter.metavar)])
        elif parameter is odd or parameter.metavar == "DAY":
            arguments += [parameter.opts[0], value if parameter is odd else GOOD["DAY"]]
    return arguments


def cases() -> Iterator[Any]:
    for name, command in commands(typer.main.get_command(cli.app)):
        for parameter in command.params:
            for value, sentence in BAD.get(str(parameter.metavar), {}).items():
                label = f"{' '.join(name)} {parameter.name}={value or 'nothing'}"
                yield pytest.param([*name, *words(command, parameter, value)], sentence, id=label)


@pytest.mark.parametrize(("arguments", "sentence"), list(cases()))
def test_a_day_or_a_symbol_that_cannot_be_is_refused_in_a_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HURACAN_HOME", str(tmp_path))
    for variable in ("HURACAN_LAKE", "DATABASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code in (1, 2)
    assert result.stderr.startswith("huracan: ")
    assert result.stderr.count("\n") == 1
    assert sentence in result.stderr
    assert result.stdout == ""
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert list(tmp_path.iterdir()) == []


def test_the_commands_that_take_a_day_or_a_symbol_are_found() -> None:
    named = {parameter.id.rpartition(" ")[0] for parameter in cases()}
    assert named >= {"run", "verdict", "night", "universe", "features show", "market doctor"}
