"""The same symbol-day again: the same bits in every asset, whatever the clock's zone, the locale and the hash seed."""

from __future__ import annotations

from huracan_assets.partitions import partition_key, symbol_day
from huracan_assets.registry.bundle import MANIFEST, SIGNATURE
from huracan_assets.shadow.assets import DECISIONS, TRADE_REASONS
from huracan_assets_tests.end_to_end.conftest import Night


def assets_of(night: Night) -> set[str]:
    from huracan_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    return {key.to_user_string() for key in graph.materializable_asset_keys}


def test_a_night_leaves_every_asset_in_the_lake_and_on_record(night: Night) -> None:
    beside_the_ledger = {DECISIONS, TRADE_REASONS}
    assert assets_of(night) | beside_the_ledger == {place.split("/")[0] for place in night.lake}
    key = partition_key(night.day, night.symbol)
    assert assets_of(night) == {asset for asset, partition in night.recorded if partition == key}


def test_dagster_tells_the_hash_of_what_lies_in_the_lake(night: Night) -> None:
    for (asset, key), digest in night.recorded.items():
        day, symbol = symbol_day(key)
        held = {night.lake.get(f"{asset}/{symbol}/{day}.{kind}") for kind in ("parquet", "json", "safetensors")}
        assert digest in held, (asset, key)


def test_a_second_home_makes_the_same_bits(night: Night, cli_night: Night) -> None:
    assert cli_night.lake == night.lake
    assert cli_night.recorded == night.recorded
    assert cli_night.aliases == night.aliases
    assert cli_night.trials == night.trials


def test_a_second_home_hands_over_the_same_brain_under_its_own_signature(night: Night, cli_night: Night) -> None:
    def files(which: Night) -> dict[str, bytes]:
        folder = which.engine.home / "bundles" / which.symbol / str(which.day)
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    ours, theirs = files(night), files(cli_night)
    assert ours.pop(SIGNATURE) != theirs.pop(SIGNATURE)
    assert ours == theirs
    assert MANIFEST in ours


def test_a_rerun_replaces_every_partition_by_the_same_bits(night: Night, next_night: Night) -> None:
    assert {place: next_night.lake[place] for place in night.lake} == night.lake
    assert {place: next_night.recorded[place] for place in night.recorded} == night.recorded
    reran = [line for line in next_night.ended.output.splitlines() if "ASSET_MATERIALIZATION" in line]
    assert reran, "the comparison is empty if nothing ran"


def test_a_rerun_is_no_further_trial(night: Night, next_night: Night) -> None:
    from huracan_assets.resources.tracking import Tracking

    with next_night.engine.opened():
        after = Tracking.open().trials(night.symbol, night.day).n_distinct
    assert night.trials == after == 3  # LightGBM, PPO, and the policy that trades with them
    assert next_night.trials == 6


def test_a_rerun_doubles_no_trade_in_the_memory(night: Night, next_night: Night) -> None:
    from huracan_assets.memory.trade_memory import remembered_ledger
    from huracan_assets.resources import postgres

    with next_night.engine.opened(), postgres.connection() as connection:
        remembered = remembered_ledger(connection, night.symbol, night.day)
    assert remembered.height == night.engine.frame("shadow_ledger", night.symbol, night.day).height


def test_a_clean_night_teaches_the_next_one(night: Night, next_night: Night) -> None:
    """Also after a rerun, which had to be cleared again."""
    from huracan_assets.resources import postgres

    recalled = next_night.engine.frame("pattern_library", next_night.symbol, next_night.day)
    assert (recalled["neighbours"] > 0).any()
    with next_night.engine.opened(), postgres.connection() as connection:
        cleared = connection.execute("SELECT night FROM memory_nights WHERE cleared ORDER BY night").fetchall()
    assert cleared == [(night.day,), (next_night.day,)]


def test_a_rerun_analyses_every_trade_once(night: Night, next_night: Night) -> None:
    from huracan_assets.resources import postgres

    ledger = next_night.engine.frame("shadow_ledger", night.symbol, night.day)
    decisions = next_night.engine.frame("shadow_decisions", night.symbol, night.day)
    where = "WHERE symbol = %s AND night = %s"
    with next_night.engine.opened(), postgres.connection() as connection:
        counted = {
            table: connection.execute(f"SELECT count(*) FROM {table} {where}", (night.symbol, night.day)).fetchone()
            for table in ("win_analysis", "loss_analysis", "post_exit_tracking")
        }
        refused = connection.execute(f"SELECT gate, bars FROM missed_trades {where}", (night.symbol, night.day))
        gates = dict(refused.fetchall())
    wins, losses, exits = (row[0] for row in counted.values() if row is not None)
    assert wins + losses == exits == ledger.height
    names = decisions.filter(decisions["refused_by"] != "")["refused_by"].to_list()
    assert gates == {name: names.count(name) for name in set(names)}
    assert gates == next_night.engine.document("shadow_ledger", night.symbol, night.day)["refusals"]
