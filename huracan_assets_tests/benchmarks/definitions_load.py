"""How long the code location takes to load, as every run, daemon and web server must."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from huracan_assets_tests.benchmarks.harness import benchmark, measure_process

REPOSITORY = Path(__file__).resolve().parent.parent.parent


@benchmark(unit="s", bound=6.0)
def definitions_load() -> float:
    """Wall seconds of `dagster definitions validate` on one core, files in the page cache."""
    dagster = str(Path(sys.executable).parent / "dagster")
    with tempfile.TemporaryDirectory() as home:
        usage = measure_process(
            (dagster, "definitions", "validate", "-w", str(REPOSITORY / "workspace.yaml")),
            {"DAGSTER_HOME": home, "HURACAN_HOME": home},
        )
    if usage.exit_code != 0:
        raise RuntimeError(f"dagster definitions validate failed:\n{usage.output}")
    return usage.wall_s
