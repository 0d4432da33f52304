"""The lake: one file an artifact, `<base>/<asset>/<symbol>/<day>.<ext>`.

Frames are zstd Parquet with their content hash in the file's metadata, documents canonical JSON, weights safetensors.
A write is atomic (temporary name, fsync, rename) and idempotent (the same name is replaced). The base is
`HURACAN_LAKE`, which may be an `s3://` URL, else `lake/` in the home.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import orjson
import polars as pl
from pydantic import BaseModel, ValidationError
from upath import UPath

from huracan_assets.errors import ContractError, StorageError, first_fault
from huracan_assets.resources.window_cache import WINDOWS
from huracan_assets.settings import home

Document = Mapping[str, Any] | BaseModel
Model = TypeVar("Model", bound=BaseModel)
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
    counts = {series.name: series.null_count() for series in value.iter_columns()}
    masks, filled = _without_nulls(value, [name for name, count in counts.items() if count])
    digest = hashlib.sha256()
    for series, full in zip(value.iter_columns(), filled.iter_columns(), strict=True):
        name, count = series.name, counts[series.name]
        digest.update(f"{name}:{series.dtype}:{len(series)}:{count}\n".encode())
        if count:
            digest.update(masks[name].to_numpy().tobytes())
        digest.update(_value_bytes(full))
    return digest.hexdigest()


def _without_nulls(frame: pl.DataFrame, holed: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Where the columns `holed` are null, and the frame with zero for the nulls of its numbers.

    What lies in the memory of a null is chance. One query for all columns: to call polars for each takes longer.
    """
    if not holed:
        return frame.clear(), frame
    physical = frame.with_columns(pl.col(holed).to_physical())
    numbers = [name for name in holed if physical[name].dtype.is_numeric()]
    return frame.select(pl.col(holed).is_null()), physical.with_columns(pl.col(numbers).fill_null(0))


def _value_bytes(series: pl.Series) -> bytes:
    if series.dtype.is_numeric() or isinstance(series.dtype, pl.Datetime):
        return series.to_numpy().tobytes()  # as below, at a third of the time
    physical = series.to_physical()
    return physical.to_numpy().tobytes() if physical.dtype.is_numeric() else orjson.dumps(physical.to_list())


@dataclass(frozen=True)
class Lake:
    """Reads and writes artifacts under `base`."""

    base: UPath

    @classmethod
    def open(cls) -> Lake:
        """The lake of this process's settings; a folder is made absolute, as the home is."""
        given = cls.at(os.environ.get("HURACAN_LAKE") or home() / "lake")
        return given if given._is_remote() else cls.at(Path(given.base.path).expanduser().resolve())

    @classmethod
    def at(cls, base: str | Path) -> Lake:
        """The lake at a path or URL."""
        return cls(UPath(base))

    def path(self, asset: str, symbol: str, day: date, extension: str = "parquet") -> UPath:
        """Where an artifact lies."""
        return self.base / f"{asset}/{symbol}/{day.isoformat()}.{extension}"  # one step: each takes its time

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
        return self._read_hashed(asset, symbol, day)[0]

    def _read_hashed(self, asset: str, symbol: str, day: date) -> tuple[pl.DataFrame, str]:
        """The frame of a symbol-day, and its content hash; as `read_frame`."""
        path = self.path(asset, symbol, day)
        data = self._read(path)
        try:
            frame, told = pl.read_parquet(BytesIO(data)), pl.read_parquet_metadata(BytesIO(data)).get(HASH_KEY)
        except DAMAGE as error:
            raise self._damaged(path) from error
        if told is None:
            raise self._damaged(path)
        if content_hash(frame) != told:
            raise StorageError(f"{path} is not what was written: materialise {asset} of {day}|{symbol} again")
        return frame, told

    def read_named_frame(self, asset: str, symbol: str, day: date, digest: str) -> pl.DataFrame:
        """The frame of a symbol-day, if it is the one with this content hash.

        Raises:
            StorageError: it is another one, or as in `read_frame`.
        """
        frame, told = self._read_hashed(asset, symbol, day)
        if told != digest:
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

        Whole frames are held against their content hashes, and kept in memory under them (`window_cache.py`); a choice
        of columns is read without.

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
            return self.read_named_window(asset, symbol, {day: self.frame_hash(asset, symbol, day) for day in days})
        return pl.scan_parquet([str(self.path(asset, symbol, day)) for day in days]).select(columns).collect()

    def read_named_window(self, asset: str, symbol: str, named: Mapping[date, str]) -> pl.DataFrame:
        """The frames of several days, one below the other, if each is the one with its content hash.

        Args:
            named: content hash of each day, in the order of the frames; at least one.

        Raises:
            StorageError: a day is not there, is another one, or is not what was written.
        """
        hashes = tuple(named.values())
        window = WINDOWS.get(hashes)
        if window is None:
            window = pl.concat(self.read_named_frame(asset, symbol, day, digest) for day, digest in named.items())
            WINDOWS.keep(hashes, window)
        return window

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

    def read_model(self, asset: str, symbol: str, day: date, model: type[Model]) -> Model:
        """The document of a symbol-day as a model.

        Raises:
            StorageError: as `read_document`.
            ContractError: it has another form, as those of an older engine may.
        """
        try:
            return model.model_validate(self.read_document(asset, symbol, day))
        except ValidationError as error:
            raise ContractError(
                f"{asset} of {day}|{symbol} is not one that this engine writes, {first_fault(error)}. "
                f"Materialise {asset} again, and what follows it"
            ) from error

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
    """Publish `data` at `path` whole or not at all: temporary name, fsync, rename, fsync of the folder.

    Raises:
        StorageError: the disk is full, or may not be written to.
    """
    _publish(path, data)
    _synchronise(path.parent)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an error of the file system into a StorageError that names `path`."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written ({error.strerror or error}): make room, or correct its folder's rights, "
            "or set HURACAN_HOME or HURACAN_LAKE to a folder elsewhere"
        ) from error


def _synchronise(folder: Path) -> None:
    """After this a power cut takes no name of the folder back."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(path: Path, data: bytes) -> None:
    """A file under its name, whole and synchronised; its folder is not, yet."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
