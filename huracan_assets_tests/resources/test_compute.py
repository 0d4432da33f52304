"""The budget divides the cores, and never overrules the user."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.errors import SettingsError
from huracan_assets.resources.compute import THREAD_VARIABLES, ComputeBudget


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
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    ComputeBudget(8, 2).apply()
    assert {variable: os.environ[variable] for variable in THREAD_VARIABLES} == {
        **dict.fromkeys(THREAD_VARIABLES, "4"),
        "OMP_NUM_THREADS": "7",
    }
