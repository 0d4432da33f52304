"""What is registered and handed over is what the gates judged, and a crown is won against the champion's own days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest

from huracan_assets.days import DAY
from huracan_assets.decision.assets import Policies
from huracan_assets.definitions import ROOMS
from huracan_assets.gates.seven_gates import judge
from huracan_assets.gates.verdict import GateVerdict
from huracan_assets.learning.ppo_checkpoint import load, save
from huracan_assets.learning.records import LightGBMModel
from huracan_assets.memory.recall import RECALL_SCHEMA
from huracan_assets.partitions import partition_key
from huracan_assets.regimes.regimes import classify
from huracan_assets.registry.assets import Handoff, Registration
from huracan_assets.registry.bundle import load_bundle
from huracan_assets.registry.manifest import RunManifest
from huracan_assets.registry.signing import signing_key
from huracan_assets.resources.io_manager import LakeIOManager
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.tracking import Tracking, folder_hash
from huracan_assets.settings import settings
from huracan_assets.shadow.forward import ForwardLedger
from huracan_assets_tests.decision.brains import brain, stretch
from huracan_assets_tests.gates.evidence import evidence, record

SYMBOL, NIGHT = "NEAR-USDT", date(2026, 1, 6)
OUT_OF_SAMPLE = [NIGHT - timedelta(days=ago) for ago in range(30)][::-1]
KNOWN = [each for each in dg.load_assets_from_modules(ROOMS) if isinstance(each, dg.AssetsDefinition)]
BOTH = ("registered_model", "handoff_bundle")
FIRST = ForwardLedger(
    champion=None, champion_day=None, note="first", backtest_sharpe=None, trades=0, daily=()
)  # fmt: skip


def daily(gain: float, seed: int = 0) -> tuple[tuple[date, float], ...]:
    """Returns that scatter much by `seed`, and lie `gain` above."""
    noise = np.random.default_rng(seed).normal(0.0, 0.01, len(OUT_OF_SAMPLE))
    return tuple(zip(OUT_OF_SAMPLE, (noise + gain).tolist(), strict=True))


def rows() -> dict[str, pl.DataFrame]:
    bars = stretch().bars(settings().decision_minutes)
    silent = pl.DataFrame(schema=RECALL_SCHEMA).clear(bars.height).with_columns(as_of=bars["as_of"])
    told = silent.with_columns(pl.col("neighbours", "long_neighbours", "short_neighbours").fill_null(0))
    return {"decision_bars": bars, "regimes": classify(bars), "pattern_library": told}


def prepare(night: date, forward: ForwardLedger = FIRST, gain: float = 0.001, **verdict: Any) -> GateVerdict:
    """All that registration reads of a night that the gates approved, in the lake."""
    lake, tonight = Lake.open(), brain()
    model = LightGBMModel(
        names=tonight.names, recipe_sha256=tonight.recipe_sha256, folds=(), per_fold=(), final=tonight.models,
        importance=(), out_of_fold_sha256="0" * 64,
    )  # fmt: skip
    documents: dict[str, Any] = {
        "lightgbm_model": model,
        "decision_policy": Policies(per_fold=(None,), fitted_until=(None,), final=tonight.policy),
        "walk_forward_report": record(daily=daily(gain)),
        "forward_ledger": forward,
    }
    held = {name: lake.write_frame(name, SYMBOL, night, frame) for name, frame in rows().items()}
    held |= {name: lake.write_document(name, SYMBOL, night, value) for name, value in documents.items()}
    held["ppo_checkpoint"] = lake.write_weights("ppo_checkpoint", SYMBOL, night, tonight.agent)
    found = judge(SYMBOL, night, evidence(judged=held | {"brain": tonight.sha256}, **verdict), settings().gates)
    write_verdict(night, found, found.judged)
    return found


def write_verdict(night: date, verdict: GateVerdict, named: dict[str, str]) -> None:
    digest = Lake.open().write_document("gate_verdict", SYMBOL, night, verdict)
    data, pinned = named | {"gate_verdict": digest}, brain().feature_set.reference
    manifest = RunManifest.collect(SYMBOL, night, settings(), pinned, data, {}, Path(__file__).parent)
    Lake.open().write_document("run_manifest", SYMBOL, night, manifest)


def run(night: date, *assets: str) -> tuple[Registration, Handoff | None]:
    """Register, or register and hand over, and read back what was recorded."""
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize(
            KNOWN,
            selection=list(assets),
            instance=instance,
            partition_key=partition_key(night, SYMBOL),
            resources={"io_manager": LakeIOManager()},
        ).success
    lake = Lake.open()
    registration = Registration.model_validate(lake.read_document("registered_model", SYMBOL, night))
    if "handoff_bundle" not in assets:
        return registration, None
    return registration, Handoff.model_validate(lake.read_document("handoff_bundle", SYMBOL, night))


@pytest.fixture
def bundles(engine_home: Path) -> Iterator[Path]:
    """Where bundles of the symbol lie; afterwards nobody is crowned."""
    yield engine_home / "bundles" / SYMBOL
    for night in (NIGHT, NIGHT + DAY):
        Tracking.open().crown(SYMBOL, night, None)


def test_what_was_judged_is_handed_over_and_again_with_the_same_hash(bundles: Path) -> None:
    prepare(NIGHT)
    registered, handed = run(NIGHT, *BOTH)
    assert registered.promoted, registered.reason
    assert handed is not None and handed.handed_over
    assert load_bundle(bundles / str(NIGHT), signing_key().public_key()).content_sha256 == handed.content_sha256
    assert run(NIGHT, *BOTH) == (registered, handed)
    assert run(NIGHT, "handoff_bundle") == (registered, handed)


def spoil(asset: str) -> None:
    """Make an artifact of the night again, as another one."""
    lake = Lake.open()
    if asset == "decision_bars":
        lake.write_frame(asset, SYMBOL, NIGHT, rows()[asset][1:])
        return
    if asset == "ppo_checkpoint":
        twice = [*load(brain().agent), *load(brain().agent)]
        lake.write_weights(asset, SYMBOL, NIGHT, save(twice, brain().feature_set.reference))
        return
    document = lake.read_document(asset, SYMBOL, NIGHT)
    if asset == "decision_policy":
        document["final"]["limits"]["min_confidence"] = 0.6
    elif asset == "lightgbm_model":
        document["final"]["usual_lean"] *= 2.0
    else:
        document["sharpe"] = 99.0
    lake.write_document(asset, SYMBOL, NIGHT, document)


def test_what_was_made_again_after_the_verdict_is_neither_crowned_nor_handed_over(bundles: Path) -> None:
    changed = ("lightgbm_model", "decision_policy", "ppo_checkpoint", "walk_forward_report", "decision_bars")
    prepare(NIGHT)
    assert run(NIGHT, *BOTH)[0].promoted
    for asset in changed:
        prepare(NIGHT)
        spoil(asset)
        registered, _ = run(NIGHT, "registered_model")
        assert not registered.promoted
        brains = ["brain"] if asset in changed[:3] else []
        assert registered.reason.startswith(f"not what the gates judged: {', '.join(sorted([asset, *brains]))}; ")
        assert Tracking.open().champion(SYMBOL) is None
    assert (bundles / str(NIGHT)).exists()
    _, handed = run(NIGHT, *BOTH)
    assert handed is not None and not handed.handed_over
    assert handed.reason == registered.reason
    assert not (bundles / str(NIGHT)).exists()


def test_a_manifest_of_another_run_is_not_signed(bundles: Path) -> None:
    verdict = prepare(NIGHT)
    for named in (verdict.judged | {"lightgbm_model": "b" * 64}, verdict.judged):
        write_verdict(NIGHT, verdict, named)
        registered, _ = run(NIGHT, "registered_model")
        assert registered.promoted is (named == verdict.judged)
    later = judge(SYMBOL, NIGHT, evidence(judged=verdict.judged, walk_forward=record(sharpe=4.0)), settings().gates)
    Lake.open().write_document("gate_verdict", SYMBOL, NIGHT, later)
    registered, _ = run(NIGHT, "registered_model")
    assert not registered.promoted
    assert "run_manifest" in registered.reason


def test_a_verdict_after_the_registration_is_another_one(bundles: Path) -> None:
    verdict = prepare(NIGHT)
    assert run(NIGHT, *BOTH)[0].promoted
    for later in (
        judge(SYMBOL, NIGHT, evidence(judged=verdict.judged, walk_forward=record(sharpe=4.0)), settings().gates),
        judge(SYMBOL, NIGHT, evidence(judged=verdict.judged | {"brain": "c" * 64}), settings().gates),
    ):
        assert later.approved
        Lake.open().write_document("gate_verdict", SYMBOL, NIGHT, later)
        _, handed = run(NIGHT, "handoff_bundle")
        assert handed is not None and not handed.handed_over
        assert "was not judged by this verdict" in handed.reason
        assert not (bundles / str(NIGHT)).exists()


def test_another_brain_under_the_same_verdict_is_not_handed_over(bundles: Path, tmp_path: Path) -> None:
    prepare(NIGHT)
    registered, _ = run(NIGHT, *BOTH)
    tracking = Tracking.open()
    folder = tracking.download(tracking.find(SYMBOL, registered.content_sha256), tmp_path)
    policy = brain().policy
    eager = policy.model_copy(update={"limits": policy.limits.model_copy(update={"min_confidence": 0.6})})
    for name, data in replace(brain(), policy=eager).files().items():
        (folder / name).write_bytes(data)
    other = tracking.register(SYMBOL, NIGHT, folder_hash(folder), folder, {}, {})
    forged = registered.model_copy(update={"content_sha256": other.content_sha256})
    Lake.open().write_document("registered_model", SYMBOL, NIGHT, forged)
    _, handed = run(NIGHT, "handoff_bundle")
    assert handed is not None and not handed.handed_over
    assert "was not judged by this verdict: brain" in handed.reason


def test_a_rejection_takes_the_earlier_bundle_of_its_day_back_and_no_other(bundles: Path) -> None:
    prepare(NIGHT)
    run(NIGHT, *BOTH)
    prepare(NIGHT, walk_forward=record(sharpe=-1.0))
    (bundles / str(NIGHT - DAY)).mkdir()
    registered, handed = run(NIGHT, *BOTH)
    assert not registered.promoted
    assert handed is not None and not handed.handed_over
    assert [path.name for path in bundles.iterdir()] == [str(NIGHT - DAY)]
    (bundles / str(NIGHT - DAY)).rmdir()


def reign(gain: float) -> str:
    """Crown the Brain of `NIGHT`, whose days lie `gain` above those without; the champion's name."""
    prepare(NIGHT, gain=gain)
    assert run(NIGHT, "registered_model")[0].promoted
    found = Tracking.open().champion(SYMBOL)
    assert found is not None
    return f"version {found.version} of {found.day}"


