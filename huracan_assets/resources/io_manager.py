"""Dagster's door to the lake: what an asset returns is written there, what it asks for is read from there.

The type decides: a polars frame is Parquet, bytes are safetensors, a pydantic model is JSON. Assets that write many
partitions in one run (candles, features) write to the lake themselves and return no value.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl
from pydantic import BaseModel

from huracan_assets.observability.readable import readable
from huracan_assets.partitions import symbol_day
from huracan_assets.resources.lake import Lake, content_hash

Artifact = pl.DataFrame | BaseModel | bytes


def artifact(value: Artifact, metadata: Mapping[str, Any] | None = None) -> dg.MaterializeResult[Any]:
    """An asset's result with its content hash as Dagster's data version and, readable, in its metadata."""
    digest = content_hash(value)
    rows = {"dagster/row_count": value.height} if isinstance(value, pl.DataFrame) else {}
    return dg.MaterializeResult(
        value=value,
        metadata=readable({"content_sha256": digest, **rows, **(metadata or {})}),
        data_version=dg.DataVersion(digest),
    )


class LakeIOManager(dg.ConfigurableIOManager):
    """One file a symbol-day, written atomically."""

    def handle_output(self, context: dg.OutputContext, obj: Artifact) -> None:
        """Write an asset's value under its partition."""
        asset = context.asset_key.path[-1]
        day, symbol = symbol_day(context.asset_partition_key)
        lake = Lake.open()
        if isinstance(obj, pl.DataFrame):
            lake.write_frame(asset, symbol, day, obj)
        elif isinstance(obj, bytes):
            lake.write_weights(asset, symbol, day, obj)
        else:
            lake.write_document(asset, symbol, day, obj)

    def load_input(self, context: dg.InputContext) -> Artifact:
        """Read an upstream asset's value, as the type that the reader declares."""
        asset = context.asset_key.path[-1]
        day, symbol = symbol_day(context.asset_partition_key)
        wanted = context.dagster_type.typing_type
        return read_artifact(Lake.open(), asset, symbol, day, wanted)


def read_artifact(lake: Lake, asset: str, symbol: str, day: Any, wanted: type[Artifact]) -> Artifact:
    """The artifact of a symbol-day as `wanted`: a frame, bytes, or a model of `pydantic`."""
    if wanted is pl.DataFrame:
        return lake.read_frame(asset, symbol, day)
    if wanted is bytes:
        return lake.read_weights(asset, symbol, day)
    assert issubclass(wanted, BaseModel)
    return lake.read_model(asset, symbol, day, wanted)
