"""Dagster's data versions, partition by partition: what a partition holds, and what it was made of.

Dagster knows one version a step, and takes down what the step's inputs were before the step begins. So a run over a
range, and one that healed its own inputs, record their partitions once more after Dagster has.
https://docs.dagster.io/guides/build/assets/asset-versioning-and-caching
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

DATA_VERSION = "dagster/data_version"
CODE_VERSION = "dagster/code_version"
INPUT_VERSION = "dagster/input_data_version"
INPUT_EVENT = "dagster/input_event_pointer"
UNKNOWN_VERSION, NO_EVENT = "INITIAL", "NULL"  # what Dagster itself writes for an input that was never recorded


def provenance(context: dg.AssetExecutionContext | dg.OpExecutionContext, asset: dg.AssetsDefinition) -> dict[str, str]:
    """Tags that say what a partition of `asset` made now is made of: its code, and the newest of each of its inputs.

    Without them Dagster cannot tell a stale partition that a healing run has made. An input that another run replaces
    between reading and this is missed here; the features' files tell it themselves (`features/inputs.py`).
    """
    tags = {CODE_VERSION: asset.code_versions_by_key.get(asset.key) or context.run.run_id}
    for parent in sorted(asset.asset_deps[asset.key], key=str):
        newest = context.instance.fetch_materializations(parent, limit=1).records
        made, name = newest[0].asset_materialization if newest else None, parent.to_user_string()
        tags[f"{INPUT_VERSION}/{name}"] = _version(made)
        tags[f"{INPUT_EVENT}/{name}"] = str(newest[0].storage_id) if newest else NO_EVENT
    return tags


def inputs_moved(instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str, made_of: Mapping[str, str]) -> bool:
    """Whether a partition's newest materialization tells of older inputs than `made_of`."""
    wanted = dg.AssetRecordsFilter(asset, asset_partitions=[partition])
    newest = instance.fetch_materializations(wanted, limit=1).records
    made = newest[0].asset_materialization if newest else None
    told: Mapping[str, str] = {} if made is None else made.tags or {}
    return any(told.get(name) != event for name, event in made_of.items() if name.startswith(INPUT_EVENT))


def _version(made: dg.AssetMaterialization | None) -> str:
    return UNKNOWN_VERSION if made is None else (made.tags or {}).get(DATA_VERSION, UNKNOWN_VERSION)
