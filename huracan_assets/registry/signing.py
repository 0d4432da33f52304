"""Ed25519 signatures (RFC 8032): the execution side loads nothing that this engine did not sign."""

from __future__ import annotations

import os
import stat
import uuid
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from huracan_assets.errors import StorageError
from huracan_assets.resources.lake import atomic_write
from huracan_assets.settings import home

KEY_NAME = "handoff_ed25519"


def signing_key(folder: Path | None = None) -> Ed25519PrivateKey:
    """The engine's key, made on first use: `<home>/keys/handoff_ed25519`, its public half beside it, `.pub`.

    Two processes of a first night end with the same key: a hard link publishes it, which never replaces.

    Args:
        folder: in place of `<home>/keys`.

    Raises:
        StorageError: others may read the key, or the file holds no Ed25519 key.
    """
    where = folder if folder is not None else home() / "keys"
    path = where / KEY_NAME
    if not path.exists():
        _create(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise StorageError(
            f"the signing key {path} may be read by others, who could sign: remove it and its .pub, and "
            "give the new public key to the execution side; chmod 600 only if nobody saw it"
        )
    key = _read(path)
    public = public_pem(key.public_key())
    shown = path.with_suffix(".pub")
    if not shown.exists() or shown.read_bytes() != public:
        atomic_write(shown, public)
    return key


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    secret = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return  # another process was faster: its key is the key
    finally:
        temporary.unlink()


def _read(path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise StorageError(f"{path} holds no readable key: restore it, or remove it for a new one") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StorageError(f"{path} holds a key of another kind than Ed25519: restore it, or remove it for a new one")
    return key


def public_pem(key: Ed25519PublicKey) -> bytes:
    """A public key as PEM, the form in which the execution side keeps it."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def read_public_key(path: Path) -> Ed25519PublicKey:
    """The public key in a `.pub` file.

    Raises:
        StorageError: the file is not there or holds no Ed25519 public key.
    """
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except FileNotFoundError as error:
        raise StorageError(f"{path} does not exist: copy the public key from the engine's keys folder") from error
    except ValueError as error:
        raise StorageError(f"{path} holds no public key: copy it from the engine's keys folder") from error
    if not isinstance(key, Ed25519PublicKey):
        raise StorageError(f"{path} holds a key of another kind than Ed25519: copy it from the engine's keys folder")
    return key


def sign(key: Ed25519PrivateKey, data: bytes) -> bytes:
    """The signature of `data`, 64 bytes; the same key and data give the same bytes."""
    return key.sign(data)


def verify(key: Ed25519PublicKey, data: bytes, signature: bytes) -> bool:
    """Whether `signature` is that of `data` under `key`."""
    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True
