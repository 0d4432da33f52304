"""The harness measures what it says: order of turns, direction of ratios, bounds, and whole processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from huracan_assets_tests.benchmarks.__main__ import main
from huracan_assets_tests.benchmarks.harness import REGISTRY, Benchmark, benchmark, measure_process, run


def replay(figures: list[float]) -> tuple[list[str], dict[str, object]]:
    """Run a benchmark whose own figures are given and whose peer always takes 10; the turns and the line."""
    turns: list[str] = []
    upcoming = iter([99.0, *figures])

    def own() -> float:
        turns.append("own")
        return next(upcoming)

    def peer() -> float:
        turns.append("peer")
        return 10.0

    line = run(Benchmark("one", "s", 2.0, own, "lower", len(figures), "other", peer))
    return turns, line


def test_the_median_counts_the_warm_up_does_not_and_the_turns_alternate() -> None:
    turns, line = replay([4.0, 5.0, 40.0])
    assert turns == ["own", "peer", "own", "peer", "peer", "own", "own", "peer"]
    assert (line["min"], line["median"], line["max"], line["figure"]) == (4.0, 5.0, 40.0, 5.0)
    assert (line["ratio"], line["peer_figure"], line["ok"], line["runs"]) == (2.0, 10.0, True, 3)


def test_a_ratio_below_its_bound_is_not_ok() -> None:
    assert replay([6.0])[1]["ok"] is False


@pytest.mark.parametrize(
    ("better", "figure", "ok"),
    [("lower", 1.9, True), ("lower", 2.1, False), ("higher", 2.1, True), ("higher", 1.9, False)],
)
def test_without_a_peer_the_bound_is_the_figures(better: str, figure: float, ok: bool) -> None:
    line = run(Benchmark("one", "s", 2.0, lambda: figure, better, 1))  # type: ignore[arg-type]
    assert line["ok"] is ok
    assert line["ratio"] is None


def test_a_higher_figure_than_the_peers_is_a_ratio_above_one() -> None:
    line = run(Benchmark("one", "rows/s", 2.0, lambda: 30.0, "higher", 1, "other", lambda: 10.0))
    assert line["ratio"] == 3.0


def test_a_process_is_measured_whole_and_pinned_to_one_core() -> None:
    core = min(os.sched_getaffinity(0))
    touch = "block = bytearray(200 << 20); block[::4096] = b'x' * len(block[::4096])"
    code = f"import os; {touch}; print(os.sched_getaffinity(0))"
    # From a process of its own: a child's peak begins at the size of the process it was started from.
    measure = f"""
from dataclasses import asdict
import json, sys
from huracan_assets_tests.benchmarks.harness import measure_process
print(json.dumps(asdict(measure_process((sys.executable, "-c", {code!r}), {{"GREETING": "hello"}}))))
"""
    small = subprocess.run([sys.executable, "-c", measure], capture_output=True, text=True, check=True)
    usage = json.loads(small.stdout)
    assert usage["exit_code"] == 0
    assert usage["output"].strip() == f"{{{core}}}"
    assert 200 < usage["peak_rss_mib"] < 320
    assert 0 < usage["cpu_s"] <= usage["wall_s"] * 1.1
    assert measure_process((sys.executable, "-c", "raise SystemExit(3)")).exit_code == 3


def test_a_process_that_is_not_pinned_has_all_our_cores() -> None:
    code = "import os; print(os.sched_getaffinity(0))"
    told = measure_process((sys.executable, "-c", code), pinned=False).output
    assert told.strip() == str(os.sched_getaffinity(0))


def test_the_command_prints_one_json_line_each_and_tells_failure_by_its_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(REGISTRY):
        monkeypatch.delitem(REGISTRY, name)

    @benchmark(unit="s", bound=1.0, runs=1)
    def quick() -> float:
        return 0.5

    @benchmark(unit="s", bound=1.0, runs=1)
    def slow() -> float:
        return 1.5

    with pytest.raises(ValueError, match="two benchmarks are named quick"):
        benchmark(unit="s", bound=1.0)(quick)
    assert main(["quick"]) == 0
    assert main(["quick", "slow"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["ok"] for line in lines] == [True, True, False]
    assert main(["absent"]) == 2
    assert "no benchmark is named absent" in capsys.readouterr().err


def test_a_small_child_is_not_charged_with_the_memory_of_who_measures_it() -> None:
    held = bytearray(300 * 2**20)
    held[:: 2**12] = b"x" * len(held[:: 2**12])  # every page of it
    assert measure_process((sys.executable, "-c", "pass")).peak_rss_mib < 100
    assert len(held) == 300 * 2**20
