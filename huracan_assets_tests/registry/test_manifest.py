from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path

import pytest

from huracan_assets.registry.manifest import CodeState, RunManifest, collect_code_state
from huracan_assets.resources.lake import canonical_json
from huracan_assets.settings import Settings, read_settings


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with two modules, committed."""
    folder = tmp_path / "repository" / "package"
    folder.mkdir(parents=True)
    (folder / "one.py").write_text("x = 1\n")
    (folder / "two.py").write_text("y = 2\n")
    (folder.parent / ".gitignore").write_text("ignored/\n")
    git(folder.parent, "init", "-q")
    git(folder.parent, "add", ".")
    git(folder.parent, "commit", "-q", "-m", "first")
    return folder


def test_a_clean_work_tree(package: Path) -> None:
    state = collect_code_state(package)
    head = subprocess.run(["git", "-C", str(package), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert state.commit == head.stdout.strip()
    assert state.dirty is False
    assert state.uncommitted_sha256 is None


def test_each_kind_of_uncommitted_change_has_a_hash_of_its_own(package: Path) -> None:
    clean = collect_code_state(package)
    found: list[CodeState] = []

    def note() -> None:
        found.append(collect_code_state(package))

    (package / "one.py").write_text("x = 3\n")
    note()
    git(package, "add", "one.py")  # staged is uncommitted too, and the same change
    note()
    (package / "one.py").unlink()
    note()
    git(package, "checkout", "-q", "HEAD", "--", "one.py")
    (package / "new.py").write_text("z = 1\n")
    note()
    (package / "new.py").write_text("z = 2\n")
    note()
    (package / "new.py").unlink()
    (package / 'with "quotes" and ä.py').write_text("")
    note()
    hashes = [state.uncommitted_sha256 for state in found]
    assert all(state.dirty and state.commit == clean.commit for state in found)
    assert hashes[0] == hashes[1]
    assert None not in hashes
    assert len(set(hashes)) == len(hashes) - 1


def test_what_no_result_hangs_on_leaves_the_tree_clean(package: Path) -> None:
    (package / "notes.txt").write_text("untracked, and no code")
    (package.parent / "ignored").mkdir()
    (package.parent / "ignored" / "a.py").write_text("")
    assert collect_code_state(package).dirty is False


def test_the_users_git_configuration_changes_no_bit(package: Path) -> None:
    (package / "one.py").write_text("x = 3\n")
    (package / "two.py").rename(package / "three.py")
    git(package, "add", "-A")
    before = collect_code_state(package)
    for name, value in (
        ("diff.noprefix", "true"),
        ("diff.renames", "copies"),
        ("color.ui", "always"),
        ("core.quotepath", "true"),
    ):
        git(package, "config", name, value)
    assert collect_code_state(package) == before


def test_outside_git_and_under_an_ignored_folder_the_source_speaks(package: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ignored = package.parent / "ignored" / "package"
    ignored.mkdir(parents=True)
    for folder in (elsewhere, ignored):
        (folder / "one.py").write_text("x = 1\n")
        (folder / "two.py").write_text("y = 2\n")
        state = collect_code_state(folder)
        assert (state.commit, state.dirty, state.uncommitted_sha256) == (None, None, None)
        assert state.source_sha256 == collect_code_state(package).source_sha256
    (elsewhere / "one.py").write_text("x = 2\n")
    assert collect_code_state(elsewhere).source_sha256 != collect_code_state(package).source_sha256


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "one.py").write_text("x = 1\n")
    state = collect_code_state(tmp_path)
    assert state.commit is None
    assert len(state.source_sha256) == 64


def manifest(settings: Settings, package: Path) -> RunManifest:
    return RunManifest.collect(
        "BTC-USDT", date(2026, 6, 1), settings, "baseline@0", {"features": "0" * 64}, {"lightgbm": 7}, package
    )


def test_the_manifest_is_the_same_whoever_runs_it_where(package: Path) -> None:
    one = read_settings(overrides={"market": {"exchange": {"proxy": "http://user:secret@one"}}})
    two = read_settings(
        overrides={"market": {"archive": "/home/two", "exchange": {"base_url": "http://two", "timeout_s": 3}}}
    )
    first, second = manifest(one, package), manifest(two, package)
    assert canonical_json(first) == canonical_json(second)
    assert b"secret" not in canonical_json(first)
    assert RunManifest.model_validate_json(canonical_json(first)) == first


def test_a_setting_that_matters_changes_the_manifest(package: Path) -> None:
    base = manifest(read_settings(), package)
    for change in ({"seed": 1}, {"gates": {"sharpe_min": 2.0}}, {"market": {"synthetic": {"edge": 1.0}}}):
        assert manifest(read_settings(overrides=change), package) != base
    assert base.packages["polars"]
    assert base.python
