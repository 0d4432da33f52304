"""Measure a figure, and a peer's beside it, so that others can measure it again.

A benchmark is a function that takes no argument, does the work once and returns the figure of that run;
`benchmark` registers it under its name. Each is run once to warm up and then `runs` times, in turns with its
peer (A B, B A, A B ...), so that a drift of the machine touches both alike; the median counts.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Measure = Callable[[], float]
CHILD = Path(__file__).with_name("measured_child.py")


@dataclass(frozen=True)
class Benchmark:
    """A registered benchmark. `bound` holds for the ratio to the peer, or without one for the figure."""

    name: str
    unit: str
    bound: float
    measure: Measure
    better: Literal["lower", "higher"] = "lower"
    runs: int = 5
    peer_name: str | None = None
    peer: Measure | None = None
    details: Callable[[], Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class Usage:
    """What a whole process took; `peak_rss_mib` is that of the largest process of its family."""

    wall_s: float
    cpu_s: float
    peak_rss_mib: float
    exit_code: int
    output: str


REGISTRY: dict[str, Benchmark] = {}


def benchmark(
    *,
    unit: str,
    bound: float,
    better: Literal["lower", "higher"] = "lower",
    runs: int = 5,
    peer: tuple[str, Measure] | None = None,
    details: Callable[[], Mapping[str, Any]] | None = None,
) -> Callable[[Measure], Measure]:
    """Register a function as the benchmark of its own name.

    Args:
        unit: of the figure, e.g. `s` or `rows/s`.
        bound: with a peer, the least ratio (times better than the peer); without, the worst figure allowed.
        better: which way the figure should go.
        runs: counted runs.
        peer: the name and the measurement of what others use for the same work.
        details: asked after the runs for more to print; its `ok`, if it has one, must hold as well.
    """

    def register(measure: Measure) -> Measure:
        name = measure.__name__
        if name in REGISTRY:
            raise ValueError(f"two benchmarks are named {name}")
        peer_name, peer_measure = peer or (None, None)
        REGISTRY[name] = Benchmark(name, unit, bound, measure, better, runs, peer_name, peer_measure, details)
        return measure

    return register


def run(subject: Benchmark) -> dict[str, Any]:
    """Run a benchmark; the line that is printed for it.

    Returns:
        name, figure (the median), unit, peer, peer_figure, ratio, bound, ok, runs, min, median, max, and details if
        there are any.
    """
    own, others = _measured(subject)
    figure = statistics.median(own)
    peer_figure = statistics.median(others) if others else None
    ratio = None if peer_figure is None else _times_better(figure, peer_figure, subject.better)
    details = dict(subject.details()) if subject.details else {}
    all_else = details.pop("ok", True)
    return {
        "name": subject.name,
        "figure": _rounded(figure),
        "unit": subject.unit,
        "peer": subject.peer_name,
        "peer_figure": _rounded(peer_figure),
        "ratio": _rounded(ratio),
        "bound": subject.bound,
        "ok": _is_within(subject, figure, ratio) and all_else,
        "runs": len(own),
        "min": _rounded(min(own)),
        "median": _rounded(figure),
        "max": _rounded(max(own)),
        **({"details": details} if details else {}),
    }


def measure_process(command: Sequence[str], env: Mapping[str, str] | None = None, *, pinned: bool = True) -> Usage:
    """Run a command to its end and say what it took.

    Args:
        env: set on top of this process's environment.
        pinned: to the first of this process's cores; else to none.
    """
    core = str(min(os.sched_getaffinity(0))) if pinned else ""
    read, write = os.pipe()
    begin = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-S", "-E", str(CHILD), str(write), core, *command],
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        pass_fds=(write,),
        check=False,
    )
    wall_s = time.perf_counter() - begin
    os.close(write)
    with os.fdopen(read, "rb") as report:
        exit_code, cpu_s, peak_kib = json.loads(report.read())
    return Usage(wall_s, cpu_s, peak_kib / 1024, exit_code, ended.stdout)


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _measured(subject: Benchmark) -> tuple[list[float], list[float]]:
    pairs: list[tuple[Measure, list[float]]] = [(subject.measure, [])]
    if subject.peer is not None:
        pairs.append((subject.peer, []))
    for measure, _ in pairs:
        measure()
    for turn in range(subject.runs):
        for measure, figures in pairs if turn % 2 == 0 else reversed(pairs):
            figures.append(measure())
    return pairs[0][1], pairs[1][1] if len(pairs) == 2 else []


def _times_better(figure: float, peer_figure: float, better: Literal["lower", "higher"]) -> float:
    return peer_figure / figure if better == "lower" else figure / peer_figure


def _is_within(subject: Benchmark, figure: float, ratio: float | None) -> bool:
    if ratio is not None:
        return ratio >= subject.bound
    return figure <= subject.bound if subject.better == "lower" else figure >= subject.bound


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
