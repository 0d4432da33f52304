"""A disk that is full or closed: a sentence names the path, nothing is half-written, a rerun heals."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from huracan_assets import cli
from huracan_assets.days import DAY
from huracan_assets.errors import StorageError
from huracan_assets.market.candle_days import write_days
from huracan_assets.market.synthetic import SyntheticSource
from huracan_assets.registry.bundle import load_bundle, write_bundle
from huracan_assets.resources.lake import Lake, atomic_write

SYMBOL, FIRST = "ADA-USDT", date(2026, 1, 1)
DAYS = [FIRST, FIRST + DAY]
LARGEST = 8192  # bytes that a file may have
LARGE = pl.DataFrame({"x": list(range(50_000))})
SMALL = pl.DataFrame({"x": [1.0]})

WRITES: dict[str, Callable[[Lake], object]] = {
    "frame": lambda lake: lake.write_frame("features", SYMBOL, FIRST, LARGE),
    "frames": lambda lake: lake.write_frames("features", SYMBOL, dict.fromkeys(DAYS, LARGE)),
    "document": lambda lake: lake.write_document("features", SYMBOL, FIRST, {"x": "y" * LARGEST}),
    "kept document": lambda lake: lake.keep_document("features", "one", {"x": "y" * LARGEST}),
    "weights": lambda lake: lake.write_weights("features", SYMBOL, FIRST, b"w" * 2 * LARGEST),
    "file": lambda lake: atomic_write(Path(str(lake.base)) / "features" / "a", b"w" * 2 * LARGEST),
}


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow beyond `LARGEST`: a write stops in its midst, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", WRITES)
def test_a_write_that_the_disk_cannot_take_names_its_path_and_leaves_nothing(tmp_path: Path, kind: str) -> None:
    lake = Lake.at(tmp_path)
    lake.write_frame("candles", SYMBOL, FIRST, SMALL)
    before = files(tmp_path)
    with full_disk(), pytest.raises(StorageError) as caught:
        WRITES[kind](lake)
    assert f"{tmp_path}/features/" in str(caught.value)
    assert "cannot be written (File too large): make room" in str(caught.value)
    assert files(tmp_path) == before
    WRITES[kind](lake)
    assert len(files(tmp_path)) > len(before)


def test_a_write_over_a_good_file_leaves_the_good_one(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    lake.write_frame("features", SYMBOL, FIRST, SMALL)
    with full_disk(), pytest.raises(StorageError):
        lake.write_frame("features", SYMBOL, FIRST, LARGE)
    assert lake.read_frame("features", SYMBOL, FIRST).equals(SMALL)


def test_days_that_the_disk_could_not_take_are_there_after_a_rerun(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    source = SyntheticSource(symbols=(SYMBOL,), benchmark=SYMBOL, first=FIRST, seed=1, edge=0.0)
    with full_disk(), pytest.raises(StorageError, match=f"candles/{SYMBOL}/{FIRST}.parquet cannot be written"):
        list(write_days(source, lake, {SYMBOL: DAYS}))
    assert files(tmp_path) == {}
    list(write_days(source, lake, {SYMBOL: DAYS}))
    assert lake.missing("candles", SYMBOL, DAYS) == []


def test_a_bundle_that_the_disk_cannot_take_leaves_the_one_before(tmp_path: Path) -> None:
    key, folder = Ed25519PrivateKey.generate(), tmp_path / "bundles" / SYMBOL / str(FIRST)
    write_bundle(folder, {"model.txt": b"tree"}, {}, approved=True, key=key)
    before = files(tmp_path)
    with full_disk(), pytest.raises(StorageError, match=f"{folder} cannot be written"):
        write_bundle(folder, {"model.txt": b"w" * 2 * LARGEST}, {}, approved=True, key=key)
    assert files(tmp_path) == before
    assert load_bundle(folder, key.public_key()).files == {"model.txt": b"tree"}


@pytest.mark.parametrize("words", [["env"], ["features", "pin", "mine"], ["run", "2025-06-30", "BTC-USDT"], ["up"]])
def test_a_home_that_nobody_may_write_to_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("no folder")
    monkeypatch.setenv("HURACAN_HOME", str(taken / "home"))
    for variable in ("HURACAN_LAKE", "DATABASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 1
    assert result.stderr.startswith("huracan: ")
    assert result.stderr.count("\n") == 1
    assert f"{taken}" in result.stderr
    assert "Not a directory" in result.stderr
    assert "HURACAN_HOME" in result.stderr
    assert taken.read_text() == "no folder"
