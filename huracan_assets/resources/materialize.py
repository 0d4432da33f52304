"""What every asset's glue shares: options of a room, single-run ranges, and the record of healed days."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, TypeVar

import dagster as dg
import polars as pl
from pydantic import BaseModel

from huracan_assets.errors import HuracanError
from huracan_assets.partitions import partition_key, symbol_day, symbol_days
from huracan_assets.resources.lake import Lake, content_hash

OWNERS = ["team:huracan"]

Document = TypeVar("Document", bound=BaseModel)


def room(name: str, *kinds: str, **options: Any) -> dict[str, Any]:
    """Options of an asset that stands in room `name`, partitioned symbol x day."""
    return {
        "group_name": name,
        "kinds": {"python", *kinds},
        "owners": OWNERS,
        "partitions_def": symbol_days,
        **options,
    }


def by_symbol(keys: Iterable[str]) -> dict[str, list[date]]:
    """Partition keys as days of each symbol, both sorted: Dagster hands them over in any order."""
    days: dict[str, list[date]] = {}
    for day, symbol in sorted((symbol_day(key) for key in keys), key=lambda pair: (pair[1], pair[0])):
        days.setdefault(symbol, []).append(day)
    return days


Make = Callable[[str, list[date]], Mapping[date, Mapping[str, Any]]]


def make_range(context: dg.AssetExecutionContext, make: Make) -> dg.MaterializeResult[Any]:
    """Make every partition of a run, symbol by symbol; one symbol's failure stops no other.

    Args:
        make: writes the days of one symbol to the lake and returns metadata for each, `content_sha256` among them.

    Raises:
        HuracanError: some symbols failed; the others are written and recorded, and the message names all that failed.
    """
    made: dict[str, Mapping[str, Any]] = {}
    failed: dict[str, HuracanError] = {}
    for symbol, days in by_symbol(context.partition_keys).items():
        try:
            made |= {partition_key(day, symbol): metadata for day, metadata in make(symbol, days).items()}
        except HuracanError as error:
            failed[symbol] = error
    if failed:
        for key, metadata in made.items():
            record(context, context.asset_key, key, metadata)
        only = next(iter(failed.values()))
        if len(failed) == 1 and not made:
            raise only
        lines = "\n".join(f"{symbol}: {error}" for symbol, error in failed.items())
        raise HuracanError(
            f"{len(failed)} of {len(failed) + len({key.split('|')[1] for key in made})} symbols failed:\n{lines}"
        )
    for key, metadata in made.items():
        context.add_asset_metadata(metadata, partition_key=key)
    digests = {key: metadata["content_sha256"] for key, metadata in made.items()}
    only_digest = next(iter(digests.values())) if len(digests) == 1 else content_hash(digests)
    return dg.MaterializeResult(data_version=dg.DataVersion(only_digest))


def record(context: dg.AssetExecutionContext, asset: dg.AssetKey, key: str, metadata: Mapping[str, Any]) -> None:
    """Record that this run has made a partition beside its own: a healed day, or a good one among failed ones."""
    day, symbol = symbol_day(key)
    context.log_event(
        dg.AssetMaterialization(
            asset_key=asset,
            partition=dg.MultiPartitionKey({"day": day.isoformat(), "symbol": symbol}),
            metadata=dict(metadata),
            tags={"dagster/data_version": str(metadata["content_sha256"])},
        )
    )


def record_forgotten(
    context: dg.AssetExecutionContext, asset: dg.AssetKey, symbol: str, days: Iterable[date]
) -> list[date]:
    """Record those of `days` that lie in the lake but not in Dagster's log: a run was killed between the two."""
    known = context.instance.get_materialized_partitions(asset)
    forgotten = [day for day in days if partition_key(day, symbol) not in known]
    for day in forgotten:
        digest = Lake.open().frame_hash(asset.path[-1], symbol, day)
        record(context, asset, partition_key(day, symbol), {"content_sha256": digest, "healed": True})
    return forgotten


def check_partitions(
    context: dg.AssetCheckExecutionContext, asset: str, validate: Callable[[str, date, pl.DataFrame], object]
) -> dg.AssetCheckResult:
    """Read every partition of the run back from the lake and hold it to its contract.

    Args:
        validate: raises a `HuracanError` that names what is wrong.
    """
    rows = 0
    for key in context.op_execution_context.partition_keys:
        day, symbol = symbol_day(key)
        try:
            frame = Lake.open().read_frame(asset, symbol, day)
            validate(symbol, day, frame)
        except HuracanError as error:
            return dg.AssetCheckResult(passed=False, description=str(error), metadata={"partition": key})
        rows += frame.height
    return dg.AssetCheckResult(passed=True, metadata={"rows": rows})


def checked_document(context: dg.AssetCheckExecutionContext, asset: str, model: type[Document]) -> Document:
    """The document that the run has just made, read back from the lake. (A check's inputs know no partition.)"""
    day, symbol = symbol_day(context.op_execution_context.partition_key)
    return model.model_validate(Lake.open().read_document(asset, symbol, day))
