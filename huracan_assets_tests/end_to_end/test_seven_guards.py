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
    from dagster_postgres.event_log import PostgresEventLogStorage
    from sqlalchemy import text

    assert int(version("psycopg").split(".")[0]) == 3
    with night.engine.opened() as instance:
        storage = instance.event_log_storage
        assert isinstance(storage, PostgresEventLogStorage)
        with storage.index_connection() as connection:
            assert connection.dialect.driver == "psycopg2"  # psycopg 3 cannot NOTIFY with a parameter
            events = connection.execute(text("SELECT count(*) FROM event_logs")).scalar_one()
        (run, *_) = instance.get_runs()
        assert run.is_finished
    assert events > 100


def test_a_bad_row_in_the_lake_fails_the_check_and_stops_the_features(night: Night) -> None:
    from huracan_assets.market.checks import candles_contract

    good = night.engine.frame("candles", night.symbol, night.day)
    at = pl.int_range(pl.len()) == 99
    spoilt = good.with_columns(close=pl.when(at).then(float("inf")).otherwise("close"))

    @dg.asset(name="candles", partitions_def=symbol_days)
    def bad_candles() -> dg.MaterializeResult[Any]:
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
    assert [event.step_key for event in ended.get_step_failure_events()] == ["candles_candles_contract"]
    assert not ended.success


def test_a_hand_over_alone_refuses_on_a_rejecting_verdict(real_night: Night) -> None:
    """In runs of their own: of the night itself, and of one whose registration says `promoted` all the same."""
    engine, symbol, day = real_night.engine, real_night.symbol, real_night.day
    forged = day - DAY
    for asset, change in (("gate_verdict", {}), ("registered_model", {"promoted": True})):
        document = engine.document(asset, symbol, day) | {"day": str(forged)} | change
        (engine.lake / asset / symbol / f"{forged}.json").write_bytes(canonical_json(document))
    before = engine.document("handoff_bundle", symbol, day)
    ended = engine.commands(
        [materialize_words("handoff_bundle", partition_key(each, symbol)) for each in (day, forged)]
    )
    for each in ended:
        assert "gate_verdict - STEP_START" not in each.succeeded().output
    after, of_forged = (engine.document("handoff_bundle", symbol, each) for each in (day, forged))
    for asset in ("gate_verdict", "registered_model", "handoff_bundle"):
        (engine.lake / asset / symbol / f"{forged}.json").unlink()
    assert after == before
    assert not after["handed_over"]
    assert not of_forged["handed_over"]
    assert of_forged["reason"].startswith("the gates rejected it: ")
    assert not (engine.home / "bundles").exists()
