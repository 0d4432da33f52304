"""Seven things that Dagster's machinery does not warn of.

1. A range in one run and single days write the same bytes: `test_ranges.py`.
2. A polars 2 round trip through the lake's IO manager: here.
3. Postgres as Dagster's storage with psycopg 3 installed: here.
4. A bad row fails validation: `test_bad_input.py`, negative and infinite prices through the command; the check: here.
5. A consumer refuses on a rejecting verdict in a run of its own: here.
6. The length of a trailing window is asserted at the start of history: `test_bad_input.py`.
7. The code location imports under a budget, and without a banned module: `huracan_assets_tests/test_house.py`.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from huracan_assets.days import DAY
from huracan_assets.partitions import partition_key, symbol_days
from huracan_assets.resources.io_manager import LakeIOManager, artifact
from huracan_assets.resources.lake import Lake, canonical_json
from huracan_assets_tests.end_to_end.conftest import Night
from huracan_assets_tests.end_to_end.engine import materialize_words

FRAME = pl.DataFrame(
    {
        "as_of": pl.Series([0, 60_000_000, None]).cast(pl.Datetime("us", "UTC")),
        "side": pl.Series([1, -1, None], dtype=pl.Int8),
        "value": pl.Series([0.1, None, -0.0], dtype=pl.Float64),
        "small": pl.Series([1.5, None, float("inf")], dtype=pl.Float32),
        "word": ["TREND", None, ""],
    }
)


def test_a_frame_comes_back_from_the_io_manager_as_it_went(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HURACAN_LAKE", str(tmp_path))
    assert int(version("polars").split(".")[0]) >= 2
    key, read = "2021-01-05|BTC-USDT", []

    @dg.asset(partitions_def=symbol_days)
    def written() -> dg.MaterializeResult[Any]:
        return artifact(FRAME)

    @dg.asset(partitions_def=symbol_days)
    def reader(written: pl.DataFrame) -> dg.MaterializeResult[Any]:
        read.append(written)
        return artifact(written.head(0))

    reader.__annotations__["written"] = pl.DataFrame
    ended = dg.materialize([written, reader], partition_key=key, resources={"io_manager": LakeIOManager()})
    assert ended.success
    assert_frame_equal(read[0], FRAME, check_exact=True)
    assert read[0].schema == FRAME.schema
    assert [path.name for path in (tmp_path / "written" / "BTC-USDT").iterdir()] == ["2021-01-05.parquet"]


def test_dagster_writes_events_to_postgres_with_psycopg_3_installed(night: Night) -> None:
    from sqlalchemy import text

    from huracan_assets.resources.dagster_storage import HuracanStorage

    assert int(version("psycopg").split(".")[0]) == 3
    with night.engine.opened() as instance:
        storage = instance._storage
        assert isinstance(storage, HuracanStorage)
        with storage.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
            assert connection.dialect.name == "postgresql"
            events = connection.execute(text("SELECT count(*) FROM event_logs")).scalar_one()
        (run, *_) = instance.get_runs()
        assert run.is_finished
    assert events > 100


def test_a_bad_row_in_the_lake_fails_the_check_and_stops_the_features(night: Night) -> None:
    from huracan_assets.market.assets import candles_contract

    good = night.engine.frame("candles", night.symbol, night.day)
    at = pl.int_range(pl.len()) == 99
    spoilt = good.with_columns(close=pl.when(at).then(float("inf")).otherwise("close"))

    @dg.asset(name="candles", partitions_def=symbol_days)
    def bad_candles(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        Lake.open().write_frame("candles", night.symbol, night.day, spoilt)
        return dg.MaterializeResult()

    @dg.asset(deps=[bad_candles], partitions_def=symbol_days)
    def downstream() -> None:
        raise AssertionError("reached in spite of a blocking check")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HURACAN_LAKE", str(night.engine.home.with_name("spoilt_lake")))
        ended = dg.materialize(
            [bad_candles, downstream, candles_contract],
            partition_key=partition_key(night.day, night.symbol),
            raise_on_error=False,
        )
    (check,) = ended.get_asset_check_evaluations()
    assert not check.passed
    assert "row 99" in str(check.description)
    assert [event.step_key for event in ended.get_step_failure_events()] == []  # `downstream` was never begun
    assert not ended.success


def test_a_hand_over_alone_refuses_on_a_rejecting_verdict(real_night: Night) -> None:
    before = real_night.engine.document("handoff_bundle", real_night.symbol, real_night.day)
    key = partition_key(real_night.day, real_night.symbol)
    ended = real_night.engine.materialize("handoff_bundle", key).succeeded()
    assert "gate_verdict - STEP_START" not in ended.output
    after = real_night.engine.document("handoff_bundle", real_night.symbol, real_night.day)
    assert after == before
    assert not after["handed_over"]
    assert not (real_night.engine.home / "bundles").exists()


def test_the_registry_and_the_hand_over_read_the_verdict_itself(night: Night) -> None:
    """A verdict that turned to a rejection after the night, with a registration that still says `promoted`."""
    engine, day = night.engine, night.day - DAY
    verdict = engine.document("gate_verdict", night.symbol, night.day) | {"approved": False, "day": str(day)}
    verdict["lines"][0] |= {"bound": 1e9}
    registration = engine.document("registered_model", night.symbol, night.day) | {"day": str(day)}
    assert registration["promoted"]
    forged = [engine.lake / name / night.symbol / f"{day}.json" for name in ("gate_verdict", "registered_model")]
    for path, document in zip(forged, (verdict, registration), strict=True):
        path.write_bytes(canonical_json(document))
    written = engine.lake / "handoff_bundle" / night.symbol / f"{day}.json"
    try:
        engine.command(*materialize_words("handoff_bundle", partition_key(day, night.symbol))).succeeded()
        record = engine.document("handoff_bundle", night.symbol, day)
    finally:
        for path in (*forged, written):
            path.unlink(missing_ok=True)
    assert not record["handed_over"]
    assert record["reason"].startswith("the gates rejected it: 1 performance")
    assert not (engine.home / "bundles" / night.symbol / str(day)).exists()
