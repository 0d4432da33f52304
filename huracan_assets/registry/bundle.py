"""The hand-off bundle: a signed folder that is either whole and the engine's own, or is refused.

`manifest.json` lists every other file with size and SHA-256, `manifest.sig` is the manifest's Ed25519
signature. A bundle appears under its name complete or not at all, and a reader gets the very bytes checked.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from huracan_assets.errors import BundleError
from huracan_assets.registry.signing import sign, verify
from huracan_assets.resources.lake import canonical_json, content_hash, writing

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
FORMAT = 1

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class BundledFile(BaseModel):
    """A line of the manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: Digest
    size: int = Field(ge=0)


class BundleManifest(BaseModel):
    """What is signed. `content_sha256` is the hash of the list of files, whoever signs it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    approved: StrictBool
    content_sha256: Digest
    files: tuple[BundledFile, ...]
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Bundle:
    """A bundle that was checked: `files` are the bytes that the signature covers."""

    folder: Path
    manifest: BundleManifest
    files: Mapping[str, bytes]

    @property
    def content_sha256(self) -> str:
        """The hash of the list of files."""
        return self.manifest.content_sha256


def write_bundle(
    folder: Path,
    files: Mapping[str, bytes],
    metadata: Mapping[str, Any],
    *,
    approved: bool,
    key: Ed25519PrivateKey,
) -> Bundle:
    """Publish a bundle at `folder`; an equal one that is already there is left alone, another one replaced.

    Args:
        files: contents by relative POSIX name.
        metadata: JSON-able, for one symbol, day, verdict and lineage.
        approved: the verdict of the gates; `load_bundle` refuses where it is false.

    Raises:
        BundleError: a name that would leave the folder or is the bundle's own.
        StorageError: the disk is full, or may not be written to; the bundle that was there stands.
    """
    manifest = _manifest(files, metadata, approved)
    signed = canonical_json(manifest)
    contents = {**files, MANIFEST: signed, SIGNATURE: sign(key, signed)}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if _contents(folder) != contents:
            with writing(folder):
                _publish(folder, contents)
    return Bundle(folder, manifest, dict(files))


def withdraw_bundle(folder: Path) -> None:
    """Take a bundle back: in one step there is none under its name. Where none is, nothing happens."""
    if not folder.parent.exists():
        return
    with _alone(folder):
        if folder.exists():
            aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.tmp")
            folder.rename(aside)
            _sync(folder.parent)
            shutil.rmtree(aside)


def _manifest(files: Mapping[str, bytes], metadata: Mapping[str, Any], approved: bool) -> BundleManifest:
    for name in files:
        plain = PurePosixPath(name)
        inside = str(plain) == name and not plain.is_absolute() and ".." not in plain.parts and "\\" not in name
        if not inside or name in (".", MANIFEST, SIGNATURE):
            raise BundleError(
                f"{name!r} cannot be a file of a bundle: use a relative name, and none of the bundle's own"
            )
    listed = tuple(
        BundledFile(name=name, sha256=content_hash(files[name]), size=len(files[name])) for name in sorted(files)
    )
    return BundleManifest(
        format=FORMAT,
        approved=approved,
        content_sha256=_list_hash(listed),
        files=listed,
        metadata=dict(metadata),
    )


def _list_hash(files: tuple[BundledFile, ...]) -> str:
    return content_hash({"files": [file.model_dump() for file in files]})


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for left_over in folder.parent.glob(f".{folder.name}.*.tmp"):  # of a process that was killed
            shutil.rmtree(left_over)
        yield
    finally:
        os.close(descriptor)


def _contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in _names(folder)} if folder.is_dir() else {}


def _names(folder: Path) -> set[str]:
    """Everything under a folder that is not a plain folder; links and the like too."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {path.relative_to(folder).as_posix() for path in found}


def _publish(folder: Path, contents: Mapping[str, bytes]) -> None:
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.tmp")
    try:
        for name, data in contents.items():
            _write(temporary / name, data)
        for path in [temporary, *(path for path in temporary.rglob("*") if path.is_dir())]:
            _sync(path)
        if folder.exists():
            _exchange(temporary, folder)
        else:
            temporary.rename(folder)
        _sync(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(new: Path, old: Path) -> None:
    """Swap two folders in one step, so that at no instant there is no bundle."""
    libc = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(new), os.fsencode(old)
    if sys.platform == "linux":
        failed = libc.renameat2(-100, first, -100, second, 2)  # AT_FDCWD, RENAME_EXCHANGE
    else:
        failed = libc.renamex_np(first, second, 2)  # RENAME_SWAP of macOS
    if not failed:
        return
    code = ctypes.get_errno()
    if code not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        raise OSError(code, os.strerror(code), str(old))
    # A file system without the exchange: a reader may for an instant find nothing, never something half.
    aside = new.with_name(f"{new.name.removesuffix('.tmp')}.old.tmp")
    old.rename(aside)
    new.rename(old)
    shutil.rmtree(aside)


def bundle_names(folder: Path) -> set[str]:
    """The names of all files of a folder that may be a bundle's, whoever signed it.

    Raises:
        BundleError: it is no folder, holds a link, or lacks the manifest or its signature.
    """
    if folder.is_symlink() or not folder.is_dir():
        there = "a link" if folder.is_symlink() else "a file" if folder.exists() else "nothing"
        raise BundleError(
            f"{folder} is not a bundle's folder, {there} lies there: materialise handoff_bundle, or correct the path"
        )
    present = _names(folder)
    _refuse(folder, [name for name in sorted(present) if (folder / name).is_symlink()], "is a link")
    _refuse(folder, sorted({MANIFEST, SIGNATURE} - present), "is missing")
    return present


def load_bundle(folder: Path, key: Ed25519PublicKey) -> Bundle:
    """Read a bundle, or refuse it.

    Raises:
        BundleError: not signed by `key`, a file changed, extra or missing, a link, or not approved.
    """
    present = bundle_names(folder)
    signed = (folder / MANIFEST).read_bytes()
    if not verify(key, signed, (folder / SIGNATURE).read_bytes()):
        raise BundleError(
            f"{folder}: {MANIFEST} and {SIGNATURE} do not fit this public key. Refuse it; hand over again"
        )
    manifest = _parsed(folder, signed)
    listed = {file.name: file for file in manifest.files}
    expected = {*listed, MANIFEST, SIGNATURE}
    _refuse(folder, sorted(expected - present), "is missing")
    _refuse(folder, sorted(present - expected), "is not in the manifest")
    files = {name: (folder / name).read_bytes() for name in listed}
    _refuse(folder, [name for name in listed if content_hash(files[name]) != listed[name].sha256], "was changed")
    if not manifest.approved:
        raise BundleError(f"{folder} was not approved by the gates: keep the champion; its verdict is in the metadata")
    return Bundle(folder, manifest, files)


def _parsed(folder: Path, signed: bytes) -> BundleManifest:
    try:
        manifest = BundleManifest.model_validate_json(signed)
    except ValidationError as error:
        raise BundleError(f"{folder}: {MANIFEST} is signed but not understood ({error}): update this reader") from error
    if manifest.format != FORMAT:
        raise BundleError(f"{folder} has format {manifest.format}, this reader knows {FORMAT}: update the older side")
    if manifest.content_sha256 != _list_hash(manifest.files):
        raise BundleError(f"{folder}: content_sha256 of {MANIFEST} is not that of its list: hand over again")
    return manifest


def _refuse(folder: Path, names: list[str], what: str) -> None:
    if names:
        more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        raise BundleError(f"{folder}: {names[0]} {what}{more}. Do not load it; hand over again")
