"""The approved path: registered, crowned, signed, loadable and reproducible; and the champion's first night after."""

from __future__ import annotations

import subprocess
import sys

import orjson
import pytest

from huracan_assets.errors import BundleError
from huracan_assets.registry.bundle import load_bundle
from huracan_assets.registry.signing import KEY_NAME, read_public_key, signing_key
from huracan_assets_tests.end_to_end.conftest import Night
from huracan_assets_tests.end_to_end.engine import REPOSITORY


def test_an_approved_brain_is_challenger_and_champion(night: Night) -> None:
    verdict = night.engine.document("gate_verdict", night.symbol, night.day)
    assert verdict["approved"], [line for line in verdict["lines"] if not line["provisional"]]
    assert verdict["provisional"]  # a first model has no live history, and its verdict says so
    assert night.aliases == {"challenger": 1, "champion": 1}
    assert night.engine.document("registered_model", night.symbol, night.day)["promoted"]


def test_the_bundle_is_signed_by_this_engine_and_by_no_other(
    night: Night, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = night.engine.home / "bundles" / night.symbol / str(night.day)
    bundle = load_bundle(folder, read_public_key(night.engine.home / "keys" / f"{KEY_NAME}.pub"))
    handoff = night.engine.document("handoff_bundle", night.symbol, night.day)
    assert handoff["handed_over"]
    assert bundle.content_sha256 == handoff["content_sha256"]
    registered = night.engine.document("registered_model", night.symbol, night.day)
    assert bundle.manifest.metadata["model_sha256"] == registered["content_sha256"]
    stranger = signing_key(tmp_path_factory.mktemp("stranger") / "keys").public_key()
    with pytest.raises(BundleError, match="do not fit this public key"):
        load_bundle(folder, stranger)


def test_the_bundle_carries_its_evidence(night: Night) -> None:
    folder = night.engine.home / "bundles" / night.symbol / str(night.day)
    for asset in ("gate_verdict", "walk_forward_report", "run_manifest"):
        held = orjson.loads((folder / f"{asset}.json").read_bytes())
        assert held == night.engine.document(asset, night.symbol, night.day)


def test_the_golden_rows_reproduce_from_the_bundles_files_alone(night: Night) -> None:
    folder = night.engine.home / "bundles" / night.symbol / str(night.day)
    ended = subprocess.run(
        [sys.executable, "-m", "huracan_assets_tests.end_to_end.golden", str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found = orjson.loads(ended.stdout)
    assert found["rows"] == 32
    assert found["raw_differs"] == found["lean_differs"] == found["vote_differs"] == 0
    assert found["distinct_answers"] > 3  # a constant would reproduce, too


def test_the_champion_trades_the_day_it_has_never_seen(night: Night, next_night: Night) -> None:
    assert night.engine.document("forward_ledger", night.symbol, night.day)["champion"] is None
    forward = next_night.engine.document("forward_ledger", night.symbol, next_night.day)
    assert forward["champion"] == f"version {night.aliases['champion']} of {night.day}"
    assert [day for day, _ in forward["daily"]] == [str(next_night.day)]
    promised = night.engine.document("walk_forward_report", night.symbol, night.day)["sharpe"]
    assert forward["backtest_sharpe"] == promised


def test_without_a_champion_and_after_one_day_of_it_gate_seven_is_provisional_and_says_so(
    night: Night, next_night: Night
) -> None:
    for which, because in ((night, "no live history"), (next_night, "fewer than 90 days: 1 days of version 1")):
        lines = which.engine.document("gate_verdict", which.symbol, which.day)["lines"]
        (live,) = [line for line in lines if line["gate"] == "7 live consistency"]
        assert live["provisional"]
        assert because in live["sentence"]


def test_a_provisional_challenger_does_not_replace_a_champion_that_it_does_not_beat(
    night: Night, next_night: Night
) -> None:
    registered = next_night.engine.document("registered_model", night.symbol, next_night.day)
    assert not registered["promoted"]
    assert registered["reason"].startswith("The champion stays")
    assert not next_night.engine.document("handoff_bundle", night.symbol, next_night.day)["handed_over"]
    assert next_night.aliases["champion"] == night.aliases["champion"]


def test_the_next_night_remembers_the_trades_of_the_first(night: Night, next_night: Night) -> None:
    assert night.engine.frame("pattern_library", night.symbol, night.day)["neighbours"].sum() == 0
    recalled = next_night.engine.frame("pattern_library", night.symbol, next_night.day)
    assert recalled["neighbours"].sum() > 0
