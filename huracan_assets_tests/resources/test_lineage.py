"""What lies in the lake is believed only if it is what was recorded, made of the rest as it lies there."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from huracan_assets.errors import StorageError
from huracan_assets.partitions import partition_key
from huracan_assets.resources.io_manager import LakeIOManager, artifact
from huracan_assets.resources.lake import Lake, content_hash
from huracan_assets.resources.lineage import refuse_mixed
from huracan_assets.resources.materialize import room

DAY, SYMBOL = date(2026, 1, 2), "ETH-USDT"
KEY = partition_key(DAY, SYMBOL)


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("HURACAN_LAKE", str(tmp_path))
    with dg.DagsterInstance.ephemeral() as one:
        yield one


def graph(seed: int) -> list[dg.AssetsDefinition]:
    """A model with a frame of votes beside it, and a report that is made of the model."""

    @dg.asset(**room("learning"))
    def model(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        votes = Lake.open().write_frame("model", SYMBOL, DAY, pl.DataFrame({"vote": [seed]}))
        return artifact(f"model {seed}".encode(), {"votes_sha256": votes})

    @dg.asset(**room("validation"))
    def report(context: dg.AssetExecutionContext, model: bytes) -> dg.MaterializeResult[Any]:
        return artifact(pl.DataFrame({"judged": [len(model)]}))

    return [model, report]


def run(instance: dg.DagsterInstance, *names: str, seed: int = 7) -> None:
    io = {"io_manager": LakeIOManager()}
    assert dg.materialize(
        graph(seed), selection=list(names), instance=instance, partition_key=KEY, resources=io
    ).success


def held() -> dict[str, str]:
    lake = Lake.open()
    return {
        "model": content_hash(lake.read_weights("model", SYMBOL, DAY)),
        "report": lake.frame_hash("report", SYMBOL, DAY),
        "model/votes": lake.frame_hash("model", SYMBOL, DAY),
    }


def test_what_one_run_made_belongs_together_and_so_does_the_same_again(instance: dg.DagsterInstance) -> None:
    run(instance, "model", "report")
    first = held()
    refuse_mixed(instance, KEY, first)
    for again in ("model", "report"):
        run(instance, again)
        assert held() == first
        refuse_mixed(instance, KEY, first)


def test_a_report_on_an_earlier_model_is_refused_until_it_is_made_again(instance: dg.DagsterInstance) -> None:
    run(instance, "model", "report")
    run(instance, "model", seed=8)
    with pytest.raises(StorageError, match=r"report of .* was made of another model .* materialise report again"):
        refuse_mixed(instance, KEY, held())
    run(instance, "report", seed=8)
    refuse_mixed(instance, KEY, held())


@pytest.mark.parametrize("name", ["model", "report", "model/votes"])
def test_what_was_changed_since_is_refused_by_name(instance: dg.DagsterInstance, name: str) -> None:
    run(instance, "model", "report")
    with pytest.raises(StorageError, match=f"^{name} of .* is not what was recorded of it"):
        refuse_mixed(instance, KEY, held() | {name: "0" * 64})


def test_what_nobody_recorded_is_refused(instance: dg.DagsterInstance) -> None:
    run(instance, "model", "report")
    with dg.DagsterInstance.ephemeral() as blank, pytest.raises(StorageError, match="model of"):
        refuse_mixed(blank, KEY, held())
    with pytest.raises(StorageError, match="model/seeds"):
        refuse_mixed(instance, KEY, held() | {"model/seeds": "0" * 64})
