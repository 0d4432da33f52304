from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.errors import BundleError
from huracan_assets.registry import bundle as module
from huracan_assets.registry.bundle import MANIFEST, SIGNATURE, Bundle, load_bundle, write_bundle
from huracan_assets.registry.signing import sign
from huracan_assets.resources.lake import canonical_json

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
FILES = {"model.txt": b"tree\n", "policy/weights.safetensors": bytes(range(256)), "empty.json": b""}
METADATA = {"symbol": "BTC-USDT", "day": "2026-06-01"}


def write(folder: Path, *, approved: bool = True, key: Ed25519PrivateKey = KEY) -> Bundle:
    return write_bundle(folder, FILES, METADATA, approved=approved, key=key)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_written_is_what_is_loaded(tmp_path: Path) -> None:
    written = write(tmp_path / "b")
    loaded = load_bundle(tmp_path / "b", KEY.public_key())
    assert loaded == written
    assert loaded.files == FILES
    assert loaded.manifest.metadata == METADATA
    assert [file.name for file in loaded.manifest.files] == sorted(FILES)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_the_content_hash_knows_the_files_and_not_the_key_or_the_metadata(tmp_path: Path) -> None:
    first = write(tmp_path / "1").content_sha256
    assert write(tmp_path / "2", key=OTHER).content_sha256 == first
    assert write_bundle(tmp_path / "3", FILES, {}, approved=False, key=KEY).content_sha256 == first
    renamed = {**FILES, "model2.txt": FILES["model.txt"]}
    del renamed["model.txt"]
    assert write_bundle(tmp_path / "4", renamed, {}, approved=True, key=KEY).content_sha256 != first


def test_the_order_of_files_and_a_second_place_change_no_byte(tmp_path: Path) -> None:
    write(tmp_path / "1")
    write_bundle(tmp_path / "2", dict(reversed(FILES.items())), METADATA, approved=True, key=KEY)
    assert tree(tmp_path / "1") == tree(tmp_path / "2")


@pytest.mark.parametrize("name", [*FILES, MANIFEST, SIGNATURE])
def test_one_changed_byte_is_refused_by_name(tmp_path: Path, name: str) -> None:
    write(tmp_path / "b")
    file = tmp_path / "b" / name
    data = bytearray(file.read_bytes() or b"x")
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    named = MANIFEST if name in (MANIFEST, SIGNATURE) else name
    with pytest.raises(BundleError, match=named):
        load_bundle(tmp_path / "b", KEY.public_key())


@given(data=st.data())
def test_no_changed_bit_anywhere_passes(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp() / "any-bit"
    write(folder)
    name = data.draw(st.sampled_from(["model.txt", "policy/weights.safetensors", MANIFEST, SIGNATURE]))
    contents = bytearray((folder / name).read_bytes())
    bit = data.draw(st.integers(0, 8 * len(contents) - 1))
    contents[bit // 8] ^= 1 << bit % 8
    (folder / name).write_bytes(contents)
    with pytest.raises(BundleError):
        load_bundle(folder, KEY.public_key())


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (lambda folder: (folder / "more.txt").write_text("!"), r"more.txt is not in the manifest"),
        (
            lambda folder: (folder / "policy" / ".hidden").write_text("!"),
            r"policy/.hidden is not in the manifest",
        ),
        (lambda folder: (folder / "model.txt").unlink(), r"model.txt is missing"),
        (lambda folder: (folder / MANIFEST).unlink(), r"manifest.json is missing"),
        (lambda folder: (folder / SIGNATURE).unlink(), r"manifest.sig is missing"),
        (lambda folder: shutil.rmtree(folder), r"is not a bundle's folder"),
    ],
)
def test_extra_and_missing_files_are_refused(tmp_path: Path, tamper: Callable[[Path], object], reason: str) -> None:
    write(tmp_path / "b")
    tamper(tmp_path / "b")
    with pytest.raises(BundleError, match=reason):
        load_bundle(tmp_path / "b", KEY.public_key())


def test_a_link_is_refused_even_to_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "b")
    (tmp_path / "b" / "model.txt").rename(tmp_path / "model.txt")
    (tmp_path / "b" / "model.txt").symlink_to(tmp_path / "model.txt")
    with pytest.raises(BundleError, match=r"model\.txt is a link"):
        load_bundle(tmp_path / "b", KEY.public_key())


def test_a_bundle_of_another_key_is_refused_though_whole(tmp_path: Path) -> None:
    write(tmp_path / "b", key=OTHER)
    with pytest.raises(BundleError, match="do not fit this public key"):
        load_bundle(tmp_path / "b", KEY.public_key())


def test_a_bundle_that_was_not_approved_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "b", approved=False)
    with pytest.raises(BundleError, match="not approved"):
        load_bundle(tmp_path / "b", KEY.public_key())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 2}, "has format 2"),
        ({"approved": 1}, "not understood"),
        ({"content_sha256": "0" * 64}, "content_sha256"),
        ({"surprise": 1}, "not understood"),
    ],
)
def test_a_signed_manifest_of_another_shape_is_refused(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    manifest = write(tmp_path / "b").manifest.model_dump() | change
    signed = canonical_json(manifest)
    (tmp_path / "b" / MANIFEST).write_bytes(signed)
    (tmp_path / "b" / SIGNATURE).write_bytes(sign(KEY, signed))
    with pytest.raises(BundleError, match=reason):
        load_bundle(tmp_path / "b", KEY.public_key())


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../up", "a/../../up", "a//b", "./a", "", ".", "a\\b", MANIFEST, SIGNATURE]
)
def test_names_that_leave_the_folder_or_are_its_own_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match="cannot be a file"):
        write_bundle(tmp_path / "b", {name: b""}, {}, approved=True, key=KEY)
    assert not (tmp_path / "b").exists()


def test_an_equal_bundle_is_left_alone_and_a_damaged_one_replaced(tmp_path: Path) -> None:
    write(tmp_path / "b")
    before = (tmp_path / "b").stat().st_ino
    write(tmp_path / "b")
    assert (tmp_path / "b").stat().st_ino == before
    (tmp_path / "b" / "more.txt").write_text("!")
    write(tmp_path / "b")
    assert load_bundle(tmp_path / "b", KEY.public_key()).files == FILES


def test_another_content_replaces_the_whole(tmp_path: Path) -> None:
    write(tmp_path / "b")
    write_bundle(tmp_path / "b", {"only.txt": b"new"}, METADATA, approved=True, key=KEY)
    assert load_bundle(tmp_path / "b", KEY.public_key()).files == {"only.txt": b"new"}
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_killed_writer_leaves_the_old_bundle_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    write(tmp_path / "b")
    pid = os.fork()
    if pid == 0:
        # Killed at the last instant before the new bundle takes its place.
        module._exchange = lambda new, old: os.kill(os.getpid(), 9)
        write_bundle(tmp_path / "b", {"only.txt": b"new"}, METADATA, approved=True, key=KEY)
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == 9
    assert load_bundle(tmp_path / "b", KEY.public_key()).files == FILES
    assert len(list(tmp_path.iterdir())) == 2
    write(tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_reader_never_finds_nothing_or_half_while_bundles_are_replaced(tmp_path: Path) -> None:
    write(tmp_path / "b")
    pid = os.fork()
    if pid == 0:
        for turn in range(40):
            write_bundle(tmp_path / "b", {"turn": str(turn).encode()}, {}, approved=True, key=KEY)
        os._exit(0)
    reads = 0
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        assert (tmp_path / "b" / MANIFEST).is_file()
        reads += 1
    assert reads > 10
