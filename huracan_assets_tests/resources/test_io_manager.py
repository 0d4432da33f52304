"""What an asset returns is what the next one reads, and its data version is its content."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from upath import UPath

from huracan_assets.errors import ContractError
from huracan_assets.observability.readable import HASH_DIGITS
from huracan_assets.partitions import partition_key, symbol_days
from huracan_assets.resources.io_manager import LakeIOManager, artifact, read_artifact
from huracan_assets.resources.lake import Lake, content_hash

DAY, SYMBOL = date(2026, 1, 1), "ETH-USDT"
KEY = partition_key(DAY, SYMBOL)
RESOURCES = {"io_manager": LakeIOManager()}


class Note(BaseModel):
    """A document with everything that documents hold."""

    day: date
    at: datetime
    value: float
    nothing: float | None
    pairs: tuple[tuple[str, float], ...]


FRAME = pl.DataFrame(
    {
        "at": [datetime(2026, 1, 1, 0, 1, tzinfo=UTC), None],
        "side": pl.Series([1, -1], dtype=pl.Int8),
        "x": pl.Series([None, 0.1], dtype=pl.Float32),
        "y": [float("nan"), None],
        "name": [None, "range"],
        "yes": [True, None],
        "n": pl.Series([None, None], dtype=pl.Int64),
    },
    schema_overrides={"at": pl.Datetime("us", "UTC")},
)
NOTE = Note(
    day=DAY,
    at=datetime(2026, 1, 1, 12, 0, 0, 1, tzinfo=UTC),
    value=0.1 + 0.2,
    nothing=None,
    pairs=(("a", 1e-300),),
)
BYTES = bytes(range(256))


@pytest.fixture(autouse=True)
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    monkeypatch.setenv("HURACAN_LAKE", str(tmp_path / "lake"))
    yield Lake.open()


def makers(value: Any, kind: Any) -> tuple[dg.AssetsDefinition, dg.AssetsDefinition, list[Any]]:
    """An asset that makes `value` and one that reads it as `kind`, with what it read."""
    read: list[Any] = []

    def made() -> dg.MaterializeResult[Any]:
        return artifact(value, {"extra": 1})

    def reader(upstream: Any) -> None:
        read.append(upstream)

    reader.__annotations__["upstream"] = kind
    made.__annotations__["return"] = dg.MaterializeResult[kind]
    upstream = dg.asset(made, partitions_def=symbol_days, name="upstream")
    return upstream, dg.asset(reader, partitions_def=symbol_days, name="reader"), read


@pytest.mark.parametrize(("value", "kind"), [(FRAME, pl.DataFrame), (NOTE, Note), (BYTES, bytes)])
def test_an_artifact_is_read_as_it_was_returned_and_named_by_its_content(value: Any, kind: Any, lake: Lake) -> None:
    upstream, reader, read = makers(value, kind)
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize([upstream, reader], partition_key=KEY, resources=RESOURCES, instance=instance).success
        event = instance.get_latest_materialization_event(dg.AssetKey("upstream"))
    assert event is not None
    record = event.asset_materialization
    assert record is not None
    digest = content_hash(value)
    assert record.metadata["content_sha256"].value == digest[:HASH_DIGITS]
    assert (record.tags or {})["dagster/data_version"] == digest
    assert record.metadata["extra"].value == 1
    if isinstance(value, pl.DataFrame):
        assert record.metadata["dagster/row_count"].value == value.height
        assert read[0].schema == value.schema
        assert read[0].equals(value, null_equal=True)
        assert lake.frame_hash("upstream", SYMBOL, DAY) == digest
    else:
        assert read == [value]


@pytest.mark.parametrize("kind", [pl.DataFrame, Note, bytes])
def test_what_was_never_made_is_named_with_its_partition(kind: Any) -> None:
    _, reader, _ = makers(BYTES, kind)
    given_ = dg.AssetSpec("upstream", partitions_def=symbol_days)
    with dg.DagsterInstance.ephemeral() as instance:
        found = dg.materialize(
            [given_, reader], partition_key=KEY, resources=RESOURCES, instance=instance, raise_on_error=False
        )
    (failure,) = [event for event in found.all_events if event.event_type == dg.DagsterEventType.STEP_FAILURE]
    assert failure.step_failure_data.error is not None
    told = failure.step_failure_data.error.to_string()
    assert f"materialise upstream of {KEY} first" in told


def test_a_rerun_replaces_and_the_same_value_has_the_same_version() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        versions = []
        for value in (FRAME, FRAME.reverse(), FRAME):
            upstream, reader, read = makers(value, pl.DataFrame)
            dg.materialize([upstream, reader], partition_key=KEY, resources=RESOURCES, instance=instance)
            assert read[0].equals(value, null_equal=True)
            event = instance.get_latest_materialization_event(dg.AssetKey("upstream"))
            assert event is not None
            assert event.asset_materialization is not None
            versions.append((event.asset_materialization.tags or {})["dagster/data_version"])
    assert versions[0] == versions[2] != versions[1]


def test_a_document_is_checked_against_the_model_that_reads_it(lake: Lake) -> None:
    lake.write_document("note", SYMBOL, DAY, {"day": "2026-01-01"})
    with pytest.raises(ContractError, match="4 faults, the first at: Field required"):
        read_artifact(lake, "note", SYMBOL, DAY, Note)


COLUMNS = st.fixed_dictionaries(
    {
        "f": st.lists(st.one_of(st.none(), st.floats(allow_nan=False)), min_size=1, max_size=30),
        "i": st.lists(st.one_of(st.none(), st.integers(-(2**40), 2**40)), min_size=30, max_size=30),
        "s": st.lists(st.one_of(st.none(), st.text(max_size=4)), min_size=30, max_size=30),
    }
)
TYPES = {"f": pl.Float64, "i": pl.Int64, "s": pl.String}


def framed(columns: dict[str, list[Any]]) -> pl.DataFrame:
    n = len(columns["f"])
    return pl.DataFrame({name: values[:n] for name, values in columns.items()}, schema=TYPES)


@settings(max_examples=25)
@given(columns=COLUMNS, cuts=st.lists(st.integers(0, 30), max_size=4))
def test_a_content_hash_does_not_see_chunks(columns: dict[str, list[Any]], cuts: list[int]) -> None:
    frame = framed(columns)
    edges = sorted({0, frame.height, *(min(cut, frame.height) for cut in cuts)})
    pieces = [frame[a:b] for a, b in itertools.pairwise(edges)]
    whole = pl.concat(pieces, rechunk=False)
    assert content_hash(whole) == content_hash(frame) == content_hash(whole.rechunk())


@settings(max_examples=25)
@given(columns=COLUMNS, beneath=st.integers(-9, 9))
def test_a_content_hash_does_not_see_what_lies_under_a_null(columns: dict[str, list[Any]], beneath: int) -> None:
    frame = framed(columns)
    # A masked value stays in memory under its null.
    covered = frame.with_columns(
        pl.when(pl.col(name).is_null()).then(None).otherwise(pl.col(name).fill_null(beneath)).alias(name)
        for name in ("f", "i")
    )
    assert covered.equals(frame, null_equal=True)
    assert content_hash(covered) == content_hash(frame)


@settings(max_examples=25)
@given(columns=COLUMNS, data=st.data())
def test_a_content_hash_sees_every_value_name_type_and_place(
    columns: dict[str, list[Any]], data: st.DataObject
) -> None:
    frame = framed(columns)
    row = data.draw(st.integers(0, frame.height - 1))
    name = data.draw(st.sampled_from(["f", "i", "s"]))
    other: Any = {"f": 0.123456789, "i": 77, "s": "other"}[name]
    values = frame[name].to_list()
    values[row] = None if values[row] == other else other
    changed = frame.with_columns(pl.Series(name, values, dtype=TYPES[name]))
    digest = content_hash(frame)
    assert content_hash(changed) != digest
    assert content_hash(frame.rename({name: "z"})) != digest
    assert content_hash(frame.select(reversed(frame.columns))) != digest
    assert content_hash(frame.with_columns(pl.col("f").cast(pl.Float32))) != digest
    assert content_hash(pl.concat([frame, frame[-1:]])) != digest


def test_a_null_a_zero_and_a_nan_are_three_things(tmp_path: Path) -> None:
    found = {content_hash(pl.DataFrame({"x": [value]}, {"x": pl.Float64})) for value in (None, 0.0, float("nan"))}
    assert len(found) == 3
    lake = Lake(UPath(tmp_path))
    frame = pl.DataFrame({"x": [None, 0.0, float("nan")]}, {"x": pl.Float64})
    lake.write_frame("x", SYMBOL, DAY, frame)
    assert lake.read_frame("x", SYMBOL, DAY)["x"].is_null().to_list() == [True, False, False]
