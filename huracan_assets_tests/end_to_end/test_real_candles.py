"""A night on recorded candles: from the archive's files to the verdict, with all that it left behind."""

from __future__ import annotations

from datetime import date

import polars as pl

from huracan_assets.days import DAY, days_until
from huracan_assets.features.feature_store import RECIPES, SETS
from huracan_assets.features.recipe import WARM_UP_DAYS
from huracan_assets.gates.verdict import GATES, GateVerdict
from huracan_assets.partitions import partition_key
from huracan_assets_tests.end_to_end.conftest import Night
from huracan_assets_tests.end_to_end.engine import aliases, materializations
from huracan_assets_tests.end_to_end.profile import BENCHMARK, SMALL

LOOK_BACK = int(SMALL["HURACAN_LOOK_BACK_DAYS"])


def test_the_verdict_judges_all_seven_gates_and_gives_its_reasons(real_night: Night) -> None:
    verdict = GateVerdict.model_validate(real_night.engine.document("gate_verdict", real_night.symbol, real_night.day))
    assert sorted({line.gate for line in verdict.lines}) == sorted(GATES)
    assert all(line.sentence for line in verdict.lines)
    assert verdict.approved == (not verdict.failures)
    # Two weeks of ten-round boosters hold no edge that survives deflation: only a broken gate would approve them.
    assert not verdict.approved
    handoff = real_night.engine.document("handoff_bundle", real_night.symbol, real_night.day)
    assert not handoff["handed_over"]
    assert all(f"{line.gate} {line.figure_name}" in handoff["reason"] for line in verdict.failures)
    assert not (real_night.engine.home / "bundles").exists()


def test_a_rejected_model_is_registered_as_challenger_and_never_as_champion(real_night: Night) -> None:
    with real_night.engine.opened():
        assert set(aliases(real_night.symbol)) == {"challenger"}


def test_healed_days_are_materializations_of_their_own_partitions(real_night: Night) -> None:
    window = days_until(real_night.day, LOOK_BACK)
    warm_up = days_until(window[0] - DAY, WARM_UP_DAYS)
    with real_night.engine.opened() as instance:
        found = materializations(instance)
    for asset, symbol, days in (
        ("candles", real_night.symbol, [*warm_up, *window]),
        ("candles", BENCHMARK, [*warm_up, *window]),
        ("features", real_night.symbol, window),
        ("funding_rates", real_night.symbol, [*warm_up, *window]),
    ):
        keys = {key for name, key in found if name == asset and key.endswith(symbol)}
        assert keys == {partition_key(day, symbol) for day in days}, asset
        for day in days:
            event = found[asset, partition_key(day, symbol)]
            made_by_its_own_step = symbol == real_night.symbol and day == real_night.day
            assert ("healed" in event.metadata) == (not made_by_its_own_step), (asset, day)
            place = f"{asset}/{symbol}/{day}.parquet"
            assert event.tags is not None
            assert event.tags["dagster/data_version"] == real_night.lake[place]


def test_nothing_is_filled_that_the_archive_does_not_have(real_night: Night) -> None:
    archive = pl.read_parquet(real_night.engine.variables["HURACAN_MARKET__ARCHIVE"] + f"/{real_night.symbol}.parquet")
    days = days_until(real_night.day, LOOK_BACK)
    truth = archive.filter(pl.col("ts").dt.date().is_between(days[0], days[-1]))
    lake = pl.concat(real_night.engine.frame("candles", real_night.symbol, day) for day in days)
    assert lake["close"].to_list() == truth["close"].to_list()
    assert lake["ts"].dt.epoch("us").to_list() == truth["ts"].cast(pl.Datetime("us")).dt.epoch("us").to_list()


def test_postgres_remembers_the_lakes_ledger(real_night: Night, night: Night) -> None:
    from huracan_assets.memory.trade_memory import remembered_ledger
    from huracan_assets.resources import postgres

    for which in (real_night, night):
        lake = which.engine.frame("shadow_ledger", which.symbol, which.day)
        with which.engine.opened(), postgres.connection() as connection:
            remembered = remembered_ledger(connection, which.symbol, which.day)
        shared_columns = [name for name in remembered.columns if name in lake.columns]
        assert len(shared_columns) > 12
        assert remembered.select(shared_columns).equals(lake.select(shared_columns))
        assert remembered["known_at"].to_list() == lake["exit_at"].to_list()
    assert night.engine.frame("shadow_ledger", night.symbol, night.day).height > 20


def test_the_night_knew_only_its_own_day_and_what_came_before(real_night: Night) -> None:
    of_days = (path for path in real_night.lake if not path.startswith((RECIPES, SETS)))
    days = {path.split("/")[2][:10] for path in of_days}
    assert max(days) == str(real_night.day) == str(date(2023, 6, 10))