@pytest.mark.parametrize(("ours", "promoted"), [(0.004, True), (0.001, False), (-0.002, False)])
def test_a_challenger_is_crowned_only_if_it_beats_the_champions_own_days(
    bundles: Path, ours: float, promoted: bool
) -> None:
    name = reign(0.001)
    # The lake's report of that day is made again after the crowning: it is not the champion's record.
    Lake.open().write_document("walk_forward_report", SYMBOL, NIGHT, record(daily=daily(0.1)))
    met = FIRST.model_copy(update={"champion": name, "champion_day": NIGHT, "daily": ((NIGHT + DAY, 0.0),)})
    prepare(NIGHT + DAY, met, gain=ours)
    registered, _ = run(NIGHT + DAY, "registered_model")
    assert registered.promoted is promoted, registered.reason
    assert f"by {1e4 * (ours - 0.001):+.2f} bps a day over 30 paired days" in registered.reason
    (Lake.open().path("walk_forward_report", SYMBOL, NIGHT, "json")).unlink()
    assert run(NIGHT + DAY, "registered_model")[0] == registered


def test_forward_days_are_paired_too_and_are_the_champions_newest_word(bundles: Path) -> None:
    name = reign(0.001)
    last = OUT_OF_SAMPLE[-1]
    before = dict(daily(0.004))
    met = FIRST.model_copy(update={"champion": name, "champion_day": NIGHT, "daily": ((last, before[last] - 0.003),)})
    prepare(NIGHT + DAY, met, gain=0.004)
    assert "by +30.00 bps a day over 30" in run(NIGHT + DAY, "registered_model")[0].reason
    worse = met.model_copy(update={"daily": ((last, before[last] - 0.033),)})
    prepare(NIGHT + DAY, worse, gain=0.004)
    assert "by +40.00 bps a day over 30" in run(NIGHT + DAY, "registered_model")[0].reason


