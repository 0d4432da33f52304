"""Jobs of a night in a real instance: the universe picks from the lake, the close ends red where a verdict lacks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import uuid4

import dagster as dg
import polars as pl
import pytest

from huracan_assets import jobs
from huracan_assets.days import DAY as ONE_DAY
from huracan_assets.definitions import defs
from huracan_assets.health.night_report import NightReport
from huracan_assets.jobs import READ_BY_CLOSE, brain_request, brains_job, close_job, market_job, universe_job
from huracan_assets.market import assets as market_assets
from huracan_assets.market.universe import ALL, Candidate, Universe, read_universe
from huracan_assets.partitions import symbol_days
from huracan_assets.resources.lake import Lake
from huracan_assets.runs import NIGHT, symbol_runs
from huracan_assets.settings import Settings, read_settings, settings
from huracan_assets_tests.market.random_bars import bars

DAY = date(2026, 1, 1)


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("HURACAN_LAKE", str(tmp_path / "lake"))
    with dg.DagsterInstance.ephemeral() as one:
        yield one


CANDIDATES = ("BTC-USDT", "ETH-USDT", "BAD-USDT", "NEW-USDT", "TINY-USDT")
TURNOVER = dict(zip(CANDIDATES, (9e4, 8e4, 7e4, 6e4, 1e4), strict=True))
HISTORY = 12


@pytest.fixture
def small_market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """An archive of five coins: one whose middle day is broken, one that is three days old, one that is tiny."""
    archive = tmp_path / "archive"
    archive.mkdir()
    for place, symbol in enumerate(CANDIDATES):
        days = 3 if symbol == "NEW-USDT" else HISTORY
        bars(place, TURNOVER[symbol], first=DAY - (days - 1) * ONE_DAY, last=DAY).write_parquet(
            archive / f"{symbol}.parquet"
        )
    broken = pl.read_parquet(archive / "BAD-USDT.parquet")
    on_the_day = pl.col("ts").dt.date() == DAY - 2 * ONE_DAY
    broken.with_columns(pl.when(on_the_day).then(-1.0).otherwise(pl.col("low")).alias("low")).write_parquet(
        archive / "BAD-USDT.parquet"
    )
    rules = {"size": 2, "days": 5, "min_completeness": 0.9}
    market = {"source": "archive", "archive": archive, "symbols": CANDIDATES, "witnesses": [], "universe": rules}
    learning = {"first_train_days": 2, "folds": 2}
    found = read_settings(overrides={"look_back_days": 6, "learning": learning, "market": market})
    for module in (jobs, market_assets):
        monkeypatch.setattr(module, "settings", lambda: found)
    market_assets.market_source.cache_clear()
    yield found
    market_assets.market_source.cache_clear()


def run_universe(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return universe_job.execute_in_process(instance=instance, tags={NIGHT: DAY.isoformat()}, raise_on_error=False)


def test_the_universe_heals_the_candidates_picks_the_largest_and_tells_why_not_the_others(
    instance: dg.DagsterInstance, small_market: Settings
) -> None:
    assert run_universe(instance).success
    found = read_universe(Lake.open(), DAY)
    assert found is not None
    assert found.picked == ("BTC-USDT", "ETH-USDT")
    assert {symbol: words.split(",")[0] for symbol, words in found.left_out.items()} == {
        "TINY-USDT": "rank 3 of 3 eligible",
        "BAD-USDT": "80.0% of the minutes are there",
        "NEW-USDT": "2 days old",
    }
    event = instance.get_latest_materialization_event(dg.AssetKey("universe"))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.partition == "2026-01-01"
    assert event.asset_materialization.metadata["picked"].value == 2
    healed = instance.get_materialized_partitions(dg.AssetKey("candles"))
    window = {(DAY - ahead * ONE_DAY).isoformat() for ahead in range(5)}
    assert {key for key in healed if key.endswith("TINY-USDT")} == {f"{day}|TINY-USDT" for day in window}
    assert len(healed) == 3 * 5 + 4 + 3


def test_a_universe_that_is_picked_again_is_the_same_and_fetches_nothing_twice(
    instance: dg.DagsterInstance, small_market: Settings
) -> None:
    run_universe(instance)
    path = Lake.open().path("universe", ALL, DAY, "json")
    first, healed = path.read_bytes(), instance.get_materialized_partitions(dg.AssetKey("candles"))
    for file in small_market.market.archive.glob("[!B]*"):  # type: ignore[union-attr]
        frame = pl.read_parquet(file)
        frame.with_columns(pl.col("volume", "quote_volume") * 100.0).write_parquet(file)
    assert run_universe(instance).success
    assert path.read_bytes() == first
    assert instance.get_materialized_partitions(dg.AssetKey("candles")) == healed


def test_where_nobody_is_eligible_the_universe_is_red_and_recorded_and_so_is_the_close(
    instance: dg.DagsterInstance, small_market: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = small_market.model_copy(update={"look_back_days": 150})
    monkeypatch.setattr(jobs, "settings", lambda: strict)
    result = run_universe(instance)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_FAILURE]
    assert "BTC-USDT: 11 days old, a Brain needs 153" in str(failure.step_failure_data.user_failure_data)
    found = read_universe(Lake.open(), DAY)
    assert found is not None
    assert found.picked == ()
    assert not run_close(instance).success


@dg.op
def breaks() -> None:
    """Fails as a room does."""
    raise ValueError("the candles of 2026-01-01 are missing\nand more lines")


@dg.job(name="brains")
def broken_brain() -> None:
    breaks()


@pytest.fixture
def picked(instance: dg.DagsterInstance) -> tuple[str, ...]:
    """The universe of the night: the first three listed symbols, the others left out."""
    del instance  # its lake
    listed = settings().market.listed(DAY)
    lines = [
        Candidate(
            symbol=symbol,
            rank=place,
            picked=place <= 3,
            reason="picked" if place <= 3 else "not large enough",
            quote_volume=1e9 / place,
            spread_bps=1.0,
            age_days=400,
            completeness=1.0,
        )
        for place, symbol in enumerate(listed, start=1)
    ]
    universe = Universe(day=DAY, window_days=30, candidates=tuple(lines))
    Lake.open().write_document("universe", ALL, DAY, universe)
    return universe.picked


def ended(instance: dg.DagsterInstance, symbol: str, status: dg.DagsterRunStatus) -> None:
    tags = dict(brain_request(DAY, symbol).tags)
    instance.add_run(dg.DagsterRun(job_name="brains", run_id=str(uuid4()), status=status, tags=tags))
    if status == dg.DagsterRunStatus.SUCCESS:
        lake = Lake.open()
        lake.write_document("handoff_bundle", symbol, DAY, {"handed_over": True, "reason": "every gate passes"})
        lake.write_document("gate_verdict", symbol, DAY, {"approved": True})
        lake.write_document("walk_forward_report", symbol, DAY, {"trades": 12, "sharpe": 1.5})
        lake.write_document("trade_analysis", symbol, DAY, {"losses": [{"cause": "costs"}]})


def run_close(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return close_job.execute_in_process(instance=instance, tags={NIGHT: DAY.isoformat()}, raise_on_error=False)


def test_a_night_in_which_all_picked_ended_well_is_green_recorded_and_kept(
    instance: dg.DagsterInstance, picked: tuple[str, ...]
) -> None:
    for symbol in picked:
        ended(instance, symbol, dg.DagsterRunStatus.SUCCESS)
    assert run_close(instance).success
    report = NightReport.model_validate(Lake.open().read_document("daily_metrics", "all", DAY))
    assert [line.symbol for line in report.symbols] == list(picked)
    assert report.count("handed over") == len(picked) < len(settings().market.listed(DAY))
    event = instance.get_latest_materialization_event(dg.AssetKey("daily_metrics"))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.partition == "2026-01-01"
    assert event.asset_materialization.metadata["handed_over"].value == len(picked)


def test_a_failed_and_a_missing_symbol_make_it_red_by_name_with_the_rooms_own_error(
    instance: dg.DagsterInstance, picked: tuple[str, ...]
) -> None:
    *others, missing, failed = picked
    for symbol in others:
        ended(instance, symbol, dg.DagsterRunStatus.SUCCESS)
    tags = dict(brain_request(DAY, failed).tags)
    broken_brain.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    result = run_close(instance)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_FAILURE]
    message = failure.step_failure_data.user_failure_data
    assert message is not None
    assert f"{missing}, {failed}" in str(message.description)
    report = NightReport.model_validate(Lake.open().read_document("daily_metrics", "all", DAY))
    assert report.unfinished == [missing, failed]
    line = report.symbols[-1]
    assert (line.outcome, line.reason) == (
        "failed",
        "breaks: ValueError: the candles of 2026-01-01 are missing",
    )
    assert instance.get_latest_materialization_event(dg.AssetKey("daily_metrics")) is not None


def test_a_run_that_ended_before_a_step_failed_says_so(instance: dg.DagsterInstance) -> None:
    ended(instance, "ETH-USDT", dg.DagsterRunStatus.CANCELED)
    found = symbol_runs(instance, DAY)["ETH-USDT"]
    assert not found.succeeded
    assert found.error is not None
    assert "CANCELED" in found.error


def test_a_close_can_be_told_its_day_and_without_one_says_what_it_lacks(
    instance: dg.DagsterInstance, picked: tuple[str, ...]
) -> None:
    config = {"ops": {"close_night": {"config": {"day": DAY.isoformat()}}}}
    close_job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)
    assert Lake.open().has("daily_metrics", "all", DAY, "json")
    result = close_job.execute_in_process(instance=instance, raise_on_error=False)
    (failure,) = [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_FAILURE]
    assert "config" in str(failure.step_failure_data.user_failure_data or "")


def test_the_acts_split_the_graph_and_share_nothing() -> None:
    one, two = defs.resolve_job_def("market"), defs.resolve_job_def("brains")
    first, second = set(one.asset_layer.executable_asset_keys), set(two.asset_layer.executable_asset_keys)
    every = {spec.key for spec in defs.resolve_all_asset_specs()} - {dg.AssetKey("daily_metrics")}
    assert first | second == every - {dg.AssetKey("universe")}
    assert first & second == set()
    assert one.partitions_def == two.partitions_def == symbol_days
    assert {market_job.name, brains_job.name} == {"market", "brains"}


def test_a_night_without_a_universe_closes_red_and_names_the_job(instance: dg.DagsterInstance) -> None:
    result = run_close(instance)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_FAILURE]
    assert "job `universe`" in str(failure.step_failure_data.user_failure_data or "")
    assert not Lake.open().has("daily_metrics", ALL, DAY, "json")


def test_what_the_close_reads_is_made_by_an_asset() -> None:
    names = {spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()}
    assert set(READ_BY_CLOSE) <= names
