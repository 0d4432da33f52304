"""Each partition of a range has its own data version, and Dagster calls stale what is stale and nothing else."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from huracan_assets.partitions import partition_key, trailing
from huracan_assets.resources.data_versions import DATA_VERSION, provenance
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.materialize import RangeResult, make_range, record, room

FIRST = date(2026, 1, 2)
DAYS = [FIRST + timedelta(days=number) for number in range(4)]
SYMBOLS = ("BTC-USDT", "ETH-USDT")
KEYS = [partition_key(day, symbol) for symbol in SYMBOLS for day in DAYS]
SINGLE = dg.BackfillPolicy.single_run()


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("HURACAN_LAKE", str(tmp_path))
    with dg.DagsterInstance.ephemeral() as one:
        yield one


def write(asset: str, symbol: str, day: date, content: str) -> dict[str, Any]:
    return {"content_sha256": Lake.open().write_frame(asset, symbol, day, pl.DataFrame({"x": [content, str(day)]}))}


def graph(content: dict[str, str], code: str = "1", heals: bool = False) -> list[dg.AssetsDefinition]:
    """`source`, whose partitions say what `content` says of them, and `reader` of a day and the day before."""

    @dg.asset(**room("market"), backfill_policy=SINGLE)
    def source(context: dg.AssetExecutionContext) -> RangeResult:
        def make(symbol: str, days: list[date]) -> dict[date, Any]:
            return {day: write("source", symbol, day, content.get(partition_key(day, symbol), "plain")) for day in days}

        yield from make_range(context, make)

    before = dg.AssetDep(source, partition_mapping=trailing(1))

    @dg.asset(**room("features"), deps=[before], backfill_policy=SINGLE, code_version=code)
    def reader(context: dg.AssetExecutionContext) -> RangeResult:
        def make(symbol: str, days: list[date]) -> dict[date, Any]:
            if heals:
                eve = days[0] - timedelta(days=1)
                record(context, source.key, {partition_key(eve, symbol): write("source", symbol, eve, "healed")})
            return {day: write("reader", symbol, day, f"read {code}") for day in days}

        yield from make_range(context, make)

    return [source, reader]


def run(
    instance: dg.DagsterInstance, assets: list[dg.AssetsDefinition], name: str, first: str, last: str | None = None
) -> None:
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last or first}
    assert dg.materialize(assets, selection=[name], instance=instance, tags=tags).success


def stale(instance: dg.DagsterInstance, assets: list[dg.AssetsDefinition], name: str) -> list[str]:
    """The partitions that Dagster's pages show as stale."""
    known = dg.Definitions(assets=assets).resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, known, LoadingContextForTest(instance))
    status = {key: resolver.get_status(dg.AssetKey(name), key) for key in KEYS}
    assert StaleStatus.MISSING not in status.values()
    return [key for key, found in status.items() if found == StaleStatus.STALE]


def newest(instance: dg.DagsterInstance, name: str, key: str) -> dg.AssetMaterialization:
    wanted = dg.AssetRecordsFilter(dg.AssetKey(name), asset_partitions=[key])
    found = instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization
    assert found is not None
    return found


def test_every_partition_of_a_range_has_the_hash_of_its_own_content(instance: dg.DagsterInstance) -> None:
    run(instance, graph({}), "source", KEYS[0], KEYS[-1])
    found = [newest(instance, "source", key) for key in KEYS]
    held = [Lake.open().frame_hash("source", symbol, day) for symbol in SYMBOLS for day in DAYS]
    assert [(each.tags or {})[DATA_VERSION] for each in found] == held
    assert len(set(held)) == len(DAYS)


def test_a_range_made_again_makes_stale_what_read_a_day_that_changed_and_no_other(
    instance: dg.DagsterInstance,
) -> None:
    for name in ("source", "reader"):
        run(instance, graph({}), name, KEYS[0], KEYS[-1])
    assert stale(instance, graph({}), "reader") == []
    run(instance, graph({}), "source", KEYS[1], KEYS[2])
    assert stale(instance, graph({}), "reader") == []
    changed = graph({KEYS[1]: "revised"})
    run(instance, changed, "source", KEYS[0], KEYS[-1])
    assert stale(instance, changed, "reader") == KEYS[1:3]
    run(instance, changed, "reader", KEYS[1], KEYS[2])
    assert stale(instance, changed, "reader") == []


def test_another_code_version_makes_every_partition_stale_until_it_is_made_again(instance: dg.DagsterInstance) -> None:
    for name in ("source", "reader"):
        run(instance, graph({}), name, KEYS[0], KEYS[-1])
    newer = graph({}, code="2")
    assert stale(instance, newer, "reader") == KEYS
    run(instance, newer, "reader", KEYS[0])
    assert stale(instance, newer, "reader") == KEYS[1:]


def test_a_run_that_heals_its_own_inputs_is_not_stale_at_birth(instance: dg.DagsterInstance) -> None:
    for name in ("source", "reader"):
        run(instance, graph({}), name, KEYS[0], KEYS[-1])
    healing = graph({}, heals=True)
    run(instance, healing, "reader", KEYS[2])
    # Its own input was replaced, and it has read the new one; the day in between has not.
    assert stale(instance, healing, "reader") == [KEYS[1]]


def test_a_healed_partition_is_known_by_its_code_and_inputs(instance: dg.DagsterInstance) -> None:
    assets = graph({})
    for name in ("source", "reader"):
        run(instance, assets, name, KEYS[0], KEYS[-1])

    def heal(made_of: bool) -> None:
        @dg.asset(**room("features"))
        def healer(context: dg.AssetExecutionContext) -> None:
            tags = provenance(context, assets[1]) if made_of else None
            record(context, assets[1].key, {KEYS[1]: write("reader", SYMBOLS[0], DAYS[1], "healed")}, tags)

        assert dg.materialize([healer], instance=instance, partition_key=KEYS[0]).success

    heal(made_of=True)
    assert stale(instance, assets, "reader") == []
    assert KEYS[1] in stale(instance, graph({}, code="2"), "reader")
    heal(made_of=False)
    assert KEYS[1] not in stale(instance, graph({}, code="2"), "reader"), "then `provenance` is of no use"


def test_a_single_partition_is_recorded_once(instance: dg.DagsterInstance) -> None:
    run(instance, graph({}), "source", KEYS[0])
    run(instance, graph({}), "source", KEYS[1])
    run(instance, graph({}), "reader", KEYS[1])
    for name in ("source", "reader"):
        wanted = dg.AssetRecordsFilter(dg.AssetKey(name), asset_partitions=[KEYS[1]])
        assert len(instance.fetch_materializations(wanted, limit=10).records) == 1
