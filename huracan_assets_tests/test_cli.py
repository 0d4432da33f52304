"""The operator's command line: friendly refusals, the verdict, and a real symbol-day that fails and says why."""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from huracan_assets import cli
from huracan_assets.gates.verdict import GATES, GateVerdict, Line
from huracan_assets.market.universe import Figures, pick
from huracan_assets.registry.bundle import write_bundle
from huracan_assets.registry.signing import public_pem
from huracan_assets.resources.lake import Lake
from huracan_assets.settings import settings
from huracan_assets_tests.end_to_end.conftest import Night
from huracan_assets_tests.end_to_end.profile import NIGHT
from huracan_assets_tests.end_to_end.profile import SYMBOL as SMALL_SYMBOL

DAY, SYMBOL = date(2025, 6, 30), "BTC-USDT"
HURACAN = Path(sys.executable).with_name("huracan")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HURACAN_HOME", str(tmp_path))
    for variable in ("HURACAN_LAKE", "DATABASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, list(arguments))


def line(gate: str, figure: float | None, bound: float = 1.0, **more: object) -> Line:
    known = {
        "figure_name": f"figure of {gate}",
        "direction": "above",
        "n_eff": None,
        "sentence": "as measured",
    }
    return Line.model_validate({**known, "gate": gate, "figure": figure, "bound": bound, **more})


def judged(home: Path, lines: list[Line]) -> None:
    verdict = GateVerdict.of(SYMBOL, DAY, lines, settings().gates, {})
    Lake.open().write_document("gate_verdict", SYMBOL, DAY, verdict)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "2025-06-30", "BTC-USD"), "did you mean BTC-USDT"),
        (("verdict", "2025-06-30", "DOGGE-USDT"), "did you mean DOGE-USDT"),
        (("run", "BTC-USDT", "2025-06-30"), "the day comes first: 2025-06-30 BTC-USDT"),
        (("run", "30.06.2025", "BTC-USDT"), "write it as YYYY-MM-DD"),
        (("run", "2999-01-01", "BTC-USDT"), "not closed"),
        (("run", "1999-01-01", "BTC-USDT"), f"before market.first_day, {settings().market.first_day}"),
        (("run", "2024-09-10", "MATIC-USDT"), "was delisted before 2024-09-10"),
        (("verdict", "2025-06-30", "BTC-USDT"), "materialise gate_verdict of 2025-06-30|BTC-USDT first"),
        (("night", "2025-06-30"), "`huracan up`"),
        (("night", "2999-01-01"), "not closed"),
        (("universe", "2025-06-30"), "is not picked yet"),
        (("bundle", "verify", "nowhere"), "nowhere is not a bundle's folder, nothing lies there: materialise handoff"),
        (("bundle", "verify", __file__), "is not a bundle's folder, a file lies there"),
        (("bundle", "verify", str(Path(__file__).parent / "gates")), "gates: manifest.json is missing"),
    ],
)
def test_a_refusal_is_one_sentence_and_exit_code_1(home: Path, arguments: tuple[str, ...], sentence: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert result.stderr.startswith("huracan: ")
    assert "Traceback" not in result.output
    assert not (home / "postgres").exists()


def test_a_verdict_in_an_older_form_is_told_in_a_sentence(home: Path) -> None:
    judged(home, [line(gate, 1.5) for gate in GATES])
    document = Lake.open().read_document("gate_verdict", SYMBOL, DAY)
    del document["judged"]
    Lake.open().write_document("gate_verdict", SYMBOL, DAY, document)
    result = call("verdict", str(DAY), SYMBOL)
    assert result.exit_code == 1
    assert f"gate_verdict of {DAY}|{SYMBOL} is not one that this engine writes" in result.output
    assert "judged: Field required. Materialise gate_verdict again" in result.output.replace("\n", " ")
    assert "Traceback" not in result.output


def test_the_verdict_has_each_line_with_its_bound_and_result(home: Path) -> None:
    lines = [line(gate, 1.5) for gate in GATES[:-1]]
    lines += [line(GATES[6], None, provisional=True), line(GATES[1], 0.25, 0.15, direction="below")]
    judged(home, [*lines, line(GATES[2], None, sentence="no evidence: nothing traded")])
    result = call("verdict", str(DAY), SYMBOL)
    assert result.exit_code == 0, result.output
    shown = [row.split() for row in result.stdout.splitlines() if "figure of" in row and ": " not in row]
    assert len(shown) == 9
    assert [row[-1] for row in shown] == ["pass"] * 6 + ["provisional", "FAIL", "FAIL"]
    assert shown[7][-4:] == ["0.25", "below", "0.15", "FAIL"]
    assert "rejected: 2 of 9 lines fail" in result.stdout
    assert "figure of 2 risk: 0.25, must be below 0.15 (as measured)" in result.stdout
    assert "nothing traded" not in result.stdout
    assert f"look-back  {settings().look_back_days} days, 2025-02-01 to 2025-06-30" in result.stdout


def test_the_universe_is_shown_with_its_figures_and_with_why_not_the_others(home: Path) -> None:
    figures = [
        Figures("BTC-USDT", 500, 30, 1.0, 2e9, 0.1),
        Figures("ETH-USDT", 500, 30, 0.999, 1e9, 0.2),
        Figures("NEW-USDT", 12, 12, 0.4, 5e9, 9.0),
    ]
    universe = pick(DAY, figures, settings().market.universe, 153, {})
    Lake.open().write_document("universe", "all", DAY, universe)
    result = call("universe", str(DAY))
    assert result.exit_code == 0, result.output
    rows = [row.split() for row in result.stdout.splitlines() if "-USDT" in row]
    assert [row[:2] for row in rows[:2]] == [["1", "BTC-USDT"], ["2", "ETH-USDT"]]
    assert "2 of 3 candidates, by the 30 days to 2025-06-30" in result.stdout
    assert "12 days old, a Brain needs 153" in " ".join(result.stdout.split())


def test_an_approval_says_that_it_is_provisional_and_where_the_bundle_is(home: Path) -> None:
    judged(home, [*(line(gate, 1.5) for gate in GATES[:-1]), line(GATES[6], None, provisional=True)])
    handoff = {
        "symbol": SYMBOL,
        "day": str(DAY),
        "handed_over": True,
        "reason": "",
        "content_sha256": "0" * 64,
    }
    Lake.open().write_document("handoff_bundle", SYMBOL, DAY, handoff)
    result = call("verdict", str(DAY), SYMBOL)
    assert "approved, provisional" in result.stdout
    assert str(home / "bundles" / SYMBOL / str(DAY)) in result.stdout


def test_a_bundle_is_verified_with_the_key_that_is_given_and_refused_when_changed(home: Path) -> None:
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    for name, one in (("right", key), ("wrong", other)):
        (home / f"{name}.pub").write_bytes(public_pem(one.public_key()))
    folder = home / "bundles" / SYMBOL / str(DAY)
    write_bundle(folder, {"model.txt": b"tree"}, {"symbol": SYMBOL}, approved=True, key=key)
    right = call("bundle", "verify", str(folder), "--key", str(home / "right.pub"))
    assert right.exit_code == 0, right.output
    assert "signed, whole, approved" in right.stdout
    wrong = call("bundle", "verify", str(folder), "--key", str(home / "wrong.pub"))
    assert (wrong.exit_code, "do not fit this public key" in wrong.stderr) == (1, True)
    (folder / "model.txt").write_bytes(b"bush")
    changed = call("bundle", "verify", str(folder), "--key", str(home / "right.pub"))
    assert (changed.exit_code, "model.txt was changed" in changed.stderr) == (1, True)


def test_a_bundle_without_a_key_to_hold_it_against_asks_for_the_key(home: Path) -> None:
    folder = home / "bundles" / SYMBOL / str(DAY)
    write_bundle(folder, {"model.txt": b"tree"}, {}, approved=True, key=Ed25519PrivateKey.generate())
    result = call("bundle", "verify", str(folder))
    assert (result.exit_code, "handoff_ed25519.pub does not exist: copy" in result.stderr) == (1, True)


def test_the_settings_in_force_are_yaml_that_the_engine_reads_back(home: Path) -> None:
    import yaml

    shown = yaml.safe_load(call("config").stdout)
    assert type(settings()).model_validate(shown) == settings()


def test_env_names_this_home_and_no_secret(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:secret@db/huracan")
    shown = call("env").stdout
    assert f"export HURACAN_HOME={home}\n" in shown
    assert f"export DAGSTER_HOME={home}/dagster\n" in shown
    assert "secret" not in shown
    assert (home / "dagster" / "dagster.yaml").is_file()


def test_status_of_an_empty_home_says_what_to_do(home: Path) -> None:
    result = call("status")
    assert result.exit_code == 0
    assert "`huracan up` starts them" in result.stdout
    assert list(home.iterdir()) == []


def test_settings_that_contradict_each_other_are_said_without_a_traceback(tmp_path: Path) -> None:
    result = huracan(tmp_path, "config", HURACAN_LEARNING__FOLDS="500")
    assert result.returncode == 1
    assert "for 500 folds" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("words", "variable", "value", "sentence"),
    [
        (("run", "2025-06-30", "BTC-USDT"), "HURACAN_MARKET_SOURCE", "ccxt", "the nearest is HURACAN_MARKET__SOURCE"),
        (("config",), "HURACAN_MARKET__COLLECT", "trades", """write HURACAN_MARKET__COLLECT='["trades"]'"""),
        (("up",), "HURACAN_MARKET", "ccxt", "HURACAN_MARKET=ccxt is no JSON"),
        (("status",), "HURACAN_PROFLE", "production", "the nearest is HURACAN_PROFILE"),
    ],
)
def test_a_variable_that_cannot_be_read_is_said_in_one_line(
    tmp_path: Path, words: tuple[str, ...], variable: str, value: str, sentence: str
) -> None:
    (tmp_path / "dagster").mkdir()  # `status` then looks for nights
    result = huracan(tmp_path, *words, **{variable: value})
    assert result.returncode == 1
    assert sentence in result.stderr
    assert (result.stderr[:9], result.stderr.count("\n")) == ("huracan: ", 1)


def test_a_day_that_the_source_lacks_fails_in_the_sources_own_words(cli_night: Night, tmp_path: Path) -> None:
    home, archive = cli_night.engine.home, tmp_path / "archive"
    archive.mkdir()
    result = huracan(
        home,
        "run",
        "2025-06-30",
        "BTC-USDT",
        HURACAN_LAKE=str(tmp_path / "lake"),
        HURACAN_MARKET__SOURCE="archive",
        HURACAN_MARKET__ARCHIVE=str(archive),
    )
    assert result.returncode == 1
    assert "huracan: candles: " in result.stderr
    assert f"archive {archive} does not know the symbol BTC-USDT" in result.stderr
    assert "Traceback" not in result.stderr
    log = home / "logs" / "run.2025-06-30.BTC-USDT.log"
    assert str(log) in result.stderr
    assert "STEP_FAILURE" in log.read_text(encoding="utf-8")


def test_what_to_do_next_stays_in_the_home_and_the_market_of_this_run() -> None:
    plain = cli.next_steps({"PATH": "/bin"}, ".venv/bin/huracan").splitlines()
    assert [line.strip() for line in plain[2:5:2]] == ["make up", ".venv/bin/huracan run 2025-06-29 ETH-USDT"]
    own = {"HURACAN_MARKET__SYNTHETIC__EDGE": "0.25", "HURACAN_HOME": "/tmp/a home", "PATH": "/bin"}
    lines = cli.next_steps(own, "huracan").splitlines()
    given = ["HURACAN_HOME=/tmp/a home", "HURACAN_MARKET__SYNTHETIC__EDGE=0.25"]
    assert shlex.split(lines[2]) == [*given, "make", "up"]
    assert shlex.split(lines[4]) == [*given, "huracan", "run", "2025-06-29", "ETH-USDT"]


def test_a_night_shows_its_steps_its_verdict_and_a_bundle_that_verifies(cli_night: Night) -> None:
    engine, ended = cli_night.engine, cli_night.ended
    done = [row.split()[1] for row in ended.output.splitlines() if " done " in row]
    assert (done[0], done[-1]) == ("candles", "handoff_bundle")
    assert len(done) == len(set(done)) == len(made_assets())
    assert "approved, provisional" in ended.output
    folder = engine.home / "bundles" / SMALL_SYMBOL / str(NIGHT)
    assert f"huracan bundle verify {folder}" in ended.output
    assert "signed, whole, approved" in engine.command("huracan", "bundle", "verify", str(folder)).succeeded().output
    again = engine.command("huracan", "verdict", str(NIGHT), SMALL_SYMBOL).succeeded()
    assert again.output.strip() in ended.output


def made_assets() -> set[str]:
    from huracan_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    return {key.to_user_string() for key in graph.materializable_asset_keys}


def test_help_is_there_at_once() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = subprocess.run([str(HURACAN), "--help"], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0
    commands = ("demo", "run", "night", "universe", "verdict", "status", "up", "down", "env", "config", "bundle")
    assert all(f" {name} " in result.stdout for name in commands)


def huracan(home: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The installed command in a process of its own, in a home of its own."""
    given = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "HURACAN_LAKE")}
    given |= {"HURACAN_HOME": str(home), **env}
    return subprocess.run(
        [str(HURACAN), *arguments], env=given, capture_output=True, text=True, check=False, timeout=120
    )
