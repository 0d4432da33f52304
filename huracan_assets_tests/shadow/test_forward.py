"""The champion's record: each day as it could have been decided then, whatever the nights after it remember."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path

import dagster as dg
import numpy as np
import orjson
import polars as pl
import pytest

from huracan_assets.days import DAY, days_between, days_until, midnight
from huracan_assets.features.feature_sets import engine_set
from huracan_assets.features.feature_version import FeatureDay, FeatureVersion
from huracan_assets.features.recipe import WARM_UP_DAYS
from huracan_assets.memory.set_up_map import SetUpMap
from huracan_assets.partitions import partition_key
from huracan_assets.resources.io_manager import LakeIOManager
from huracan_assets.resources.lake import Lake, canonical_json
from huracan_assets.resources.postgres import connection
from huracan_assets.resources.tracking import Tracking, folder_hash
from huracan_assets.settings import settings
from huracan_assets.shadow.forward import ForwardLedger
from huracan_assets_tests.decision.brains import brain
from huracan_assets_tests.features.random_market import candles
from huracan_assets_tests.memory.ledgers import ledger, teach

SYMBOL, CROWNED, LOOK_BACK = "APT-USDT", date(2024, 5, 1), 30
UNSEEN = [CROWNED + DAY * days for days in (1, 2, 3)]
NIGHT = UNSEEN[-1]


@contextmanager
def crowned(folder: Path, files: dict[str, bytes]) -> Iterator[None]:
    """The champion is the Brain of these files."""
    for name, data in (files | {"walk_forward_report.json": canonical_json({"sharpe": 1.0})}).items():
        (folder / name).write_bytes(data)
    tracking = Tracking.open()
    version = tracking.register(SYMBOL, CROWNED, folder_hash(folder), folder, {"verdict": "approved"}, {})
    tracking.crown(SYMBOL, CROWNED, version.version)
    yield
    tracking.crown(SYMBOL, CROWNED, None)


@pytest.fixture
def champion(engine_home: Path, tmp_path: Path) -> Iterator[None]:
    """A crowned Brain that trades on almost anything."""
    with crowned(tmp_path, brain().files()):
        yield


def version() -> FeatureVersion:
    made = engine_set()
    days = tuple(
        FeatureDay(day=day, candles_sha256="c", funding_sha256="", books_sha256=None, features_sha256="f")
        for day in days_until(NIGHT, LOOK_BACK)
    )
    return FeatureVersion(symbol=SYMBOL, day=NIGHT, recipe_sha256=made.recipe_sha256, names=made.names, days=days)


@cache
def bars() -> pl.DataFrame:
    """Bars of the window, of features that vary."""
    begin, end = midnight(NIGHT - DAY * (LOOK_BACK - 1)), midnight(NIGHT + DAY)
    as_of = pl.datetime_range(begin, end, "15m", closed="right", time_unit="us", eager=True).alias("as_of")
    names = engine_set().names
    values = np.abs(np.random.default_rng(5).normal(0.0, 0.3, (len(as_of), len(names)))).astype(np.float32)
    return pl.DataFrame(values, schema=list(names)).insert_column(0, as_of)


def prepare() -> None:
    lake, first = Lake.open(), UNSEEN[0] - DAY * WARM_UP_DAYS
    days = days_between(first, NIGHT)
    for name, seed in ((SYMBOL, 41), (settings().market.benchmark, 42)):
        market = candles(seed, first, len(days))
        for day in days:
            own = market.filter(pl.col("ts").is_between(midnight(day), midnight(day + DAY), "left"))
            lake.write_frame("candles", name, day, own)
    lake.write_document("feature_version", SYMBOL, NIGHT, version())
    lake.write_frame("decision_bars", SYMBOL, NIGHT, bars())


def remember(night: date, number: int) -> None:
    """A ledger of trades at times that no other night has; in turn only longs or only shorts paid."""
    known = bars()["as_of"]
    as_of = known.filter(known < midnight(night))[number::8].tail(200)
    sides = np.where(np.arange(len(as_of)) % 2 == 0, 1, -1)
    frame = ledger(SYMBOL, len(as_of), seed=number).with_columns(
        as_of=as_of,
        entry_at=as_of.dt.offset_by("1m"),
        exit_at=as_of.dt.offset_by("15m"),
        side=pl.Series(sides, dtype=pl.Int8),
        net_bps=pl.Series((200.0 if number % 2 else -200.0) * sides),
        regime=pl.lit("RANGE"),
    )
    mapped = SetUpMap.of(version(), settings())
    with connection() as conn:
        teach(conn, SYMBOL, night, frame, mapped.points_at(bars(), as_of), mapped.name)


def forward() -> ForwardLedger:
    from huracan_assets.definitions import ROOMS

    known = [each for each in dg.load_assets_from_modules(ROOMS) if isinstance(each, dg.AssetsDefinition)]
    with dg.DagsterInstance.ephemeral() as instance:
        ended = dg.materialize(
            known,
            selection=["forward_ledger"],
            instance=instance,
            partition_key=partition_key(NIGHT, SYMBOL),
            resources={"io_manager": LakeIOManager()},
        )
    assert ended.success
    return ForwardLedger.model_validate(Lake.open().read_document("forward_ledger", SYMBOL, NIGHT))


def test_a_later_night_changes_no_earlier_day(champion: None) -> None:
    """Three days, asked again as one night after the other is remembered: the days after it change, no other."""
    prepare()
    remember(CROWNED, 0)
    record = forward()
    assert [day for day, _ in record.daily] == UNSEEN
    assert record.trades > 15
    for number, night in enumerate(UNSEEN[:-1], start=1):
        remember(night, number)
        again = forward()
        assert again.daily[:number] == record.daily[:number]
        assert again.daily[number:] != record.daily[number:]
        record = again


def test_a_champion_that_is_written_in_an_older_form_ends_its_record_and_no_night(
    engine_home: Path, tmp_path: Path
) -> None:
    older = orjson.loads(brain().files()["features.json"])
    del older["files"]
    prepare()
    with crowned(tmp_path, brain().files() | {"features.json": canonical_json(older)}):
        found = forward()
    assert found.champion is None
    assert found.daily == ()
    assert f"of {CROWNED} may not trade, and its record ends" in found.note
