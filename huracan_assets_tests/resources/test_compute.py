"""The budget divides the cores, never overrules the user where bits allow it, and never changes what is computed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.errors import SettingsError
from huracan_assets.resources.compute import NEW_OBJECTS, ONE_THREAD_VARIABLES, THREAD_VARIABLES, ComputeBudget

# Sums long enough for a BLAS to divide them among threads: fits of models and of an edge, as the night asks for them.
FITS = """
import huracan_assets
import hashlib
import numpy as np
from threadpoolctl import threadpool_info
from huracan_assets.decision.edge import Edge
from huracan_assets.learning.lightgbm_model import bin_rows, fit_pair
from huracan_assets_tests.learning.test_lightgbm_model import EMBARGO, SETTINGS, planted

ts, rng = planted(12_000, features=24), np.random.default_rng(0)
rows = np.arange(len(ts))
few = SETTINGS.model_copy(update={"rounds": 3, "fewest_rounds": 1})
pair = fit_pair(ts, rows, few, 1, EMBARGO, bin_rows(ts, rows, few, 1))
edges = [Edge.fit(rng.normal(size=len(ts)), rng.normal(size=(len(ts), 2)), ts.uniqueness) for _ in range(20)]
told = pair.model_dump_json() + "".join(edge.model_dump_json() for edge in edges)
print(hashlib.sha256(told.encode()).hexdigest())
print(max(pool["num_threads"] for pool in threadpool_info()))
"""


@given(cores=st.integers(1, 128), runs=st.integers(1, 256))
def test_the_threads_of_all_runs_fit_the_cores_and_each_has_one(cores: int, runs: int) -> None:
    threads = ComputeBudget(cores, runs).threads
    assert threads >= 1
    assert threads * runs <= max(cores, runs)
    assert (threads + 1) * runs > cores


def test_every_core_has_a_run_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HURACAN_CONCURRENT_RUNS", raising=False)
    whole = ComputeBudget.of_machine()
    assert whole.cores == whole.concurrent_runs == len(os.sched_getaffinity(0))
    assert whole.threads == 1
    monkeypatch.setenv("HURACAN_CONCURRENT_RUNS", "1")
    assert ComputeBudget.of_machine().threads == whole.cores


@pytest.mark.parametrize("wrong", ["0", "-1", "two", "", "1.5"])
def test_a_number_of_runs_that_is_none_is_refused_by_name(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HURACAN_CONCURRENT_RUNS", wrong)
    with pytest.raises(SettingsError, match="HURACAN_CONCURRENT_RUNS"):
        ComputeBudget.of_machine()


def test_every_library_is_told_and_a_value_of_the_users_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in THREAD_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("POLARS_MAX_THREADS", "7")
    for variable in ONE_THREAD_VARIABLES:
        monkeypatch.setenv(variable, "7")
    ComputeBudget(8, 2).apply()
    assert {variable: os.environ[variable] for variable in (*THREAD_VARIABLES, *ONE_THREAD_VARIABLES)} == {
        **dict.fromkeys(THREAD_VARIABLES, "4"),
        "POLARS_MAX_THREADS": "7",
        **dict.fromkeys(ONE_THREAD_VARIABLES, "1"),
    }


def test_the_collector_of_a_process_looks_seldom() -> None:
    code = "import gc, huracan_assets; print(*gc.get_threshold())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.split() == [str(NEW_OBJECTS), "10", "10"]


def test_a_fit_is_the_same_to_the_bit_whatever_threads_the_budget_or_the_user_allows() -> None:
    """In processes of their own, for a library reads its variables once. On a machine of one core none can differ."""
    names = (*THREAD_VARIABLES, *ONE_THREAD_VARIABLES)
    plain = {name: value for name, value in os.environ.items() if name not in names}
    told = [
        subprocess.run([sys.executable, "-c", FITS], env=plain | own, capture_output=True, text=True, check=True).stdout
        for own in (
            {"HURACAN_CONCURRENT_RUNS": str(os.cpu_count())},
            {"HURACAN_CONCURRENT_RUNS": "1"} | dict.fromkeys(ONE_THREAD_VARIABLES, "2"),
        )
    ]
    assert told[0] == told[1]
    assert told[0].splitlines()[1:] == ["1"]
