"""The asset as a night runs it: what it writes, stores and says on its page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest

from huracan_assets.days import DAY, days_until, midnight
from huracan_assets.features.feature_version import FeatureDay, FeatureVersion
from huracan_assets.memory import elsewhere
from huracan_assets.memory.assets import cross_symbol_recall, pattern_library
from huracan_assets.memory.clearance import judge_night
from huracan_assets.memory.set_up_map import SetUpMap
from huracan_assets.partitions import partition_key
from huracan_assets.regimes.regimes import REGIMES
from huracan_assets.resources.io_manager import LakeIOManager
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.postgres import connection
from huracan_assets.settings import settings
from huracan_assets_tests.memory.ledgers import ledger, teach

pytestmark = pytest.mark.usefixtures("engine_home")

NIGHT, LOOK_BACK = date(2026, 2, 20), 30
NAMES = tuple(f"f{j}" for j in range(8))
QUARTER = np.timedelta64(15, "m")


@pytest.fixture
def only_these_coins(engine_home: Path) -> None:
    """No set-ups of other tests in the graph, whose equal points and deleted rows it would have to walk through."""
    with connection() as conn:
        conn.execute("TRUNCATE set_ups")
        conn.execute("UPDATE memory_nights SET compared = true")


def version(symbol: str, recipe: str = "recipe") -> FeatureVersion:
    days = tuple(
        FeatureDay(day=day, candles_sha256="", funding_sha256="", books_sha256=None, features_sha256="")
        for day in days_until(NIGHT, LOOK_BACK)
    )
    return FeatureVersion(symbol=symbol, day=NIGHT, recipe_sha256=recipe, names=NAMES, days=days)


def bars() -> pl.DataFrame:
    count = LOOK_BACK * 96
    at = np.datetime64(NIGHT + DAY, "us") - QUARTER * np.arange(count)[::-1]
    values = np.random.default_rng(2).standard_normal((count, len(NAMES))).astype(np.float32)
    frame = pl.DataFrame({"as_of": at, **{name: values[:, j] for j, name in enumerate(NAMES)}})
    return frame.with_columns(pl.col("as_of").dt.replace_time_zone("UTC"))


def remember(symbol: str, night: date, trades: int, recipe: str = "recipe") -> None:
    """A night's ledger, a trade every two hours up to the end of the night before."""
    known = bars().filter(pl.col("as_of") < midnight(night))["as_of"]
    as_of = known.gather_every(8).tail(trades)
    frame = ledger(symbol, trades, seed=trades).with_columns(
        as_of=as_of, entry_at=as_of.dt.offset_by("1m"), exit_at=as_of.dt.offset_by("15m")
    )
    mapped = SetUpMap.of(version(symbol, recipe), settings())
    with connection() as conn:
        teach(conn, symbol, night, frame, mapped.points_at(bars(), frame["as_of"]), mapped.name)


def night(symbol: str) -> tuple[pl.DataFrame, Mapping[str, Any], dg.AssetCheckEvaluation]:
    """Materialise the asset and its check; what lies in the lake, the page, and the check's answer."""
    lake, frame = Lake.open(), bars()
    lake.write_document("feature_version", symbol, NIGHT, version(symbol))
    lake.write_frame("decision_bars", symbol, NIGHT, frame)
    regime = np.random.default_rng(3).choice(REGIMES, frame.height)
    lake.write_frame("regimes", symbol, NIGHT, frame.select("as_of").with_columns(regime=pl.Series(regime)))
    days = pattern_library.partitions_def
    upstream = [dg.AssetSpec(name, partitions_def=days) for name in ("feature_version", "decision_bars", "regimes")]
    with dg.DagsterInstance.ephemeral() as instance:
        ended = dg.materialize(
            [*upstream, pattern_library, cross_symbol_recall],
            partition_key=partition_key(NIGHT, symbol),
            resources={"io_manager": LakeIOManager()},
            instance=instance,
        )
    (made,) = ended.asset_materializations_for_node("pattern_library")
    page = {name: value.value for name, value in made.metadata.items()}
    (check,) = ended.get_asset_check_evaluations()
    return lake.read_frame("pattern_library", symbol, NIGHT), page, check


