"""Ask a question of the engine many times, with a seed each, and keep every answer.

An experiment is a trial, a function of a seed that returns one row of JSON values, and a conclusion, a
function of all rows. `experiment` registers the trial under its name. Each row is written as soon as known,
so a run that is cut short leaves what it had.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

Row = Mapping[str, Any]
Trial = Callable[[int], Row]
Conclusion = Callable[[Sequence[Row]], Row]


@dataclass(frozen=True)
class Experiment:
    """A registered experiment. The conclusion's `ok` says whether the answer is the hoped one."""

    name: str
    question: str
    seeds: tuple[int, ...]
    trial: Trial
    conclude: Conclusion


REGISTRY: dict[str, Experiment] = {}


def experiment(*, question: str, seeds: Sequence[int], conclude: Conclusion) -> Callable[[Trial], Trial]:
    """Register a trial as the experiment of its own name.

    Args:
        question: in one sentence.
        seeds: one trial each.
        conclude: from the rows of all trials, in the order of their seeds, to a row with a boolean `ok`.
    """

    def register(trial: Trial) -> Trial:
        name = trial.__name__
        if name in REGISTRY:
            raise ValueError(f"two experiments are named {name}")
        REGISTRY[name] = Experiment(name, question, tuple(seeds), trial, conclude)
        return trial

    return register


def run(subject: Experiment, folder: Path, out: TextIO) -> bool:
    """Run every trial; whether the conclusion is ok.

    The rows, each with its seed, and the conclusion go to `<folder>/<name>.jsonl` and to `out`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{subject.name}.jsonl").open("w", encoding="utf-8") as file:
        rows = []
        for seed in _with_progress(subject):
            rows.append({"experiment": subject.name, "seed": seed, **subject.trial(seed)})
            _emit(rows[-1], file, out)
        conclusion = subject.conclude(rows)
        head = {"experiment": subject.name, "question": subject.question, "seeds": list(subject.seeds)}
        _emit({**head, **conclusion}, file, out)
    return bool(conclusion["ok"])


def _with_progress(subject: Experiment) -> Iterator[int]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield from progress.track(subject.seeds, description=subject.name)


def _emit(row: Row, file: TextIO, out: TextIO) -> None:
    line = json.dumps(row)
    for sink in (file, out):
        sink.write(line + "\n")
        sink.flush()
