"""What every asset's glue shares: options of a room, single-run ranges, and the record of healed days."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

import dagster as dg
import polars as pl
from pydantic import BaseModel

from huracan_assets.errors import HuracanError
from huracan_assets.observability.readable import readable
from huracan_assets.partitions import partition_key, symbol_day, symbol_days
from huracan_assets.resources.data_versions import DATA_VERSION, inputs_moved, provenance
from huracan_assets.resources.event_log import log_materializations
from huracan_assets.resources.lake import Lake, content_hash

OWNERS = ["team:huracan"]
ERRORS_TOLD = 5  # of one symbol

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
RangeResult = Iterator[dg.MaterializeResult[Any]]


@dataclass
class Made:
    """What a run has made so far: metadata of each partition, `content_sha256` among them, and errors by symbol."""

    partitions: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    failed: dict[str, list[HuracanError]] = field(default_factory=dict)

    def add(self, symbol: str, day: date, metadata: Mapping[str, Any]) -> None:
        """A partition has been written."""
        self.partitions[partition_key(day, symbol)] = metadata

    def fail(self, symbol: str, error: HuracanError) -> None:
        """Days of a symbol could not be made; what fails many days in the same words is kept once."""
        errors = self.failed.setdefault(symbol, [])
        if str(error) not in map(str, errors):
            errors.append(error)

    def error(self, symbol: str) -> HuracanError:
        """All that failed of a symbol, in one; the only error as it is."""
        errors = self.failed[symbol]
        return errors[0] if len(errors) == 1 else HuracanError(_several(errors))

    def days_of(self, symbol: str) -> dict[date, Mapping[str, Any]]:
        """The partitions of one symbol by day."""
        keys = {symbol_day(key): metadata for key, metadata in self.partitions.items()}
        return {day: metadata for (day, name), metadata in keys.items() if name == symbol}

    def joined(self, other: Made) -> Made:
        """Both together."""
        return Made(self.partitions | other.partitions, self.failed | other.failed)


def make_range(context: dg.AssetExecutionContext, make: Make) -> RangeResult:
    """Make every partition of a run, symbol by symbol; one symbol's failure stops no other.

    Args:
        make: writes the days of one symbol to the lake and returns metadata for each, `content_sha256` among them.

    Raises:
        HuracanError: as `conclude`.
    """
    made = Made()
    for symbol, days in by_symbol(context.partition_keys).items():
        try:
            for day, metadata in make(symbol, days).items():
                made.add(symbol, day, metadata)
        except HuracanError as error:
            made.fail(symbol, error)
    return conclude(context, made)


def conclude(context: dg.AssetExecutionContext, made: Made) -> RangeResult:
    """The result of a run over a range; then, once Dagster has recorded it, each partition's own data version.

    Dagster has one data version for all partitions of a step. And what it holds to be the step's inputs is what they
    were before the step: one that healed them is stale at birth, if it is not recorded again.

    Raises:
        HuracanError: something failed; what was made is recorded, and the message names all symbols that failed.
    """
    partitions = dict(sorted(made.partitions.items()))
    if made.failed:
        record(context, context.asset_key, partitions, provenance(context, context.assets_def))
        if len(made.failed) == 1 and not partitions:
            raise made.error(next(iter(made.failed)))
        symbols = made.failed.keys() | {symbol_day(key)[1] for key in partitions}
        lines = "\n".join(f"{symbol}: {made.error(symbol)}" for symbol in sorted(made.failed))
        raise HuracanError(f"{len(made.failed)} of {len(symbols)} symbols failed:\n{lines}")
    for key, metadata in partitions.items():
        context.add_asset_metadata(readable(metadata), partition_key=key)
    digests = {key: metadata["content_sha256"] for key, metadata in partitions.items()}
    only_digest = next(iter(digests.values())) if len(digests) == 1 else content_hash(digests)
    yield dg.MaterializeResult(data_version=dg.DataVersion(only_digest))
    made_of = provenance(context, context.assets_def)
    if len(partitions) > 1 or inputs_moved(context.instance, context.asset_key, next(iter(partitions)), made_of):
        record(context, context.asset_key, partitions, made_of)


def _several(errors: list[HuracanError]) -> str:
    more = f"\n  and {len(errors) - ERRORS_TOLD} more" if len(errors) > ERRORS_TOLD else ""
    return "\n  ".join(map(str, errors[:ERRORS_TOLD])) + more


def record(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    asset: dg.AssetKey,
    made: Mapping[str, Mapping[str, Any]],
    made_of: Mapping[str, str] | None = None,
) -> None:
    """Record that this run has made partitions: healed days, good ones among failed ones, those of a range.

    Args:
        made: metadata of each partition key, `content_sha256` among it, which becomes the data version.
        made_of: tags of `data_versions.provenance`; without them Dagster never calls the partitions stale.
    """
    events = []
    for key, metadata in made.items():
        day, symbol = symbol_day(key)
        events.append(
            dg.AssetMaterialization(
                asset_key=asset,
                partition=dg.MultiPartitionKey({"day": day.isoformat(), "symbol": symbol}),
                metadata=readable(metadata),
                tags={**(made_of or {}), DATA_VERSION: str(metadata["content_sha256"])},
            )
        )
    log_materializations(context, events)


def record_healed(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    asset: dg.AssetKey,
    symbol: str,
    made: Mapping[date, Mapping[str, Any]],
    made_of: Mapping[str, str] | None = None,
) -> None:
    """Record days of a symbol that another asset's step has made; arguments as `record`."""
    healed = {partition_key(day, symbol): {**metadata, "healed": True} for day, metadata in made.items()}
    record(context, asset, healed, made_of)


def record_forgotten(
    context: dg.AssetExecutionContext,
    asset: dg.AssetKey,
    symbol: str,
    days: Iterable[date],
    made_of: Mapping[str, str] | None = None,
) -> list[date]:
    """Record those of `days` that lie in the lake but not in Dagster's log: a run was killed between the two."""
    known = context.instance.get_materialized_partitions(asset)
    forgotten = [day for day in days if partition_key(day, symbol) not in known]
    lake = Lake.open()
    digests = {day: {"content_sha256": lake.frame_hash(asset.path[-1], symbol, day)} for day in forgotten}
    record_healed(context, asset, symbol, digests, made_of)
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
    return Lake.open().read_model(asset, symbol, day, model)
