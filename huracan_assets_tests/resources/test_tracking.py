from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from huracan_assets.errors import ContractError, StorageError
from huracan_assets.resources.postgres import database_url
from huracan_assets.resources.tracking import Tracking, TrialCount, folder_hash

if TYPE_CHECKING:
    from huracan_assets.resources.tracking import ModelVersion

DAY = date(2026, 6, 1)
NEXT = DAY + timedelta(1)


@pytest.fixture
def tracking(engine_home: Path) -> Tracking:
    return Tracking.open()


@pytest.fixture
def symbol(request: pytest.FixtureRequest) -> str:
    """A symbol of the test's own: the database is the session's."""
    return str(request.node.name).upper().replace("_", "")[:60]


def model(folder: Path, text: str = "tree\n") -> Path:
    (folder / "deep").mkdir(parents=True, exist_ok=True)
    (folder / "model.txt").write_text(text)
    (folder / "deep" / "weights.safetensors").write_bytes(bytes(range(256)))
    return folder


def register(tracking: Tracking, symbol: str, day: date, folder: Path) -> ModelVersion:
    return tracking.register(symbol, day, folder_hash(folder), folder, {"verdict": "approved"}, {"sharpe": 1.5})


def test_a_symbol_without_trials_has_none(tracking: Tracking, symbol: str) -> None:
    assert tracking.trials(symbol, DAY) == TrialCount(0, ())


def test_finished_failed_and_killed_trials_all_count(tracking: Tracking, symbol: str) -> None:
    tracking.begin_trial(symbol, DAY, "lightgbm", "a", {"rounds": 10}).finish({"daily_sharpe": 0.1, "x": 2.0})
    tracking.begin_trial(symbol, DAY, "lightgbm", "b", {}).fail()
    tracking.begin_trial(symbol, DAY, "ppo", "c", {})  # killed: nobody ends it
    with pytest.raises(ZeroDivisionError), tracking.begin_trial(symbol, DAY, "ppo", "d", {}):
        _ = 1 / 0
    tracking.begin_trial(symbol, DAY, "ppo", "e", {}).finish({"daily_sharpe": float("nan")})
    tracking.begin_trial(symbol, DAY, "ppo", "f", {}).finish({"daily_sharpe": -0.2})
    assert tracking.trials(symbol, DAY) == TrialCount(6, (0.1, -0.2))
    statuses = [run.info.status for run in tracking.client.search_runs([tracking._experiment(symbol)])]
    assert sorted(statuses) == ["FAILED", "FAILED", "FINISHED", "FINISHED", "FINISHED", "RUNNING"]


def test_the_same_key_again_is_the_same_trial(tracking: Tracking, symbol: str) -> None:
    first = tracking.begin_trial(symbol, NEXT, "lightgbm", "a", {"rounds": 10})
    first.finish({"daily_sharpe": 0.1})
    again = tracking.begin_trial(symbol, DAY, "lightgbm", "a", {"rounds": 10})
    again.finish({"daily_sharpe": 0.1})
    assert (again.run_id, again.number) == (first.run_id, first.number)
    assert tracking.trials(symbol, NEXT) == TrialCount(1, (0.1,))
    assert tracking.trials(symbol, DAY) == TrialCount(1, (0.1,))  # it counts from its earliest day


def test_the_same_key_with_other_parameters_is_refused(tracking: Tracking, symbol: str) -> None:
    tracking.begin_trial(symbol, DAY, "lightgbm", "a", {"rounds": 10})
    with pytest.raises(StorageError, match="rounds"):
        tracking.begin_trial(symbol, DAY, "lightgbm", "a", {"rounds": 11})


def test_later_days_and_other_symbols_do_not_count(tracking: Tracking, symbol: str) -> None:
    for ahead in (1, 0, 2):
        day = DAY + timedelta(ahead)
        tracking.begin_trial(symbol, day, "lightgbm", f"k{ahead}", {}).finish({"daily_sharpe": float(ahead)})
    tracking.begin_trial(f"{symbol}2", DAY, "lightgbm", "k0", {}).finish({"daily_sharpe": 9.0})
    assert tracking.trials(symbol, DAY) == TrialCount(1, (0.0,))
    assert tracking.trials(symbol, NEXT) == TrialCount(2, (1.0, 0.0))
    assert tracking.trials(symbol, DAY - timedelta(1)) == TrialCount(0, ())


