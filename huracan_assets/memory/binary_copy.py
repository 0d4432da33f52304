"""Postgres' binary COPY format, written and read whole by numpy instead of row by row.

A row is a count of fields and, before each field, its length in bytes (PostgreSQL manual, COPY, "Binary Format"). Rows
of fields of fixed width are one structured array. A text has a width of its own, so rows are written in groups of the
same texts: a ledger knows few of them, and the order of rows says nothing to a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
EPOCH = np.datetime64("2000-01-01T00:00:00", "us")
DAYS_BEFORE_EPOCH = 10_957  # from 1970-01-01
MICROSECOND = np.timedelta64(1, "us")

BLOCK_ROWS = 512

NUMBERS = {pl.Int8: ">i2", pl.Int16: ">i2", pl.Int32: ">i4", pl.Float64: ">f8", pl.Boolean: ">u1"}
"""Postgres' int2, int2, int4, float8 and bool; an Int8 is an int2 because Postgres has none."""


def copy_parts(frame: pl.DataFrame) -> Iterator[bytes]:
    """The rows of a frame as `COPY ... FROM STDIN (FORMAT BINARY)` takes them, a part at a time.

    The server works on one part while the next is made.

    Args:
        frame: columns of the types in `NUMBERS`, Date, Datetime("us"), String, and Array(Float32) for a `vector`.
            Nulls only in Array columns; rows come out grouped by their texts.
    """
    keys = [
        pl.col(series.name) if series.dtype == pl.String else pl.col(series.name).is_null()
        for series in frame.iter_columns()
        if series.dtype == pl.String or series.null_count()
    ]
    groups = [rows for _, rows in frame.group_by(keys, maintain_order=True)] if keys else [frame]
    yield HEADER
    for rows in groups:
        if rows.height:
            yield from _group_parts(rows)
    yield TRAILER


def _group_parts(rows: pl.DataFrame) -> Iterator[bytes]:
    values = [_field(series) for series in rows.iter_columns()]
    layout: list[tuple[Any, ...]] = [("fields", ">i2")]
    for place, value in enumerate(values):
        layout.append((f"length{place}", ">i4"))
        if value is not None:
            layout.append((f"value{place}", value.dtype, value.shape[1:]))
    first = np.zeros(1, dtype=np.dtype(layout))
    first["fields"] = len(values)
    for place, value in enumerate(values):
        first[f"length{place}"] = -1 if value is None else value.itemsize * (value.size // len(value))
        if value is not None:
            first[f"value{place}"] = value[0]
    differing = [(f"value{place}", value) for place, value in enumerate(values) if value is not None and len(value) > 1]
    # A row is wide: written in blocks, it is still in the cache when its next field comes.
    for begin in range(0, rows.height, BLOCK_ROWS):
        block = np.repeat(first, min(BLOCK_ROWS, rows.height - begin))
        for name, value in differing:
            block[name] = value[begin : begin + BLOCK_ROWS]
        yield block.tobytes()


def _field(series: pl.Series) -> NDArray[Any] | None:
    """The values of one column of a group, (n,) or (n, width), a text once for all; None where it is null."""
    kind = series.dtype
    if kind == pl.String:
        return np.frombuffer(series[0].encode(), dtype="u1").reshape(1, -1)
    if isinstance(kind, pl.Array):
        return None if series[0] is None else vector_bytes(series.to_numpy())
    if kind == pl.Date:
        return (series.to_physical().to_numpy() - DAYS_BEFORE_EPOCH).astype(">i4")
    if isinstance(kind, pl.Datetime):
        return instants(series.to_numpy())
    return series.to_numpy().astype(NUMBERS[type(kind)])


def vector_bytes(points: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(n, d) points as pgvector's `vector`, (n, 4 + 4 d) bytes: the dimension, two unused bytes, single floats."""
    count, width = points.shape
    table = np.zeros(count, dtype=np.dtype([("d", ">i2"), ("unused", ">i2"), ("x", ">f4", (width,))]))
    table["d"], table["x"] = width, points
    return table.view("u1").reshape(count, 4 + 4 * width)


def instants(times: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """`timestamptz` of UTC times: microseconds since 2000."""
    return ((times - EPOCH) // MICROSECOND).astype(">i8")


def times(instants_: NDArray[np.int64]) -> NDArray[np.datetime64]:
    """UTC times of `timestamptz`, datetime64[us]."""
    return EPOCH + instants_.astype("int64").astype("timedelta64[us]")


def row_type(**fields: str | tuple[str, tuple[int, ...]]) -> np.dtype[np.void]:
    """The structured type of rows whose fields have fixed widths and no nulls, each after its `length_<name>`."""
    layout: list[tuple[Any, ...]] = [("fields", ">i2")]
    for name, kind in fields.items():
        layout += [(f"length_{name}", ">i4"), (name, *(kind if isinstance(kind, tuple) else (kind,)))]
    return np.dtype(layout)


def read_rows(chunks: Iterable[bytes | bytearray | memoryview], rows: np.dtype[np.void]) -> NDArray[np.void]:
    """What `COPY ... TO STDOUT (FORMAT BINARY)` sends, as an array of `rows`."""
    data = b"".join(chunks)
    return np.frombuffer(data[len(HEADER) : -len(TRAILER)], dtype=rows)
