"""The asset hands the gates the night's own evidence, names it, and judges none that belongs to other models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from huracan_assets.decision.assets import Policies
from huracan_assets.errors import StorageError
from huracan_assets.gates.assets import DOCUMENTS, FRAMES, gate_verdict
from huracan_assets.gates.verdict import GateVerdict
from huracan_assets.guards.leakage import CHECKS, Finding, LeakageReport
from huracan_assets.learning.assets import LAST_FOLD
from huracan_assets.learning.records import LightGBMModel
from huracan_assets.partitions import partition_key
from huracan_assets.resources.data_versions import DATA_VERSION, INPUT_VERSION
from huracan_assets.resources.lake import Lake, content_hash
from huracan_assets.shadow.forward import ForwardLedger
from huracan_assets.validation.assets import LeakageFindings
from huracan_assets.validation.planted_leaks import SelfTest
from huracan_assets_tests.decision.brains import brain
from huracan_assets_tests.gates.evidence import DAY, chance, record, seeds, stress

SYMBOL = "ETH-USDT"
KEY = partition_key(DAY, SYMBOL)
CLEAN: dict[str, tuple[Finding, ...]] = dict.fromkeys(CHECKS, ())


def inputs(found: dict[str, tuple[Finding, ...]] = CLEAN, missed: tuple[str, ...] = ()) -> dict[str, Any]:
    """What the asset reads of a night."""
    tonight = brain()
    return {
        "drift_report": pl.DataFrame({"feature": ["rsi"], "psi": [0.02], "psi_threshold": [0.1]}),
        "lightgbm_model": LightGBMModel(
            names=tonight.names, recipe_sha256=tonight.recipe_sha256, folds=(), per_fold=(), final=tonight.models,
            importance=(("rsi", 1.0),), out_of_fold_sha256="0" * 64,
        ),
        "ppo_checkpoint": tonight.agent,
        "decision_policy": Policies(per_fold=(None,), fitted_until=(None,), final=tonight.policy),
        "leakage_report": LeakageFindings(
            report=LeakageReport(found), self_test=SelfTest(planted=("peek", "shift"), missed=missed),
            replayed=(), refitted=(), proven_features=(),
        ),
        "walk_forward_report": record(),
        "permutation_report": chance(),
        "stress_report": stress(),
        "forward_ledger": ForwardLedger(
            champion=None, champion_day=None, note="first", backtest_sharpe=None, trades=0, daily=()
        ),
    }  # fmt: skip


def recorded(instance: dg.DagsterInstance, asset: str, digest: str, **more: Any) -> None:
    tags = {DATA_VERSION: digest, **more.pop("tags", {})}
    made = dg.AssetMaterialization(asset, partition=KEY, tags=tags, metadata=more)
    instance.report_runless_asset_event(made)


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """A lake with what the asset looks up there, and its record."""
    monkeypatch.setenv("HURACAN_LAKE", str(tmp_path))
    lake, beside = Lake.open(), pl.DataFrame({"vote": [0.5]})
    with dg.DagsterInstance.ephemeral() as one:
        for name in DOCUMENTS:
            recorded(one, name, lake.write_document(name, SYMBOL, DAY, {"x": name}))
        for name in FRAMES:
            recorded(one, name, lake.write_frame(name, SYMBOL, DAY, pl.DataFrame({"x": [name]})))
        recorded(
            one,
            "ppo_checkpoint",
            content_hash(brain().agent),
            votes_sha256=lake.write_frame("ppo_checkpoint", SYMBOL, DAY, beside),
            seeds_sha256=lake.write_document("ppo_checkpoint", SYMBOL, DAY, seeds(120.0, 80.0, -30.0)),
            last_fold_sha256=lake.write_weights("ppo_checkpoint", SYMBOL, DAY, b"last", LAST_FOLD),
        )
        yield one


def judged(instance: dg.DagsterInstance, given: dict[str, Any]) -> GateVerdict:
    result = gate_verdict(dg.build_asset_context(partition_key=KEY, instance=instance), **given)
    assert isinstance(result, dg.MaterializeResult)
    assert isinstance(result.value, GateVerdict)
    return result.value


def record_all(instance: dg.DagsterInstance, given: dict[str, Any]) -> None:
    for name, value in given.items():
        if name != "ppo_checkpoint":
            recorded(instance, name, content_hash(value))


def test_a_verdict_names_all_that_it_judged_and_the_brain(instance: dg.DagsterInstance) -> None:
    given = inputs()
    record_all(instance, given)
    verdict = judged(instance, given)
    assert verdict.approved, verdict.failures
    beside = {f"ppo_checkpoint/{part}" for part in ("votes", "seeds", "last_fold")}
    assert set(verdict.judged) == {*given, *DOCUMENTS, *FRAMES, *beside, "brain"}
    assert verdict.unjudged({name: content_hash(value) for name, value in given.items()}) == []
    assert verdict.judged["brain"] == brain().sha256
    assert judged(instance, given) == verdict


def test_a_leak_that_was_found_and_one_that_was_missed_fail_their_lines(instance: dg.DagsterInstance) -> None:
    leak = Finding(check="target_proxy", subject="rsi", figure=0.9, bound=0.5, sentence="rsi knows the label")
    given = inputs(CLEAN | {"target_proxy": (leak,)}, missed=("peek",))
    record_all(instance, given)
    failures = {line.figure_name: line for line in judged(instance, given).failures}
    assert set(failures) == {"findings", "planted leaks missed"}
    assert failures["findings"].sentence == leak.sentence
    assert "peek" in failures["planted leaks missed"].sentence


@pytest.mark.parametrize("edited", ["walk_forward_report", "permutation_report", "stress_report"])
def test_a_report_that_was_written_by_another_hand_is_not_judged(instance: dg.DagsterInstance, edited: str) -> None:
    given = inputs()
    record_all(instance, given)
    field = {"walk_forward_report": "days", "permutation_report": "shifts", "stress_report": "days"}[edited]
    by_hand = given[edited].model_copy(update={field: 99_999})
    with pytest.raises(StorageError, match=f"^{edited} of .* is not what was recorded of it"):
        judged(instance, given | {edited: by_hand})


def test_seeds_that_are_not_the_checkpoints_are_not_judged(instance: dg.DagsterInstance) -> None:
    given = inputs()
    record_all(instance, given)
    Lake.open().write_document("ppo_checkpoint", SYMBOL, DAY, seeds(500.0, 500.0, 500.0))
    with pytest.raises(StorageError, match=r"^ppo_checkpoint/seeds of"):
        judged(instance, given)


def test_evidence_on_other_models_is_not_judged(instance: dg.DagsterInstance) -> None:
    given = inputs()
    record_all(instance, given)
    earlier = {f"{INPUT_VERSION}/decision_policy": content_hash(("0" * 64).encode())}
    recorded(instance, "stress_report", content_hash(given["stress_report"]), tags=earlier)
    with pytest.raises(StorageError, match=r"^stress_report of .* was made of another decision_policy"):
        judged(instance, given)
