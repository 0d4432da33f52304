"""A night of one symbol on real candles, as a whole process on one core: time, memory, and what orchestration costs.

The three figures come from the same runs. The lake holds the candles; features and everything after are made.
"""

from __future__ import annotations

import atexit
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path

from huracan_assets_tests.benchmarks.harness import Usage, benchmark, measure_process
from huracan_assets_tests.real_candles import SPOT_2023, archive_variables

DAGSTER = str(Path(sys.executable).parent / "dagster")
SYMBOL, NIGHT = "ETH-USDT", "2023-07-31"
BACKFILL = ("2023-02-01", "2023-04-01")  # 60 days, an outage of the venue among them
RUNS = 3
STEP = re.compile(r"STEP_SUCCESS.* in ([0-9.]+)(ms|s|m)\b")


@dataclass(frozen=True)
class Night:
    """One run: the whole process, and the seconds spent inside steps."""

    usage: Usage
    inside_s: float


@benchmark(unit="s", bound=90.0, runs=RUNS)
def nightly_symbol_day() -> float:
    """Wall seconds of a night, 150 days of candles in the lake."""
    return next(_nights("wall")).usage.wall_s


@benchmark(unit="MiB", bound=2.5 * 1024, runs=RUNS)
def nightly_peak_memory() -> float:
    """Resident memory of the largest process of the same nights."""
    return next(_nights("memory")).usage.peak_rss_mib


@benchmark(unit="s", bound=12.0, runs=RUNS)
def orchestration_overhead() -> float:
    """Process start to end of the same nights, less the time inside steps."""
    night = next(_nights("overhead"))
    return night.usage.wall_s - night.inside_s


@benchmark(unit="s", bound=45.0, runs=RUNS)
def backfill_60_days() -> float:
    """Wall seconds of candles and features of 60 days of one symbol, from the archive, in one run, on a fresh home."""
    home = _folder()
    first, last = (f"{day}|{SYMBOL}" for day in BACKFILL)
    usage = _materialize(home, "candles,features", "--partition-range", f"{first}...{last}")
    shutil.rmtree(home)
    return usage.wall_s


@cache
def _nights(_figure: str) -> Iterator[Night]:
    """The same nights for each figure."""
    return cycle(_measured())


@cache
def _measured() -> tuple[Night, ...]:
    """`RUNS` nights, each on a copy of a home whose lake holds candles and nothing else."""
    prepared = _folder()
    _materialize(prepared, "*", "--partition", f"{NIGHT}|{SYMBOL}")
    for asset in (prepared / "lake").iterdir():
        if asset.name not in ("candles", "funding_rates"):
            shutil.rmtree(asset)
    nights = []
    for _ in range(RUNS):
        home = _folder()
        shutil.copytree(prepared / "lake", home / "lake")
        usage = _materialize(home, "*", "--partition", f"{NIGHT}|{SYMBOL}")
        nights.append(Night(usage, _inside(usage.output)))
    return tuple(nights)


def _materialize(home: Path, select: str, *partition: str) -> Usage:
    if not SPOT_2023.is_dir():
        raise FileNotFoundError(
            f"real candles are not at {SPOT_2023}: set HURACAN_SHARED to the folder that holds data/"
        )
    command = (DAGSTER, "asset", "materialize", "-m", "huracan_assets.definitions", "--select", select, *partition)
    usage = measure_process(command, {"HURACAN_HOME": str(home)} | archive_variables())
    if usage.exit_code != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{usage.output[-4000:]}")
    return usage


def _inside(log: str) -> float:
    scale = {"ms": 1e-3, "s": 1.0, "m": 60.0}
    return sum(float(value) * scale[unit] for value, unit in STEP.findall(log))


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="huracan-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