@pytest.mark.usefixtures("only_these_coins")
def test_a_first_night_remembers_nothing_and_says_so() -> None:
    recalled, page, check = night("INJ-USDT")
    assert recalled["as_of"].equals(bars()["as_of"])
    assert recalled["neighbours"].sum() == 0
    assert page["remembered_nights"] == page["remembered_trades"] == page["bars_with_neighbours"] == 0
    assert page["newest_remembered_night"] == "none"
    assert check.passed


def test_a_night_that_nobody_has_cleared_is_counted_and_teaches_nothing() -> None:
    remember("UNI-USDT", NIGHT - DAY * 2, 100)
    with connection() as conn:
        judge_night(conn, "UNI-USDT", NIGHT - DAY * 2, clean=False)
    recalled, page, _ = night("UNI-USDT")
    assert recalled["neighbours"].sum() == 0
    assert (page["remembered_nights"], page["nights_not_cleared"], page["remembered_trades"]) == (0, 1, 0)


def test_a_night_whose_ledger_was_empty_is_remembered_without_trades() -> None:
    remember("OP-USDT", NIGHT - DAY, 0)
    recalled, page, _ = night("OP-USDT")
    assert recalled["neighbours"].sum() == 0
    assert (page["remembered_nights"], page["remembered_trades"]) == (1, 0)


def test_overlapping_nights_are_remembered_once_and_the_same_bits_come_again() -> None:
    for back, trades in ((3, 100), (2, 110), (1, 130)):
        remember("ICP-USDT", NIGHT - DAY * back, trades)
    recalled, page, _ = night("ICP-USDT")
    assert page["remembered_nights"] == 3
    assert page["remembered_trades"] < 150
    assert page["bars_with_neighbours"] == (recalled["neighbours"] > 0).sum() > 500
    assert recalled["neighbours"].max() == settings().memory.neighbours
    assert "confidence" in page["patterns"]
    assert "healthy" in page["health"]
    assert page["record"].startswith("![")
    with connection() as conn:
        stored = conn.execute("SELECT sum(trades) FROM pattern_library WHERE symbol = 'ICP-USDT'").fetchone()
        conn.execute("UPDATE memory_nights SET compared = false WHERE symbol = 'ICP-USDT'")
        conn.execute("DELETE FROM set_ups WHERE symbol = 'ICP-USDT'")
    assert stored == (page["remembered_trades"],)
    again, page_again, _ = night("ICP-USDT")
    assert again.equals(recalled)
    assert page_again["content_sha256"] == page["content_sha256"]


def test_the_memory_of_another_recipe_is_left_alone_and_blocks_nothing() -> None:
    remember("FIL-USDT", NIGHT - DAY * 2, 90, recipe="older")
    recalled, page, _ = night("FIL-USDT")
    assert recalled["neighbours"].sum() == 0
    assert (page["remembered_nights"], page["nights_under_another_map"]) == (0, 1)
    remember("FIL-USDT", NIGHT - DAY, 80)
    _, page, _ = night("FIL-USDT")
    assert (page["remembered_nights"], page["nights_under_another_map"], page["remembered_trades"]) == (1, 1, 80)


@pytest.mark.usefixtures("only_these_coins")
def test_what_other_coins_know_stands_on_the_page_and_moves_no_bit() -> None:
    remember("APT-USDT", NIGHT - DAY, 80)
    alone, _, _ = night("APT-USDT")
    remember("HBAR-USDT", NIGHT - DAY, 120)
    beside, page, check = night("APT-USDT")
    assert beside.equals(alone)
    assert page["recall_at_k"] == 1.0
    assert "HNSW answered" in page["other_coins"]
    with connection() as conn:
        found = conn.execute("SELECT min(elsewhere_trades) FROM pattern_library WHERE symbol = 'APT-USDT'").fetchone()
    assert found == (settings().memory.neighbours,)
    assert check.passed


def test_where_the_graph_misses_too_many_exact_search_answers_and_the_check_warns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remember("HBAR-USDT", NIGHT - DAY, 120)
    remember("FTM-USDT", NIGHT - DAY, 60)
    # One candidate at hand, and no second scan.
    poor = ("enable_sort = off", "enable_seqscan = off", "hnsw.iterative_scan = off", "hnsw.ef_search = 1")
    monkeypatch.setattr(elsewhere, "APPROXIMATE", poor)
    _, page, check = night("FTM-USDT")
    assert page["recall_at_k"] < settings().memory.min_recall
    assert "exact search answered" in page["other_coins"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert check.description == page["other_coins"]
