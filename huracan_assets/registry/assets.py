"""Hand it over: the manifest, the registered model, and the signed bundle of an approved one.

Every asset here reads the verdict as data and refuses on it, in whatever run it stands.
"""

import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

import huracan_assets
from huracan_assets.decision.assets import Policies
from huracan_assets.decision.brain import Brain, feature_matrix
from huracan_assets.features.feature_sets import engine_set
from huracan_assets.features.feature_version import FeatureVersion
from huracan_assets.gates.verdict import GateVerdict
from huracan_assets.learning.ppo_context import bar_context
from huracan_assets.learning.ppo_walk_forward import vote
from huracan_assets.learning.records import LightGBMModel
from huracan_assets.observability.readable import link
from huracan_assets.observability.tables import markdown_table
from huracan_assets.partitions import symbol_day
from huracan_assets.registry.bundle import withdraw_bundle, write_bundle
from huracan_assets.registry.champion import Promotion, promotion
from huracan_assets.registry.manifest import RunManifest
from huracan_assets.registry.signing import signing_key
from huracan_assets.resources.io_manager import Artifact, artifact
from huracan_assets.resources.lake import atomic_write, canonical_json, content_hash
from huracan_assets.resources.materialize import room
from huracan_assets.resources.tracking import ModelVersion, Tracking, folder_hash
from huracan_assets.settings import home, settings
from huracan_assets.shadow.forward import ForwardLedger
from huracan_assets.validation.bootstrap import challenger_p_value
from huracan_assets.validation.walk_forward_report import WalkForwardReport

GOLDEN_BARS = 32
AGAIN = "materialise gate_verdict again, and what follows it"

Series = NDArray[np.float64]


class Registration(BaseModel):
    """What the registry was told. Version numbers are MLflow's and stand in the metadata, not here."""

    model_config = ConfigDict(frozen=True)
    symbol: str
    day: date
    content_sha256: str
    promoted: bool
    reason: str


class Handoff(BaseModel):
    """Whether the night's Brain was handed over, and as what; `content_sha256` is the bundle's."""

    model_config = ConfigDict(frozen=True)
    symbol: str
    day: date
    handed_over: bool
    reason: str
    content_sha256: str | None


@dg.asset(**room("registry", "json"))
def run_manifest(
    context: dg.AssetExecutionContext, feature_version: FeatureVersion, gate_verdict: GateVerdict
) -> dg.MaterializeResult[RunManifest]:
    """Code with its uncommitted changes, settings, content hashes, seeds and package versions: what a rerun needs."""
    day, symbol = symbol_day(context.partition_key)
    seeds = {"engine": settings().seed}
    if settings().market.source == "synthetic":
        seeds["synthetic_market"] = settings().market.synthetic.seed
    pinned, package = feature_version.feature_set.reference, Path(huracan_assets.__path__[0])
    manifest = RunManifest.collect(symbol, day, settings(), pinned, _named(gate_verdict), seeds, package)
    rows = [{"asset": name, "sha256": digest} for name, digest in manifest.data.items()]
    return artifact(
        manifest,
        {
            "feature_set": manifest.feature_set,
            "commit": manifest.code.commit or "not committed",
            "uncommitted_changes": bool(manifest.code.dirty),
            "hashes": dg.MetadataValue.md(markdown_table(rows)),
        },
    )


