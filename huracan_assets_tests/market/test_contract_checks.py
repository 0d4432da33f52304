"""The meta-test: each rule of each market contract, broken in a file of the lake, turns the real check red.

Every planted file is materialised by Dagster, with its hash; the check that judges it is the one that the engine runs,
and what stands downstream in the same run must not be reached. The rules are enumerated from the contracts
themselves: a new one without a planted violation fails here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from huracan_assets.market import checks
from huracan_assets.market.contract import CANDLE_RULES, FUNDING_RULES, HOURLY_RULES, RETURN_SENTENCE, within_days
from huracan_assets.market.expansions import AVAILABLE_TAG
from huracan_assets.market.minute_status import status_rules
from huracan_assets.market.open_interest import OPEN_INTEREST_RULES
from huracan_assets.market.order_books import ORDER_BOOKS_RULES
from huracan_assets.market.status_inputs import inputs_tag, status_inputs
from huracan_assets.market.trades import TRADES_RULES
from huracan_assets.partitions import partition_key, symbol_days
from huracan_assets.resources.lake import Lake
from huracan_assets_tests.market import violations as planted
from huracan_assets_tests.market.violations import DAY, Violations, schema_violations

SYMBOL, BENCHMARK = "ETH-USDT", "BTC-USDT"


@dataclass(frozen=True)
class Contract:
    """A contract: the check that holds it in Dagster, the sentences of its rules, a good day, and the broken ones."""

    check: dg.AssetChecksDefinition
    sentences: tuple[str, ...]
    good: Callable[[], pl.DataFrame]
    violations: Callable[[], Violations]
    tags: Callable[[], dict[str, str]] = field(default=dict)

    @property
    def asset(self) -> str:
        """The asset that the check belongs to."""
        (spec,) = self.check.check_specs
        return spec.asset_key.to_user_string()


def available() -> dict[str, str]:
    return {AVAILABLE_TAG: "true"}


def made_from() -> dict[str, str]:
    return inputs_tag(status_inputs(Lake.open(), SYMBOL, DAY, ()))


def sentences(rules: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(rule.sentence for rule in rules)


CONTRACTS = {
    contract.asset: contract
    for contract in (
        Contract(
            checks.candles_contract,
            (*sentences((*CANDLE_RULES, within_days(DAY, DAY))), RETURN_SENTENCE),
            planted.good_candles,
            planted.minute_candle_violations,
        ),
        Contract(
            checks.hourly_candles_contract,
            sentences(HOURLY_RULES),
            planted.good_hours,
            planted.hourly_violations,
            available,
        ),
        Contract(
            checks.funding_rates_contract,
            sentences(FUNDING_RULES),
            planted.good_funding,
            planted.funding_violations,
            available,
        ),
        Contract(
            checks.open_interest_contract,
            sentences(OPEN_INTEREST_RULES),
            planted.good_open_interest,
            planted.open_interest_violations,
            available,
        ),
        Contract(
            checks.perpetual_candles_contract,
            sentences(CANDLE_RULES),
            planted.good_candles,
            planted.perpetual_violations,
            available,
        ),
        Contract(
            checks.order_books_contract,
            sentences(ORDER_BOOKS_RULES),
            planted.good_order_books,
            planted.order_book_violations,
            available,
        ),
        Contract(
            checks.trades_contract, sentences(TRADES_RULES), planted.good_trades, planted.trade_violations, available
        ),
        Contract(
            checks.minute_status_contract,
            tuple(status_rules(planted.good_status(), DAY)),
            planted.good_status,
            planted.status_violations,
            made_from,
        ),
    )
}


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    """One record of runs for all of them; opening one takes longer than a run."""
    logging.disable(logging.CRITICAL)
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance
    logging.disable(logging.NOTSET)


@dataclass(frozen=True)
class Outcome:
    """What became of a run: the check's verdict, and whether the asset downstream was made."""

    passed: bool
    description: str
    reached: bool
    succeeded: bool