def test_a_forward_ledger_of_another_champion_is_no_evidence(bundles: Path) -> None:
    reign(0.001)
    other = FIRST.model_copy(update={"champion": f"version 99 of {NIGHT}", "champion_day": NIGHT})
    prepare(NIGHT + DAY, other, gain=0.004)
    registered, _ = run(NIGHT + DAY, "registered_model")
    assert not registered.promoted
    assert "materialise forward_ledger again" in registered.reason


@pytest.mark.parametrize(("ours", "promoted"), [(0.004, True), (0.001, False)])
def test_a_champion_that_could_not_trade_is_still_to_be_beaten(bundles: Path, ours: float, promoted: bool) -> None:
    reign(0.001)
    prepare(NIGHT + DAY, FIRST, gain=ours)
    registered, _ = run(NIGHT + DAY, "registered_model")
    assert registered.promoted is promoted
    assert "over 30 paired days" in registered.reason


def test_the_bound_of_the_paired_test_is_the_verdicts(bundles: Path) -> None:
    name = reign(0.001)
    met = FIRST.model_copy(update={"champion": name, "champion_day": NIGHT})
    found = prepare(NIGHT + DAY, met, gain=0.004)
    strict = found.bounds.model_copy(update={"promotion_p_max": 1e-6})
    write_verdict(NIGHT + DAY, found.model_copy(update={"bounds": strict}), found.judged)
    registered, _ = run(NIGHT + DAY, "registered_model")
    assert not registered.promoted
    assert "against 1e-06" in registered.reason