@dg.asset(**room("registry", "mlflow", "json"))
def registered_model(
    context: dg.AssetExecutionContext,
    decision_bars: pl.DataFrame,
    regimes: pl.DataFrame,
    pattern_library: pl.DataFrame,
    lightgbm_model: LightGBMModel,
    ppo_checkpoint: bytes,
    decision_policy: Policies,
    walk_forward_report: WalkForwardReport,
    forward_ledger: ForwardLedger,
    gate_verdict: GateVerdict,
    run_manifest: RunManifest,
) -> dg.MaterializeResult[Registration]:
    """The night's Brain as a version in MLflow: alias `challenger`, and `champion` only on a verdict that approves it.

    Models of another feature set than this engine makes are refused: their golden rows would be of other features.
    """
    day, symbol = symbol_day(context.partition_key)
    lightgbm_model.feature_set.refuse_unless(engine_set(), f"the model of {symbol} on {day}")
    brain = decision_policy.brain(lightgbm_model, ppo_checkpoint)
    evidence = {"walk_forward_report": walk_forward_report, "gate_verdict": gate_verdict, "run_manifest": run_manifest}
    files = brain.files() | {f"{name}.json": canonical_json(document) for name, document in evidence.items()}
    files["golden.json"] = canonical_json(_golden(brain, decision_bars, regimes, pattern_library))
    artifacts: dict[str, Artifact] = {
        "decision_bars": decision_bars,
        "regimes": regimes,
        "pattern_library": pattern_library,
        "lightgbm_model": lightgbm_model,
        "ppo_checkpoint": ppo_checkpoint,
        "decision_policy": decision_policy,
        "walk_forward_report": walk_forward_report,
        "forward_ledger": forward_ledger,
    }
    refusal = _not_judged(gate_verdict, run_manifest, artifacts, brain)
    decision = _decision(symbol, day, refusal, walk_forward_report, forward_ledger, gate_verdict)
    verdict = "approved" if gate_verdict.approved and refusal is None else "rejected"
    tags = {"verdict": verdict, "feature_set": brain.feature_set.reference}
    version = _registered(symbol, day, files, tags, walk_forward_report)
    Tracking.open().crown(symbol, day, version.version if decision.promote else None)
    digest = version.content_sha256
    return artifact(
        Registration(symbol=symbol, day=day, content_sha256=digest, promoted=decision.promote, reason=decision.reason),
        {
            "version": version.version,
            "feature_set": brain.feature_set.reference,
            "aliases": "challenger, champion" if decision.promote else "challenger",
            "reason": decision.reason,
            "mlflow": dg.MetadataValue.md(link(f"version {version.version} in MLflow", version.url)),
        },
    )


def _registered(
    symbol: str, day: date, files: Mapping[str, bytes], tags: Mapping[str, str], report: WalkForwardReport
) -> ModelVersion:
    """The files as a version, the symbol's challenger where no later night has one."""
    tracking = Tracking.open()
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            atomic_write(Path(folder) / name, data)
        version = tracking.register(symbol, day, folder_hash(Path(folder)), Path(folder), tags, _figures(report))
    tracking.challenge(symbol)
    return version


@dg.asset(**room("registry", "json"))
def handoff_bundle(
    context: dg.AssetExecutionContext, gate_verdict: GateVerdict, registered_model: Registration
) -> dg.MaterializeResult[Handoff]:
    """The signed folder that Hamilton loads, under `bundles/SYMBOL/DAY`; withheld, with the reason, unless promoted.

    A Brain of another feature set than this engine makes ends the run: nobody would feed it what it was trained on.
    """
    day, symbol = symbol_day(context.partition_key)
    target = home() / "bundles" / symbol / day.isoformat()
    refusal = _refusal(gate_verdict, registered_model)
    files: dict[str, bytes] = {}
    if refusal is None:
        files = _files(Tracking.open().find(symbol, registered_model.content_sha256))
        refusal = _other_files(gate_verdict, files)
    if refusal is not None:
        withdraw_bundle(target)
        record = Handoff(symbol=symbol, day=day, handed_over=False, reason=refusal, content_sha256=None)
        return artifact(record, {"handed_over": False, "reason": refusal})
    metadata = {
        "symbol": symbol,
        "day": day.isoformat(),
        "model_sha256": registered_model.content_sha256,
        "feature_set": engine_set().reference,
    }
    bundle = write_bundle(target, files, metadata, approved=gate_verdict.approved, key=signing_key())
    record = Handoff(
        symbol=symbol, day=day, handed_over=True, reason=registered_model.reason, content_sha256=bundle.content_sha256
    )
    rows = [{"file": file.name, "bytes": file.size, "sha256": file.sha256} for file in bundle.manifest.files]
    return artifact(
        record,
        {
            "handed_over": True,
            "folder": str(target),
            "reason": record.reason,
            "files": dg.MetadataValue.md(markdown_table(rows)),
        },
    )


def _refusal(verdict: GateVerdict, registration: Registration) -> str | None:
    if not verdict.approved:
        lines = "; ".join(f"{line.gate} {line.figure_name}" for line in verdict.failures)
        return f"the gates rejected it: {lines}"
    return None if registration.promoted else registration.reason


