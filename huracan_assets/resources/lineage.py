"""Do artifacts belong together? What lies in the lake is held against what Dagster's record says of it."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from huracan_assets.errors import StorageError
from huracan_assets.resources.data_versions import DATA_VERSION, INPUT_VERSION
from huracan_assets.resources.lake import content_hash


def refuse_mixed(instance: dg.DagsterInstance, partition: str, held: Mapping[str, str]) -> None:
    """Refuse artifacts of a symbol-day unless each is what its asset recorded last, made of the others as they are.

    Args:
        held: content hashes by asset, upstream first; by `asset/part` for what lies beside an asset's own, whose hash
            stands in the asset's metadata as `<part>_sha256`.

    Raises:
        StorageError: names the first that is not, and what to make again.
    """
    recorded = {asset: _newest(instance, asset, partition) for asset in dict.fromkeys(map(_asset, held))}
    for name, digest in held.items():
        if not digest.startswith(_told(recorded[_asset(name)], name) or "-"):
            raise StorageError(
                f"{name} of {partition} is not what was recorded of it: "
                f"materialise {_asset(name)} again, and what follows"
            )
    for asset, made in recorded.items():
        tags = made.tags or {} if made is not None else {}
        for parent, digest in held.items():
            # Dagster writes the hash of an input's version where the input is partitioned, else the version itself.
            if tags.get(f"{INPUT_VERSION}/{parent}") not in (None, digest, content_hash(digest.encode())):
                raise StorageError(
                    f"{asset} of {partition} was made of another {parent} than lies in the lake: "
                    f"materialise {asset} again, and what follows"
                )


def _asset(name: str) -> str:
    return name.partition("/")[0]


def _newest(instance: dg.DagsterInstance, asset: str, partition: str) -> dg.AssetMaterialization | None:
    wanted = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[partition])
    found = instance.fetch_materializations(wanted, limit=1).records
    return found[0].asset_materialization if found else None


def _told(made: dg.AssetMaterialization | None, name: str) -> str | None:
    """The hash, or as much of it as metadata show; None where nothing is recorded."""
    if made is None:
        return None
    part = name.partition("/")[2]
    if not part:
        return (made.tags or {}).get(DATA_VERSION)
    shown = made.metadata.get(f"{part}_sha256")
    return None if shown is None else str(shown.value)
