"""What the command line shows: tables, and a run's steps as they end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from huracan_assets.observability.tables import formatted

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

GOOD, BAD, FAIR = "green", "bold red", "yellow"
STYLES = {
    "pass": GOOD, "FAIL": BAD, "provisional": FAIR,
    "handed over": GOOD, "rejected": FAIR, "approved, withheld": FAIR, "failed": BAD, "missing": BAD,
    "SUCCESS": GOOD, "FAILURE": BAD,
}  # fmt: skip
TOOK = re.compile(r" in (?P<time>[\d.:]+ ?\w*)\.$")


def table(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> Table:
    """Rows as a table: numbers to the right, verdict words in colour."""
    drawn = Table(header_style="bold", box=SIMPLE_HEAD)
    for column in columns:
        numeric = any(isinstance(row.get(column), int | float) for row in rows)
        drawn.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(_cell(row.get(column)) for column in columns))
    return drawn


def _cell(value: object) -> Text:
    text = str(value) if isinstance(value, str) else formatted(value)
    return Text(text, style=STYLES.get(text, ""))


@dataclass
class Steps:
    """The progress of one run. On a terminal a bar stands below the lines."""

    console: Console
    rooms: Mapping[str, str]
    progress: Progress
    task: TaskID
    checks: set[str]
    at_work: list[str] = field(default_factory=list)

    def started(self, step: str) -> None:
        """A step is at work."""
        self.at_work.append(step)
        self.progress.update(self.task, description=f"{self.rooms.get(step, '')}: {step}")

    def ended(self, step: str, text: str, *, failed: bool = False) -> None:
        """A step has ended; `text` is Dagster's sentence, with the time it took."""
        self.at_work.remove(step)
        self.progress.advance(self.task)
        if failed or step not in self.checks:
            took = TOOK.search(text)
            mark = Text("failed", style=BAD) if failed else Text("done", style=GOOD)
            line = Text(f"{self.rooms.get(step, ''):<11} {step:<22} ")
            time = Text(f" {took['time'] if took else '':>8}", style="dim")
            self.console.print(line, mark, time, sep="")

    def succeeded(self) -> None:
        """The run has succeeded. Its last step's end may be missing: Dagster stops its log before it."""
        for step in tuple(self.at_work):
            self.ended(step, "")


@contextmanager
def steps(console: Console, rooms: Mapping[str, str], checks: set[str]) -> Iterator[Steps]:
    """Show a run whose steps are `rooms` (step -> room); `checks` are counted, not listed."""
    from rich import progress as bars
    from rich.progress import Progress

    columns = (
        bars.SpinnerColumn(),
        bars.TextColumn("{task.description}"),
        bars.BarColumn(bar_width=24),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield Steps(console, rooms, progress, progress.add_task("starting", total=len(rooms)), checks)
