"""May it ship? The verdict of the seven gates."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from huracan_assets.decision.assets import Policies
from huracan_assets.gates.live import live_evidence
from huracan_assets.gates.seven_gates import Evidence, critical_drift, critical_features, judge
from huracan_assets.gates.verdict import GateVerdict
from huracan_assets.learning.assets import LAST_FOLD
from huracan_assets.learning.ppo_seeds import SeedReport
from huracan_assets.learning.records import LightGBMModel
from huracan_assets.observability.plots import gate_margins
from huracan_assets.observability.tables import markdown_table
from huracan_assets.partitions import symbol_day
from huracan_assets.resources.io_manager import Artifact, artifact
from huracan_assets.resources.lake import Lake, content_hash
from huracan_assets.resources.lineage import refuse_mixed
from huracan_assets.resources.materialize import checked_document, room
from huracan_assets.settings import settings
from huracan_assets.shadow.forward import ForwardLedger
from huracan_assets.validation.assets import LeakageFindings
from huracan_assets.validation.permutation_report import PermutationReport
from huracan_assets.validation.stress_report import StressReport
from huracan_assets.validation.walk_forward_report import WalkForwardReport

# What the gates do not read themselves, and what they judge stands on.
DOCUMENTS = ("feature_version", "data_quality_report", "calibrator")
FRAMES = ("decision_bars", "regimes", "alpha_signals", "trade_outcomes", "pattern_library", "shadow_ledger")


@dg.asset(**room("gates", "json"), deps=[*DOCUMENTS, *FRAMES])
def gate_verdict(
    context: dg.AssetExecutionContext,
    drift_report: pl.DataFrame,
    lightgbm_model: LightGBMModel,
    ppo_checkpoint: bytes,
    decision_policy: Policies,
    leakage_report: LeakageFindings,
    walk_forward_report: WalkForwardReport,
    permutation_report: PermutationReport,
    stress_report: StressReport,
    forward_ledger: ForwardLedger,
) -> dg.MaterializeResult[GateVerdict]:
    """Seven gates, all evaluated always; a model ships only if every line passes. Ties and missing evidence fail.

    The verdict names what it judged by content hash. Evidence that is not of these very models ends the run.
    """
    day, symbol = symbol_day(context.partition_key)
    bounds = settings().gates
    artifacts: dict[str, Artifact] = {
        "drift_report": drift_report,
        "lightgbm_model": lightgbm_model,
        "ppo_checkpoint": ppo_checkpoint,
        "decision_policy": decision_policy,
        "leakage_report": leakage_report,
        "walk_forward_report": walk_forward_report,
        "permutation_report": permutation_report,
        "stress_report": stress_report,
        "forward_ledger": forward_ledger,
    }
    seeds = Lake.open().read_document("ppo_checkpoint", symbol, day)
    judged = _hashes(symbol, day, artifacts, seeds)
    refuse_mixed(context.instance, context.partition_key, judged)
    critical = critical_features(lightgbm_model.importance, bounds.critical_gain_share)
    findings = leakage_report.report.findings
    evidence = Evidence(
        judged=judged | {"brain": decision_policy.brain(lightgbm_model, ppo_checkpoint).sha256},
        walk_forward=walk_forward_report,
        seeds=SeedReport.model_validate(seeds),
        permutation=permutation_report,
        stress=stress_report,
        leakage_findings=tuple(finding.sentence for found in findings.values() for finding in found),
        leakage_checks=len(findings),
        planted_leaks=len(leakage_report.self_test.planted),
        missed_leaks=leakage_report.self_test.missed,
        critical_drift=critical_drift(drift_report, critical),
        live=live_evidence(forward_ledger),
    )
    verdict = judge(symbol, day, evidence, bounds)
    return artifact(verdict, _page(verdict))


def _hashes(symbol: str, day: date, artifacts: Mapping[str, Artifact], seeds: Mapping[str, Any]) -> dict[str, str]:
    """Content hashes of what is judged and stood on, upstream first; `asset/part` is what lies beside an asset."""
    lake = Lake.open()
    ground = {name: content_hash(lake.read_document(name, symbol, day)) for name in DOCUMENTS}
    ground |= {name: lake.frame_hash(name, symbol, day) for name in FRAMES}
    beside = {
        "ppo_checkpoint/votes": lake.frame_hash("ppo_checkpoint", symbol, day),
        "ppo_checkpoint/seeds": content_hash(seeds),
        "ppo_checkpoint/last_fold": content_hash(lake.read_weights("ppo_checkpoint", symbol, day, LAST_FOLD)),
    }
    return ground | {name: content_hash(value) for name, value in artifacts.items()} | beside


def _page(verdict: GateVerdict) -> dict[str, Any]:
    margins = [
        {
            "gate": f"{line.gate}: {line.figure_name}",
            "value": line.figure,
            "bound": line.bound,
            "passed": line.passed,
            "margin": None if line.margin is None else line.margin / max(abs(line.bound), 1e-9),
        }
        for line in verdict.lines
    ]
    columns = ["gate", "figure", "value", "must be", "bound", "result", "because"]
    return {
        "approved": verdict.approved,
        "failed": len(verdict.failures),
        "gates": dg.MetadataValue.md(markdown_table(verdict.rows(), columns)),
        "margins": dg.MetadataValue.md(gate_margins(margins)),
    }


@dg.asset_check(asset=gate_verdict)
def approved(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """The face of the verdict: a rejection is an answer, not a fault, so it warns. Consumers read the verdict."""
    verdict = checked_document(context, "gate_verdict", GateVerdict)
    return dg.AssetCheckResult(
        passed=verdict.approved,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{line.figure_name}: {line.sentence}" for line in verdict.failures) or "all gates pass",
    )