def test_a_trial_deleted_in_the_ui_still_counts_and_one_erased_is_missed(tracking: Tracking, symbol: str) -> None:
    made = [tracking.begin_trial(symbol, DAY, "lightgbm", f"k{i}", {}) for i in range(3)]
    tracking.client.delete_run(made[2].run_id)
    assert tracking.trials(symbol, DAY).n_distinct == 3
    for erased in (made[2], made[0]):  # the last and the first
        with psycopg.connect(database_url("mlflow")) as conn:
            conn.execute("DELETE FROM tags WHERE run_uuid = %s", (erased.run_id,))
        with pytest.raises(StorageError, match=f"the first number {erased.number}"):
            tracking.trials(symbol, DAY)


def test_a_number_reserved_by_a_killed_process_is_used_by_the_next(tracking: Tracking, symbol: str) -> None:
    tracking.begin_trial(symbol, DAY, "lightgbm", "a", {})
    tracking.client.set_experiment_tag(tracking._experiment(symbol), "huracan.trials", "2")
    assert tracking.begin_trial(symbol, DAY, "lightgbm", "b", {}).number == 2
    assert tracking.trials(symbol, DAY).n_distinct == 2


def test_processes_side_by_side_lose_and_double_no_trial(tracking: Tracking, symbol: str) -> None:
    code = (
        "import sys, datetime; from huracan_assets.resources.tracking import Tracking\n"
        "tracking = Tracking.open()\n"
        "for key in ('shared', *(sys.argv[2] + str(i) for i in range(5))):\n"
        "    tracking.begin_trial(sys.argv[1], datetime.date(2026, 6, 1), 'lightgbm', key, {}).finish({})\n"
    )
    racing = [
        subprocess.Popen([sys.executable, "-c", code, symbol, name], stderr=subprocess.PIPE, text=True) for name in "ab"
    ]
    for process in racing:
        _, error = process.communicate()
        assert process.returncode == 0, error
    assert tracking.trials(symbol, DAY).n_distinct == 11


def test_what_was_registered_comes_back(tracking: Tracking, symbol: str, tmp_path: Path) -> None:
    folder = model(tmp_path / "m")
    version = register(tracking, symbol, DAY, folder)
    assert (version.version, version.day, version.tags["verdict"]) == (1, DAY, "approved")
    assert version == tracking.find(symbol, folder_hash(folder))
    back = tracking.download(version, tmp_path / "back")
    assert folder_hash(back) == folder_hash(folder) == version.content_sha256
    assert (back / "deep" / "weights.safetensors").read_bytes() == bytes(range(256))
    assert version.run_id in version.url


def test_the_same_content_is_the_same_version(tracking: Tracking, symbol: str, tmp_path: Path) -> None:
    first = register(tracking, symbol, DAY, model(tmp_path / "m"))
    assert register(tracking, symbol, DAY, model(tmp_path / "elsewhere")) == first
    assert register(tracking, symbol, NEXT, model(tmp_path / "other", "other tree\n")).version == 2
    assert register(tracking, symbol, DAY, model(tmp_path / "m")).version == 1


