"""`huracan market doctor`: friendly refusals, a table that fits, and commands that repair a home that was damaged."""

from __future__ import annotations

import re
import shlex
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from huracan_assets import cli
from huracan_assets.days import days_until, midnight
from huracan_assets.market.repair import CANDLE_VIEWS, materialize_command
from huracan_assets.resources.lake import Lake
from huracan_assets_tests.end_to_end.conftest import Night
from huracan_assets_tests.end_to_end.engine import lake_hashes
from huracan_assets_tests.end_to_end.profile import NIGHT, SYMBOL
from huracan_assets_tests.market.test_minute_status import EVERY_MINUTE, candles

COMMAND = re.compile(r"^\d+  (dagster .*)$", re.MULTILINE)
MOST_COLUMNS = 100


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HURACAN_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", str(MOST_COLUMNS))
    monkeypatch.delenv("HURACAN_LAKE", raising=False)
    return tmp_path


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ["market", "doctor", *arguments])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("DOGGE-USDT",), "did you mean DOGE-USDT"),
        (("BTC-USDT",), "has no candles of BTC-USDT: name --first and --last, or `huracan run DAY BTC-USDT`"),
        (("BTC-USDT", "--first", "30.06.2025", "--last", "2025-06-30"), "write it as YYYY-MM-DD"),
        (("BTC-USDT", "--first", "1999-01-01", "--last", "2025-06-30"), "before market.first_day"),
        (("BTC-USDT", "--first", "2025-06-30", "--last", "2999-01-01"), "not closed"),
        (("BTC-USDT", "--first", "2025-06-30", "--last", "2025-06-29"), "swap them"),
    ],
)
def test_a_refusal_is_one_sentence_and_exit_code_1(home: Path, arguments: tuple[str, ...], sentence: str) -> None:
    result = doctor(*arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("huracan: ")
    assert sentence in result.stderr
    assert "Traceback" not in result.output


def test_days_that_nobody_fetched_are_named_with_their_command_and_everything_fits(home: Path) -> None:
    held, absent = date(2021, 1, 1), date(2021, 1, 2)
    Lake.open().write_frame("candles", "ADA-USDT", held, candles(EVERY_MINUTE, day=held))
    result = doctor("ADA-USDT", "--last", str(absent))
    assert result.exit_code == 1
    assert f"ADA-USDT, {held} to {absent}: 1 of 2 days lie in the lake" in result.output
    assert "1 of these were not asked of again: whether the source tells them differently now is not" in result.output
    commands = COMMAND.findall(result.output)
    assert commands == [
        materialize_command(CANDLE_VIEWS, "ADA-USDT", absent, absent),
        materialize_command(("minute_status",), "ADA-USDT", held, held),
    ]
    told = [line for line in result.output.splitlines() if not any(command in line for command in commands)]
    assert max(map(len, told)) <= MOST_COLUMNS


def damage(lake: Lake) -> None:
    """A day is gone, an hour and a half of another, one file is torn, one account is old."""
    gone, holed, torn, old = days_until(NIGHT, 4)
    lake.path("candles", SYMBOL, gone).unlink()
    frame = lake.read_frame("candles", SYMBOL, holed)
    hole = pl.col("ts").is_between(midnight(holed).replace(hour=9), midnight(holed).replace(hour=10, minute=30))
    lake.write_frame("candles", SYMBOL, holed, frame.filter(~hole))
    path = Path(str(lake.path("candles", SYMBOL, torn)))
    path.write_bytes(path.read_bytes()[:-500])
    lake.path("minute_status", SYMBOL, old).unlink()


def test_the_commands_it_names_repair_a_damaged_home(cli_night: Night, tmp_path: Path) -> None:
    engine = cli_night.engine
    place = tmp_path / "lake"
    for asset in CANDLE_VIEWS:
        shutil.copytree(engine.lake / asset / SYMBOL, place / asset / SYMBOL)
    extra = {"HURACAN_LAKE": str(place)}
    words = ("huracan", "market", "doctor", SYMBOL, "--first", str(days_until(NIGHT, 6)[0]))
    before = lake_hashes(place)
    damage(Lake.at(place))
    ill = engine.command(*words, extra=extra)
    assert ill.code == 1
    commands = COMMAND.findall(ill.output)
    assert len(commands) == 2, ill.output
    for ended in engine.commands([shlex.split(command) for command in commands], extra):
        ended.succeeded()
    assert "nothing to repair" in engine.command(*words, extra=extra).succeeded().output
    assert {path: digest for path, digest in lake_hashes(place).items() if path in before} == before