def _not_judged(
    verdict: GateVerdict, manifest: RunManifest, shipped: Mapping[str, Artifact], brain: Brain
) -> str | None:
    """Why this is not what the verdict is about: what would be shipped is another, or the manifest of another."""
    held = {name: content_hash(value) for name, value in shipped.items()} | {"brain": brain.sha256}
    other = verdict.unjudged(held)
    if manifest.data != _named(verdict):
        other.append("run_manifest")
    return f"not what the gates judged: {', '.join(other)}; {AGAIN}" if other else None


def _named(verdict: GateVerdict) -> dict[str, str]:
    """Content hashes of all that was judged, and of the verdict."""
    return verdict.judged | {"gate_verdict": content_hash(verdict)}


def _decision(
    symbol: str,
    day: date,
    refusal: str | None,
    report: WalkForwardReport,
    forward: ForwardLedger,
    verdict: GateVerdict,
) -> Promotion:
    """Whether the challenger is crowned. A champion that could not trade leaves no forward ledger, but its own days."""
    if refusal is not None:
        return Promotion(False, refusal)
    champion = Tracking.open().champion(symbol, before=day)
    reigning = "none" if champion is None else f"version {champion.version} of {champion.day}"
    if forward.champion not in (None, reigning):
        met = f"the champion is {reigning}, the forward ledger's is {forward.champion}"
        return Promotion(False, f"{met}: materialise forward_ledger again")
    return promotion(verdict.approved, *_paired(report, forward, champion), verdict.bounds.promotion_p_max)


def _files(version: ModelVersion) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return {file.name: file.read_bytes() for file in Tracking.open().download(version, Path(folder)).iterdir()}


def _other_files(verdict: GateVerdict, files: Mapping[str, bytes]) -> str | None:
    """Why the registered files are not what this verdict is about."""
    other = verdict.unjudged({"brain": Brain.from_files(files, engine_set()).sha256})
    if files.get("gate_verdict.json") != canonical_json(verdict):
        other.append("its gate_verdict")
    return f"what is registered was not judged by this verdict: {', '.join(other)}; {AGAIN}" if other else None


def _paired(
    report: WalkForwardReport, forward: ForwardLedger, champion: ModelVersion | None
) -> tuple[Series, Series | None, float | None]:
    """Daily returns of challenger and champion on their common days, and the paired bootstrap's p-value.

    The champion's are those of its own files, and beyond them its forward trades.
    """
    challenger = dict(report.daily)
    if champion is None:
        return np.array(list(challenger.values())), None, None
    before = orjson.loads(_files(champion)["walk_forward_report.json"])["daily"]
    theirs = {date.fromisoformat(day): value for day, value in before} | dict(forward.daily)
    common = sorted(set(challenger) & set(theirs))
    ours, other = (np.array([series[day] for day in common]) for series in (challenger, theirs))
    validation = settings().validation
    p_value = None
    if len(common) > 2 * validation.bootstrap_block_days:
        rng = np.random.default_rng([settings().seed, 7])
        p_value = challenger_p_value(ours, other, validation.bootstrap_block_days, validation.bootstrap_paths, rng)
    return ours, other, p_value


def _golden(brain: Brain, bars: pl.DataFrame, regimes: pl.DataFrame, recalled: pl.DataFrame) -> dict[str, Any]:
    """The newest bars' features and context and the models' answers, for the execution side to check its own."""
    rows = bars.tail(GOLDEN_BARS)
    features = feature_matrix(rows, brain.names)
    raw = brain.models.predict(features)
    context = bar_context(rows["as_of"].to_numpy(), regimes, recalled)
    return {
        "as_of": [moment.isoformat() for moment in rows["as_of"]],
        "features": rows.select(brain.names).to_dict(as_series=False),
        "raw": raw.tolist(),
        "lean": brain.models.lean(raw).tolist(),
        "context": context.tolist(),
        "vote": vote(brain.agent, features, context).tolist(),
    }


def _figures(report: WalkForwardReport) -> dict[str, float]:
    return {name: float(value) for name, value in report if isinstance(value, int | float)}