def test_a_register_killed_before_the_version_is_taken_up_again(
    tracking: Tracking, symbol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = model(tmp_path / "m")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(type(tracking.client), "create_model_version", _interrupted)
        register(tracking, symbol, DAY, folder)
    assert tracking._versions(symbol) == []
    assert register(tracking, symbol, DAY, folder).version == 1
    assert len(tracking.client.search_runs([tracking._experiment(symbol)])) == 1


def _interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_folder_that_is_not_the_content_is_refused(tracking: Tracking, symbol: str, tmp_path: Path) -> None:
    folder = model(tmp_path / "m")
    with pytest.raises(ContractError, match="is not the content"):
        tracking.register(symbol, DAY, "0" * 64, folder, {}, {})
    assert tracking._versions(symbol) == []


def test_a_model_damaged_in_the_store_is_refused(tracking: Tracking, symbol: str, tmp_path: Path) -> None:
    folder = model(tmp_path / "m")
    version = register(tracking, symbol, DAY, folder)
    (stored,) = (tracking.artifacts / symbol).rglob("model.txt")
    stored.write_text("forged\n")
    with pytest.raises(StorageError, match="is not what was registered"):
        tracking.download(version, tmp_path / "back")
    with pytest.raises(StorageError, match="is not what was registered"):
        register(tracking, symbol, DAY, folder)
    stored.unlink()
    (stored.parent / "deep" / "weights.safetensors").unlink()
    (tmp_path / "empty").mkdir()
    with pytest.raises(StorageError, match="version 1 of"):
        tracking.download(version, tmp_path / "empty")


def test_the_champion_is_the_newest_promotion_before_a_day(tracking: Tracking, symbol: str, tmp_path: Path) -> None:
    assert tracking.champion(symbol) is None
    tracking.crown(symbol, DAY, None)
    one = register(tracking, symbol, DAY, model(tmp_path / "1", "1"))
    two = register(tracking, symbol, NEXT, model(tmp_path / "2", "2"))
    tracking.crown(symbol, DAY, one.version)
    tracking.crown(symbol, NEXT, two.version)
    assert _number(tracking.champion(symbol)) == 2
    assert _number(tracking.champion(symbol, before=NEXT)) == 1
    assert tracking.champion(symbol, before=DAY) is None
    tracking.crown(symbol, NEXT + timedelta(1), one.version)  # a rollback
    assert _number(tracking.champion(symbol)) == 1
    assert tracking.client.get_model_version_by_alias(f"huracan.{symbol}", "champion").version == 1


def test_a_rerun_of_the_night_replaces_its_promotion(tracking: Tracking, symbol: str, tmp_path: Path) -> None:
    one = register(tracking, symbol, DAY, model(tmp_path / "1", "1"))
    two = register(tracking, symbol, DAY, model(tmp_path / "2", "2"))
    tracking.crown(symbol, DAY, one.version)
    tracking.crown(symbol, DAY, two.version)
    assert _number(tracking.champion(symbol)) == 2
    tracking.crown(symbol, DAY, None)
    assert tracking.champion(symbol) is None


def test_the_challenger_is_the_version_of_the_latest_day(tracking: Tracking, symbol: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=f"no version of {symbol}"):
        tracking.challenge(symbol)
    register(tracking, symbol, NEXT, model(tmp_path / "1", "1"))
    register(tracking, symbol, DAY, model(tmp_path / "2", "2"))
    assert tracking.challenge(symbol).version == 1
    assert tracking.client.get_model_version_by_alias(f"huracan.{symbol}", "challenger").version == 1


def test_a_newer_night_that_registers_meanwhile_keeps_its_challenger(
    tracking: Tracking, symbol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes at the first moment at which the lock is free: whoever looks and points under two is displaced."""
    register(tracking, symbol, DAY, model(tmp_path / "1", "1"))
    alone = Tracking._alone

    @contextmanager
    def let_the_other_in(self: Tracking, subject: str) -> Iterator[None]:
        with alone(self, subject):
            yield
        patched.undo()
        register(tracking, symbol, NEXT, model(tmp_path / "2", "2"))
        tracking.challenge(symbol)

    with monkeypatch.context() as patched:
        patched.setattr(Tracking, "_alone", let_the_other_in)
        tracking.challenge(symbol)
    assert tracking.client.get_model_version_by_alias(f"huracan.{symbol}", "challenger").version == 2


def _number(version: ModelVersion | None) -> int:
    assert version is not None
    return version.version


def test_an_absent_content_is_named(tracking: Tracking, symbol: str) -> None:
    with pytest.raises(StorageError, match=symbol):
        tracking.find(symbol, "0" * 64)


def test_folder_hashes_know_names_and_bytes_and_not_the_place(tmp_path: Path) -> None:
    first = folder_hash(model(tmp_path / "1"))
    assert folder_hash(model(tmp_path / "2")) == first
    assert folder_hash(model(tmp_path / "3", "other")) != first
    renamed = model(tmp_path / "4")
    (renamed / "model.txt").rename(renamed / "model2.txt")
    assert folder_hash(renamed) != first


def test_a_process_says_nothing_and_leaves_nothing_where_it_runs(engine_home: Path, tmp_path: Path) -> None:
    code = (
        "import datetime; from huracan_assets.resources.tracking import Tracking\n"
        "Tracking.open().begin_trial('QUIET', datetime.date(2026, 6, 1), 'ppo', 'a', {}).finish({'x': 1})\n"
    )
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
