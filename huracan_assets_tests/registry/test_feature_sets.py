"""What was trained on features that this engine no longer makes is neither asked for trades nor handed over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from huracan_assets.days import DAY
from huracan_assets.decision.assets import Policies
from huracan_assets.decision.brain import Brain
from huracan_assets.errors import FeatureSetMismatch
from huracan_assets.features.feature_sets import engine_set
from huracan_assets.features.feature_version import FeatureDay, FeatureVersion
from huracan_assets.gates.seven_gates import judge
from huracan_assets.gates.verdict import GateVerdict
from huracan_assets.learning.records import LightGBMModel
from huracan_assets.partitions import partition_key
from huracan_assets.registry.assets import Registration, handoff_bundle, registered_model
from huracan_assets.registry.manifest import RunManifest
from huracan_assets.resources.io_manager import LakeIOManager
from huracan_assets.resources.lake import Lake, canonical_json
from huracan_assets.resources.tracking import Tracking, folder_hash
from huracan_assets.settings import settings
from huracan_assets.shadow.assets import forward_ledger
from huracan_assets.shadow.forward import ForwardLedger
from huracan_assets.validation.walk_forward_report import WalkForwardReport
from huracan_assets_tests.decision.brains import brain, brain_of_an_older_recipe
from huracan_assets_tests.gates.evidence import evidence

SYMBOL, TRAINED = "WAVES-USDT", date(2024, 3, 1)
OLDER = brain_of_an_older_recipe()


@pytest.fixture
def champion(engine_home: Path, tmp_path: Path) -> Iterator[str]:
    """The registered, crowned Brain of an earlier recipe; its content hash."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name, data in (OLDER.files() | {"walk_forward_report.json": canonical_json({"sharpe": 1.0})}).items():
        (folder / name).write_bytes(data)
    digest = folder_hash(folder)
    tracking = Tracking.open()
    version = tracking.register(SYMBOL, TRAINED, digest, folder, {"verdict": "approved"}, {})
    tracking.crown(SYMBOL, TRAINED, version.version)
    yield digest
    tracking.crown(SYMBOL, TRAINED, None)


def materialize(asset: dg.AssetsDefinition, day: date) -> dg.ExecuteInProcessResult:
    from huracan_assets.definitions import ROOMS

    known = [each for each in dg.load_assets_from_modules(ROOMS) if isinstance(each, dg.AssetsDefinition)]
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            known,
            selection=[asset.key],
            instance=instance,
            partition_key=partition_key(day, SYMBOL),
            resources={"io_manager": LakeIOManager()},
            raise_on_error=False,
        )


def test_the_record_of_such_a_champion_ends_and_says_why(champion: str) -> None:
    lake, night = Lake.open(), TRAINED + DAY
    days = (FeatureDay(day=night, candles_sha256="c", funding_sha256="", books_sha256=None, features_sha256="f"),)
    ours = engine_set()
    version = FeatureVersion(
        symbol=SYMBOL, day=night, recipe_sha256=ours.recipe_sha256, names=ours.names, days=days
    )  # fmt: skip
    lake.write_document("feature_version", SYMBOL, night, version)
    for asset in ("decision_bars", "pattern_library"):
        lake.write_frame(asset, SYMBOL, night, pl.DataFrame(schema={"as_of": pl.Datetime("us", "UTC")}))
    assert materialize(forward_ledger, night).success
    ledger = ForwardLedger.model_validate(lake.read_document("forward_ledger", SYMBOL, night))
    assert ledger.champion is None
    assert ledger.trades == 0
    assert OLDER.feature_set.short in ledger.note
    assert ours.short in ledger.note


def test_a_hand_over_of_such_a_brain_fails_and_leaves_no_bundle(champion: str, engine_home: Path) -> None:
    lake = Lake.open()
    verdict = judge(SYMBOL, TRAINED, evidence(), settings().gates)
    assert verdict.approved
    lake.write_document("gate_verdict", SYMBOL, TRAINED, verdict)
    registered = Registration(symbol=SYMBOL, day=TRAINED, content_sha256=champion, promoted=True, reason="first")
    lake.write_document("registered_model", SYMBOL, TRAINED, registered)
    ended = materialize(handoff_bundle, TRAINED)
    assert not ended.success
    (failure,) = ended.get_step_failure_events()
    error = failure.step_failure_data.error
    assert error is not None
    said = error.to_string()
    assert "FeatureSetMismatch" in said
    assert OLDER.feature_set.short in said
    assert engine_set().short in said
    assert not (engine_home / "bundles" / SYMBOL).exists()
    assert not lake.has("handoff_bundle", SYMBOL, TRAINED, "json")


def test_a_model_of_such_features_is_not_registered() -> None:
    trained = LightGBMModel.model_construct(names=OLDER.names, recipe_sha256=OLDER.recipe_sha256)
    # Refused before anything else is looked at.
    unread = (Policies, WalkForwardReport, ForwardLedger, GateVerdict, RunManifest)
    context = dg.build_asset_context(partition_key=partition_key(TRAINED, SYMBOL))
    with pytest.raises(FeatureSetMismatch, match=f"the model of {SYMBOL} on {TRAINED}"):
        registered_model(context, *[pl.DataFrame()] * 3, trained, b"", *(kind.model_construct() for kind in unread))


def test_the_same_brain_of_this_recipe_would_load() -> None:
    assert Brain.from_files(brain().files(), engine_set()).feature_set == engine_set()
