"""The lake: one file an artifact, `<base>/<asset>/<symbol>/<day>.<ext>`.

Frames are zstd Parquet with their content hash in the file's metadata, documents canonical JSON, weights safetensors.
A write is atomic (temporary name, fsync, rename) and idempotent (the same name is replaced). The base is
`HURACAN_LAKE`, which may be an `s3://` URL, else `lake/` in the home.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import polars as pl
from pydantic import BaseModel
from upath import UPath

from huracan_assets.errors import StorageError
from huracan_assets.settings import home

Document = Mapping[str, Any] | BaseModel
HASH_KEY = "huracan.sha256"
WRITERS = 4  # threads of `write_frames`: encoding leaves the interpreter to others, and so does a wait for the disk
# A flipped bit can make polars panic, and its panic is no Exception.
DAMAGE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


def canonical_json(document: Document) -> bytes:
    """The one spelling of a document: sorted keys, UTC times, no white space."""
    plain = document.model_dump(mode="json") if isinstance(document, BaseModel) else document
    return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z)


def content_hash(value: pl.DataFrame | Document | bytes) -> str:
    """SHA-256 of what an artifact says, whatever the file around it: column names, types and values in order."""
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    if not isinstance(value, pl.DataFrame):
        return hashlib.sha256(canonical_json(value)).hexdigest()
    digest = hashlib.sha256()
    for series in value.iter_columns():
        digest.update(f"{series.name}:{series.dtype}:{len(series)}:{series.null_count()}\n".encode())
        digest.update(_value_bytes(series))
    return digest.hexdigest()


def _value_bytes(series: pl.Series) -> bytes:
    if not series.null_count() and (series.dtype.is_numeric() or isinstance(series.dtype, pl.Datetime)):
        return series.to_numpy().tobytes()  # as below, at a third of the time
    physical = series.to_physical()
    # What lies in the memory of a null is chance: nulls are hashed as a mask, their values as zero.
    nulls = series.is_null().to_numpy().tobytes() if series.null_count() else b""
    if physical.dtype.is_numeric():
        return nulls + physical.fill_null(0).to_numpy().tobytes()
    return nulls + orjson.dumps(physical.to_list())


@dataclass(frozen=True)
class Lake:
    """Reads and writes artifacts under `base`."""

    base: UPath

    @classmethod
    def open(cls) -> Lake:
        """The lake of this process's settings."""
        return cls.at(os.environ.get("HURACAN_LAKE") or home() / "lake")

    @classmethod
    def at(cls, base: str | Path) -> Lake:
        """The lake at a path or URL."""
        return cls(UPath(base))

    def path(self, asset: str, symbol: str, day: date, extension: str = "parquet") -> UPath:
        """Where an artifact lies."""
        return self.base / asset / symbol / f"{day.isoformat()}.{extension}"

    def has(self, asset: str, symbol: str, day: date, extension: str = "parquet") -> bool:
        """Whether an artifact is there."""
        return self.path(asset, symbol, day, extension).exists()

    def missing(self, asset: str, symbol: str, days: Sequence[date]) -> list[date]:
        """Those of `days` for which the lake has no frame."""
        folder = self.base / asset / symbol
        present = {file.name for file in folder.iterdir()} if folder.exists() else set()
        return [day for day in days if f"{day.isoformat()}.parquet" not in present]

    def write_frame(
        self, asset: str, symbol: str, day: date, frame: pl.DataFrame, tags: Mapping[str, str] | None = None
    ) -> str:
        """Write a frame and return its content hash; `tags` stand in the file's metadata beside it."""
        digest, data = _encoded(frame, tags)
        self._write(self.path(asset, symbol, day), data)
        return digest

    def write_frames(
        self, asset: str, symbol: str, frames: Mapping[date, pl.DataFrame], tags: Mapping[str, str] | None = None
    ) -> dict[date, str]:
        """Write days of a symbol and return their content hashes; each file is published whole or not at all.

        Quicker than one by one: encoding and the waits for the disk overlap, and the folder is synchronised once, at
        the end. Where one fails, others may stand.
        """

        def write(day: date) -> str:
            digest, data = _encoded(frames[day], tags)
            self._publish(self.path(asset, symbol, day), data)
            return digest

        with ThreadPoolExecutor(WRITERS) as pool:
            digests = dict(zip(frames, pool.map(write, frames), strict=True))
        if frames and not self._is_remote():
            _synchronise(Path(str(self.base / asset / symbol)))
        return digests

    def read_frame(self, asset: str, symbol: str, day: date) -> pl.DataFrame:
        """The frame of a symbol-day.

        Raises:
            StorageError: it is not there, cannot be read, or is not what was written.
        """
        path = self.path(asset, symbol, day)
        data = self._read(path)
        try:
            frame = pl.read_parquet(BytesIO(data))
        except DAMAGE as error:
            raise self._damaged(path) from error
        if content_hash(frame) != self.frame_hash(asset, symbol, day):
            raise StorageError(f"{path} is not what was written: materialise {asset} of {day}|{symbol} again")
        return frame

    def read_named_frame(self, asset: str, symbol: str, day: date, digest: str) -> pl.DataFrame:
        """The frame of a symbol-day, if it is the one with this content hash.

        Raises:
            StorageError: it is another one, or as in `read_frame`.
        """
        frame = self.read_frame(asset, symbol, day)
        if self.frame_hash(asset, symbol, day) != digest:
            raise StorageError(
                f"{self.path(asset, symbol, day)} belongs to another run of {asset}: "
                f"materialise {asset} of {day}|{symbol} again"
            )
        return frame

    def frame_hash(self, asset: str, symbol: str, day: date) -> str:
        """The content hash that a frame was written with, from its file's metadata alone."""
        digest = self.frame_tag(asset, symbol, day, HASH_KEY)
        if digest is None:
            path = self.path(asset, symbol, day)
            raise self._damaged(path) if path.exists() else self._absent(path)
        return digest

    def frame_tag(self, asset: str, symbol: str, day: date, name: str) -> str | None:
        """A tag of a frame from its file's metadata alone; None where the file or the tag is not there."""
        return (self.frame_tags(asset, symbol, day) or {}).get(name)

    def frame_tags(self, asset: str, symbol: str, day: date) -> dict[str, str] | None:
        """All tags of a frame from its file's metadata alone; None where the file is not there."""
        path = self.path(asset, symbol, day)
        try:
            with path.open("rb") as file:
                return pl.read_parquet_metadata(file)
        except FileNotFoundError:
            return None
        except DAMAGE as error:
            raise self._damaged(path) from error

    def read_window(
        self, asset: str, symbol: str, days: Sequence[date], columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """The frames of several days, one below the other in the order of `days`.

        Whole frames are held against their content hashes; a choice of columns is read without.

        Raises:
            StorageError: a day is not there, or is not what was written.
        """
        absent = self.missing(asset, symbol, days)
        if absent:
            named = ", ".join(day.isoformat() for day in absent[:10])
            raise StorageError(
                f"the lake has no {asset} of {symbol} on {named}: materialise them, or feature_version, which heals"
            )
        if columns is None:
            return pl.concat([self.read_frame(asset, symbol, day) for day in days])
        return pl.scan_parquet([str(self.path(asset, symbol, day)) for day in days]).select(columns).collect()

    def write_document(self, asset: str, symbol: str, day: date, document: Document) -> str:
        """Write a document and return its content hash."""
        data = canonical_json(document)
        self._write(self.path(asset, symbol, day, "json"), data)
        return hashlib.sha256(data).hexdigest()

    def read_document(self, asset: str, symbol: str, day: date) -> dict[str, Any]:
        """The document of a symbol-day.

        Raises:
            StorageError: it is not there or cannot be read.
        """
        path = self.path(asset, symbol, day, "json")
        try:
            document: dict[str, Any] = orjson.loads(self._read(path))
        except orjson.JSONDecodeError as error:
            raise self._damaged(path) from error
        return document

    def keep_document(self, folder: str, name: str, document: Document) -> None:
        """Keep a document for good at `<base>/<folder>/<name>.json`: written once, never replaced.

        Raises:
            StorageError: another document lies there.
        """
        path, data = self.base / folder / f"{name}.json", canonical_json(document)
        if not path.exists():
            self._write(path, data)
        elif path.read_bytes() != data:
            raise StorageError(f"{path} is not what was kept there: restore it, or remove it to have it written again")

    def kept_documents(self, folder: str) -> dict[str, dict[str, Any]]:
        """The documents kept in a folder by name, in the order of their names.

        Raises:
            StorageError: one cannot be read.
        """
        where = self.base / folder
        if not where.exists():
            return {}
        files = sorted((file for file in where.iterdir() if file.suffix == ".json"), key=lambda file: file.name)
        return {file.stem: self._kept(file) for file in files}

    def _kept(self, file: UPath) -> dict[str, Any]:
        try:
            document: dict[str, Any] = orjson.loads(self._read(file))
        except orjson.JSONDecodeError as error:
            raise StorageError(f"{file} is damaged: restore it, or remove it to have it written again") from error
        return document

    def write_weights(self, asset: str, symbol: str, day: date, weights: bytes, part: str = "") -> str:
        """Write safetensors and return their hash; `part` names one that lies beside an asset's own."""
        self._write(self.path(asset, symbol, day, f"{part}safetensors"), weights)
        return content_hash(weights)

    def read_weights(self, asset: str, symbol: str, day: date, part: str = "") -> bytes:
        """The safetensors of a symbol-day.

        Raises:
            StorageError: they are not there.
        """
        return self._read(self.path(asset, symbol, day, f"{part}safetensors"))

    def _read(self, path: UPath) -> bytes:
        try:
            data: bytes = path.read_bytes()
        except FileNotFoundError as error:
            raise self._absent(path) from error
        return data

    def _damaged(self, path: UPath) -> StorageError:
        asset, symbol = path.parts[-3:-1]
        return StorageError(f"{path} is damaged: materialise {asset} of {path.stem}|{symbol} again")

    def _absent(self, path: UPath) -> StorageError:
        asset, symbol = path.parts[-3:-1]
        return StorageError(f"{path} does not exist: materialise {asset} of {path.stem}|{symbol} first")

    def _is_remote(self) -> bool:
        return self.base.protocol not in ("", "file")

    def _publish(self, path: UPath, data: bytes) -> None:
        if self._is_remote():
            path.write_bytes(data)  # object stores publish an object whole or not at all
        else:
            _publish(Path(str(path)), data)

    def _write(self, path: UPath, data: bytes) -> None:
        self._publish(path, data)
        if not self._is_remote():
            _synchronise(Path(str(path.parent)))


def _encoded(frame: pl.DataFrame, tags: Mapping[str, str] | None) -> tuple[str, bytes]:
    """A frame's content hash, and its file's bytes."""
    digest = content_hash(frame)
    buffer = BytesIO()
    # Level 1: on candles and features the files of higher levels are no smaller, and take a tenth longer.
    frame.write_parquet(buffer, compression="zstd", compression_level=1, metadata={HASH_KEY: digest, **(tags or {})})
    return digest, buffer.getvalue()


def atomic_write(path: Path, data: bytes) -> None:
    """Publish `data` at `path` whole or not at all: temporary name, fsync, rename, fsync of the folder."""
    _publish(path, data)
    _synchronise(path.parent)


def _synchronise(folder: Path) -> None:
    """After this a power cut takes no name of the folder back."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(path: Path, data: bytes) -> None:
    """A file under its name, whole and synchronised; its folder is not, yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