@pytest.fixture
def run(instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Materialise a frame as the contract's asset, with its real check and an asset downstream, in one run."""
    monkeypatch.setenv("HURACAN_LAKE", str(tmp_path))

    def materialise(contract: Contract, frame: pl.DataFrame, tags: dict[str, str] | None = None) -> Outcome:
        reached = []

        @dg.asset(name=contract.asset, partitions_def=symbol_days)
        def source() -> None:
            told = contract.tags() if tags is None else tags
            Lake.open().write_frame(contract.asset, SYMBOL, DAY, frame, told)

        @dg.asset(deps=[source], partitions_def=symbol_days)
        def downstream() -> None:
            reached.append(True)

        ended = dg.materialize(
            [source, downstream, contract.check],
            partition_key=partition_key(DAY, SYMBOL),
            instance=instance,
            raise_on_error=False,
        )
        (verdict,) = ended.get_asset_check_evaluations()
        return Outcome(verdict.passed, str(verdict.description), bool(reached), ended.success)

    return materialise


def cases() -> Iterator[Any]:
    for asset, contract in CONTRACTS.items():
        for sentence in contract.violations():
            yield pytest.param(asset, sentence, id=f"{asset}: {sentence}")


@pytest.mark.parametrize(("asset", "sentence"), list(cases()))
def test_a_broken_rule_turns_its_check_red_and_stops_what_is_downstream(
    run: Callable[..., Outcome], asset: str, sentence: str
) -> None:
    contract = CONTRACTS[asset]
    outcome = run(contract, contract.violations()[sentence][0])
    assert not outcome.passed
    assert sentence in outcome.description
    assert (outcome.reached, outcome.succeeded) == (False, False)


@pytest.mark.parametrize("asset", CONTRACTS)
def test_every_rule_of_a_contract_has_a_planted_violation_and_every_violation_its_rule(asset: str) -> None:
    contract = CONTRACTS[asset]
    told = {sentence.removesuffix(f" {DAY}") for sentence in contract.sentences}
    assert told == set(contract.violations())


@pytest.mark.parametrize("asset", CONTRACTS)
def test_a_good_day_passes_its_check_and_what_is_downstream_is_reached(run: Callable[..., Outcome], asset: str) -> None:
    contract = CONTRACTS[asset]
    outcome = run(contract, contract.good())
    assert (outcome.passed, outcome.reached, outcome.succeeded) == (True, True, True), outcome.description


@pytest.mark.parametrize("asset", CONTRACTS)
def test_a_changed_schema_turns_the_check_red(run: Callable[..., Outcome], asset: str) -> None:
    contract = CONTRACTS[asset]
    for frame in schema_violations(contract.good()):
        outcome = run(contract, frame)
        assert (outcome.passed, outcome.reached) == (False, False), frame.schema


def test_every_blocking_check_of_the_market_room_is_put_to_the_test() -> None:
    """And every asset of the room that others stand on has one."""
    from huracan_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    market = {spec.key for spec in defs.resolve_all_asset_specs() if spec.group_name == "market"}
    blocking = {key for key in graph.asset_check_keys if key.asset_key in market and graph.get_check_spec(key).blocking}
    tested = {spec.key for contract in CONTRACTS.values() for spec in contract.check.check_specs}
    assert blocking == tested


def test_a_damaged_file_turns_the_check_red(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hash that a file was written with is held against what it says."""
    monkeypatch.setenv("HURACAN_LAKE", str(tmp_path))

    @dg.asset(name="candles", partitions_def=symbol_days)
    def tampered() -> None:
        good = planted.good_candles()
        Lake.open().write_frame("candles", SYMBOL, DAY, good)
        path = str(Lake.open().path("candles", SYMBOL, DAY))
        told = pl.read_parquet_metadata(path)
        kept = {key: value for key, value in told.items() if key.startswith("huracan.")}
        good[:-1].write_parquet(path, metadata=kept)

    ended = dg.materialize(
        [tampered, checks.candles_contract],
        partition_key=partition_key(DAY, SYMBOL),
        instance=instance,
        raise_on_error=False,
    )
    (verdict,) = ended.get_asset_check_evaluations()
    assert not verdict.passed
    assert "is not what was written" in str(verdict.description)


@pytest.mark.parametrize("asset", [asset for asset, contract in CONTRACTS.items() if contract.tags is available])
def test_a_file_that_lies_about_its_availability_or_holds_another_day_turns_the_check_red(
    run: Callable[..., Outcome], asset: str
) -> None:
    contract = CONTRACTS[asset]
    good = contract.good()
    lies: tuple[tuple[pl.DataFrame, dict[str, str]], ...] = (
        (good, {AVAILABLE_TAG: "false"}),
        (good.clear(), available()),
        (good, {}),
        (planted.next_day(good), available()),
    )
    for frame, tags in lies:
        outcome = run(contract, frame, tags)
        assert (outcome.passed, outcome.reached) == (False, False), outcome.description
    assert run(contract, good.clear(), {AVAILABLE_TAG: "false"}).passed


def test_a_status_made_from_other_candles_turns_its_check_red(run: Callable[..., Outcome]) -> None:
    contract = CONTRACTS["minute_status"]
    outcome = run(contract, contract.good(), {"huracan.inputs": '{"candles": "another hash"}'})
    assert (outcome.passed, outcome.reached) == (False, False)
    assert "made from other candles" in outcome.description


def test_a_large_return_is_believed_when_the_hour_or_the_benchmark_in_the_lake_saw_it(
    run: Callable[..., Outcome],
) -> None:
    contract, lake = CONTRACTS["candles"], Lake.open()
    moved = planted.spliced(planted.good_candles(), 1.2)
    assert not run(contract, moved).passed
    lake.write_frame("candles", BENCHMARK, DAY, planted.spliced(planted.good_candles(), 1.02))
    assert run(contract, moved).passed
    hours = moved.group_by(pl.col("ts").dt.truncate("1h"), maintain_order=True).agg(pl.all().exclude("ts").max())
    contradicting = hours.with_columns(low=pl.col("high") * 2, high=pl.col("high") * 3)
    lake.write_frame("hourly_candles", SYMBOL, DAY, contradicting)
    assert not run(contract, moved).passed
    lake.write_frame("hourly_candles", SYMBOL, DAY, hours.with_columns(low=pl.col("high") / 2))
    assert run(contract, moved).passed
