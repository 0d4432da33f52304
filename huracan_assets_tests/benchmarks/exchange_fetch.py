"""Candles of many symbols from an exchange into daily files of the lake, each fetch a process of its own.

The exchange is the tests' emulator, in its own process and without a rate limit: what is measured is the door.
"""

from __future__ import annotations

import atexit
import shutil
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from huracan_assets_tests.benchmarks.harness import Usage, benchmark, measure_process

SYMBOLS = tuple(f"C{number:02}-USDT" for number in range(20))
FIRST = date(2024, 1, 1)
DAYS, FEWER_DAYS = 30, 10
RUNS = 3
FETCH = """
import sys
from datetime import date
from huracan_assets.days import days_between
from huracan_assets.market.candle_days import Written, write_days
from huracan_assets.resources.lake import Lake
from huracan_assets_tests.market.exchange_emulator.door import door

url, lake, first, last, *symbols = sys.argv[1:]
days = days_between(date.fromisoformat(first), date.fromisoformat(last))
made = write_days(door(url, timeout_s=20.0), Lake.at(lake), dict.fromkeys(symbols, days))
assert sum(isinstance(day, Written) for day in made) == len(days) * len(symbols)
"""


@benchmark(unit="s", bound=60.0, runs=RUNS)
def exchange_fetch() -> float:
    """Wall seconds of a whole process that fetches 20 symbols x 30 days of minutes, contracts and files included."""
    return _fetched(DAYS).wall_s


@benchmark(unit="ratio", bound=1.15, runs=RUNS)
def exchange_fetch_memory() -> float:
    """Peak resident memory of 30 days over that of 10 days: 1 is flat in the number of days."""
    return _fetched(DAYS).peak_rss_mib / _fetched(FEWER_DAYS).peak_rss_mib


def _fetched(days: int) -> Usage:
    folder = Path(tempfile.mkdtemp(prefix="huracan-bench-"))
    last = FIRST + timedelta(days=days - 1)
    command = (sys.executable, "-c", FETCH, _exchange(), str(folder), str(FIRST), str(last), *SYMBOLS)
    try:
        usage = measure_process(command, pinned=False)
    finally:
        shutil.rmtree(folder)
    if usage.exit_code != 0:
        raise RuntimeError(f"the fetch failed:\n{usage.output[-4000:]}")
    return usage


@cache
def _exchange() -> str:
    """The address of an emulator that serves for as long as this process lives: it ends with its input."""
    last = FIRST + timedelta(days=DAYS - 1)
    command = (sys.executable, "-m", "huracan_assets_tests.market.exchange_emulator", str(FIRST), str(last), *SYMBOLS)
    emulator = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(emulator.communicate)
    assert emulator.stdout is not None
    url = emulator.stdout.readline().strip()
    if not url:
        raise RuntimeError(f"the emulator did not start: {' '.join(command)}")
    return url
