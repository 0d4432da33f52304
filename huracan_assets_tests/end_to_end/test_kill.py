"""A run that is killed at any instant leaves nothing half made, and the next one ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from huracan_assets.partitions import partition_key
from huracan_assets_tests.end_to_end.conftest import NewEngine, Night, look_at
from huracan_assets_tests.end_to_end.engine import BIN, REPOSITORY, Engine, aliases, materialize_words

SEED = 20260101
# In the log, the line after which the run is killed, within so many seconds: while it heals, learns, and registers.
KILLED_AT = (
    ("healing 23 days of features", 1.0),
    ("shadow_ledger - STEP_START", 0.6),
    ("registered_model - STEP_START", 0.5),
)


def kill_at(engine: Engine, key: str, line: str, delay: float) -> str:
    """Start a night and SIGKILL it `delay` seconds after `line` has come; what it said."""
    words = materialize_words("*", key)
    said = []
    with subprocess.Popen(
        [str(BIN / words[0]), *words[1:]],
        cwd=REPOSITORY,
        env=engine.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        assert child.stdout is not None
        for heard in child.stdout:
            said.append(heard)
            if line in heard:
                break
        time.sleep(delay)
        os.kill(child.pid, signal.SIGKILL)
        said.append(child.stdout.read())
        assert child.wait(60) == -signal.SIGKILL, "".join(said)[-3000:]
    return "".join(said)


def visible_faults(lake: Path) -> list[str]:
    """Artifacts that are not whole: what an `ls` or a reader of the lake would take for one."""
    import orjson
    import polars as pl

    from huracan_assets.resources.lake import HASH_KEY, content_hash

    faults = []
    for path in sorted(lake.rglob("*")):
        if not path.is_file() or path.name.startswith("."):
            continue
        try:
            if path.suffix == ".parquet":
                told = pl.read_parquet_metadata(path)[HASH_KEY]
                whole = content_hash(pl.read_parquet(path)) == told
            elif path.suffix == ".json":
                whole = bool(orjson.loads(path.read_bytes()))
            else:
                whole = path.suffix == ".safetensors" and path.stat().st_size > 0
        except (pl.exceptions.PolarsError, orjson.JSONDecodeError, KeyError):
            whole = False
        if not whole:
            faults.append(str(path))
    return faults


@pytest.fixture(scope="module")
def survivor(new_engine: NewEngine, night: Night) -> Night:
    """A home in which the night was killed three times before it was left to end."""
    engine, rng = new_engine(night.engine.variables), random.Random(SEED)
    key = partition_key(night.day, night.symbol)
    for line, within in KILLED_AT:
        said = kill_at(engine, key, line, rng.uniform(0.0, within))
        assert line in said
        assert "RUN_SUCCESS" not in said, f"too late to kill: {line}"
        assert visible_faults(engine.lake) == []
        assert not (engine.home / "bundles" / night.symbol / str(night.day)).exists()
        with engine.opened():
            check_the_throne(engine, night.symbol)
    # Twice the whole night was begun anew; the last time only what the kill had left undone.
    ended = engine.materialize("registered_model,handoff_bundle", key).succeeded()
    return look_at(engine, night.symbol, night.day, ended)


def check_the_throne(engine: Engine, symbol: str) -> None:
    """Whoever is called champion was crowned by a night, and its files are there."""
    from tempfile import TemporaryDirectory

    from huracan_assets.resources.tracking import Tracking

    named, tracking = aliases(symbol), Tracking.open()
    crowned = tracking.champion(symbol)
    assert named.get("champion") in (None, crowned.version if crowned else None)
    if crowned is not None:
        with TemporaryDirectory() as folder:
            assert (tracking.download(crowned, Path(folder)) / "policy.json").is_file()


def test_the_killed_night_ends_as_the_undisturbed_one(survivor: Night, night: Night) -> None:
    assert survivor.lake == night.lake
    assert survivor.recorded == night.recorded
    assert survivor.aliases == night.aliases


def test_every_healed_day_is_on_record_although_its_run_was_killed(survivor: Night, night: Night) -> None:
    made = {place.removesuffix(".parquet") for place in survivor.lake if place.startswith(("candles", "features"))}
    known = {
        f"{asset}/{key.split('|')[1]}/{key.split('|')[0]}"
        for asset, key in survivor.recorded
        if asset in ("candles", "features")
    }
    assert made == known


def test_killed_fits_count_as_trials_once(survivor: Night, night: Night) -> None:
    assert survivor.trials == night.trials


def test_the_survivors_bundle_is_the_undisturbed_ones(survivor: Night, night: Night) -> None:
    def handed_over(which: Night) -> object:
        return which.engine.document("handoff_bundle", which.symbol, which.day)["content_sha256"]

    assert handed_over(survivor) == handed_over(night) is not None
    bundles = survivor.engine.home / "bundles" / night.symbol
    assert [path.name for path in bundles.iterdir()] == [str(night.day)]
