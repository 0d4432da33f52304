"""May it ship? The verdict of the seven gates."""

import dagster as dg
import polars as pl

from huracan_assets.gates.live import live_evidence
from huracan_assets.gates.seven_gates import Evidence, critical_drift, critical_features, judge
from huracan_assets.gates.verdict import GateVerdict
from huracan_assets.learning.ppo_seeds import SeedReport
from huracan_assets.learning.records import LightGBMModel
from huracan_assets.observability.plots import gate_margins
from huracan_assets.observability.tables import markdown_table
from huracan_assets.partitions import symbol_day
from huracan_assets.resources.io_manager import artifact
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.materialize import checked_document, room
from huracan_assets.settings import settings
from huracan_assets.shadow.forward import ForwardLedger
from huracan_assets.validation.assets import LeakageFindings
from huracan_assets.validation.permutation_report import PermutationReport
from huracan_assets.validation.stress_report import StressReport
from huracan_assets.validation.walk_forward_report import WalkForwardReport


@dg.asset(**room("gates", "json"))
def gate_verdict(
    context: dg.AssetExecutionContext,
    lightgbm_model: LightGBMModel,
    drift_report: pl.DataFrame,
    leakage_report: LeakageFindings,
    walk_forward_report: WalkForwardReport,
    permutation_report: PermutationReport,
    stress_report: StressReport,
    forward_ledger: ForwardLedger,
) -> dg.MaterializeResult[GateVerdict]:
    """Seven gates, all evaluated always; a model ships only if every line passes. Ties and missing evidence fail."""
    day, symbol = symbol_day(context.partition_key)
    bounds = settings().gates
    critical = critical_features(lightgbm_model.importance, bounds.critical_gain_share)
    findings = leakage_report.report.findings
    evidence = Evidence(
        walk_forward=walk_forward_report,
        seeds=SeedReport.model_validate(Lake.open().read_document("ppo_checkpoint", symbol, day)),
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
    return artifact(
        verdict,
        {
            "approved": verdict.approved,
            "failed": len(verdict.failures),
            "gates": dg.MetadataValue.md(
                markdown_table(verdict.rows(), ["gate", "figure", "value", "must be", "bound", "result", "because"])
            ),
            "margins": dg.MetadataValue.md(gate_margins(margins)),
        },
    )


@dg.asset_check(asset=gate_verdict)
def approved(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """The face of the verdict: a rejection is an answer, not a fault, so it warns. Consumers read the verdict."""
    verdict = checked_document(context, "gate_verdict", GateVerdict)
    return dg.AssetCheckResult(
        passed=verdict.approved,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{line.figure_name}: {line.sentence}" for line in verdict.failures) or "all gates pass",
    )
