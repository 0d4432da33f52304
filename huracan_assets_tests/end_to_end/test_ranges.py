"""However a day is made, its bits are the same: healed by a night, in a range of one run, or alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from huracan_assets.days import DAY, days_until
from huracan_assets.partitions import partition_key
from huracan_assets.resources.data_versions import DATA_VERSION
from huracan_assets_tests.end_to_end.conftest import NewEngine, Night
from huracan_assets_tests.end_to_end.engine import (
    Ended,
    Engine,
    lake_hashes,
    materializations,
    materialize_words,
)
from huracan_assets_tests.end_to_end.profile import BENCHMARK, SMALL, SYMBOL
from huracan_assets_tests.real_candles import archive_variables

DAYS = 5
HALT, HALT_MINUTES = date(2023, 3, 24), 80  # every symbol, 12:40 to 14:00 UTC
MADE = "candles,hourly_candles,minute_status,funding_rates,perpetual_candles,features"


def run_into(engine: Engine, lake: Path, keys: list[str]) -> list[Ended]:
    """Materialize the per-day assets of `keys` into a lake of their own."""
    words = [materialize_words(MADE, key) for key in keys]
    return [ended.succeeded() for ended in engine.commands(words, {"HURACAN_LAKE": str(lake)})]


def test_a_nights_healing_a_range_and_single_days_write_the_same_bytes(night: Night, new_engine: NewEngine) -> None:
    engine = new_engine(night.engine.variables)
    days = days_until(night.day, DAYS)
    keys = [partition_key(day, night.symbol) for day in days]
    whole, single = engine.home.with_name("range"), engine.home.with_name("single")
    (ranged,) = run_into(engine, whole, [f"{keys[0]}...{keys[-1]}"])
    assert ranged.output.count("features - STEP_START") == 1  # one run, one step, five days
    with engine.opened() as instance:
        recorded = materializations(instance)
    # The newest day first: if anything remembered what it had loaded, the order would show.
    run_into(engine, single, list(reversed(keys)))

    made = {f"{asset}/{night.symbol}/{day}.parquet" for asset in MADE.split(",") for day in days}
    for lake in (whole, single):
        assert {place: digest for place, digest in lake_hashes(lake).items() if place in made} == {
            place: night.lake[place] for place in made
        }
        for place in made:
            assert (lake / place).read_bytes() == (night.engine.lake / place).read_bytes(), place
    for asset in MADE.split(","):
        for day, key in zip(days, keys, strict=True):
            digest = (recorded[asset, key].tags or {})[DATA_VERSION]
            assert digest == night.lake[f"{asset}/{night.symbol}/{day}.parquet"]
    healed = {place: digest for place, digest in lake_hashes(whole).items() if BENCHMARK in place}
    assert healed
    assert healed == {place: night.lake[place] for place in healed}


def test_over_a_halt_of_the_exchange_a_range_and_single_days_write_the_same_bytes(
    recorded_market: Path, new_engine: NewEngine
) -> None:
    engine = new_engine(SMALL | archive_variables(recorded_market))
    keys = [partition_key(HALT + DAY * ahead, SYMBOL) for ahead in (-1, 0, 1)]
    whole, single = engine.home.with_name("range"), engine.home.with_name("single")
    run_into(engine, whole, [f"{keys[0]}...{keys[-1]}"])
    run_into(engine, single, list(reversed(keys)))
    made = [f"{asset}/{SYMBOL}/{HALT + DAY * ahead}.parquet" for asset in MADE.split(",") for ahead in (-1, 0, 1)]
    for place in made:
        assert (whole / place).read_bytes() == (single / place).read_bytes(), place
    status = pl.read_parquet(whole / f"minute_status/{SYMBOL}/{HALT}.parquet")
    assert status.filter(pl.col("status") == "outage")["minutes"].sum() == HALT_MINUTES
