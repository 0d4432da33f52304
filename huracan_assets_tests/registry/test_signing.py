from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey

from huracan_assets.errors import StorageError
from huracan_assets.registry.signing import KEY_NAME, public_pem, read_public_key, sign, signing_key, verify


def test_the_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    first = signing_key(tmp_path / "keys")
    again = signing_key(tmp_path / "keys")
    assert public_pem(first.public_key()) == public_pem(again.public_key())
    assert stat.S_IMODE((tmp_path / "keys" / KEY_NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == [KEY_NAME, f"{KEY_NAME}.pub"]


def test_the_home_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HURACAN_HOME", str(tmp_path))
    signing_key()
    assert (tmp_path / "keys" / KEY_NAME).is_file()


def test_the_public_half_verifies_and_comes_back_when_lost(tmp_path: Path) -> None:
    key = signing_key(tmp_path)
    public = tmp_path / f"{KEY_NAME}.pub"
    signature = sign(key, b"words")
    assert len(signature) == 64
    assert verify(read_public_key(public), b"words", signature)
    assert not verify(read_public_key(public), b"wordz", signature)
    public.unlink()
    assert verify(signing_key(tmp_path).public_key(), b"words", signature)
    assert public.is_file()


def test_every_changed_bit_of_a_signature_is_seen(tmp_path: Path) -> None:
    key = signing_key(tmp_path)
    signature = sign(key, b"words")
    for bit in range(8 * len(signature)):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        assert not verify(key.public_key(), b"words", bytes(changed))
    assert not verify(key.public_key(), b"words", b"")


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    signing_key(tmp_path)
    (tmp_path / KEY_NAME).chmod(0o640)
    with pytest.raises(StorageError, match="may be read by others"):
        signing_key(tmp_path)


def test_what_is_no_ed25519_key_is_refused(tmp_path: Path) -> None:
    signing_key(tmp_path)
    other = Ed448PrivateKey.generate()
    pem = other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for data, reason in ((b"nonsense", "no readable key"), (pem, "another kind")):
        (tmp_path / KEY_NAME).write_bytes(data)
        with pytest.raises(StorageError, match=reason):
            signing_key(tmp_path)
    public = tmp_path / "public"
    with pytest.raises(StorageError, match="does not exist"):
        read_public_key(public)
    public.write_bytes(b"nonsense")
    with pytest.raises(StorageError, match="no public key"):
        read_public_key(public)


def test_processes_that_arrive_together_end_with_one_key(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from huracan_assets.registry.signing import signing_key, sign;"
        "print(sign(signing_key(pathlib.Path(sys.argv[1])), b'words').hex())"
    )
    racing = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert len({process.communicate()[0] for process in racing}) == 1
    assert all(process.returncode == 0 for process in racing)
