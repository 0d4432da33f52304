"""How far a long piece of work has come: a bar on a terminal, lines in a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINES = 10  # in a log, over the whole work


@contextmanager
def progress(what: str, total: int, log: Callable[[str], object], least: int) -> Iterator[Callable[[], None]]:
    """A function to call once for each of `total` parts.

    Args:
        log: takes the lines where standard error is no terminal.
        least: work of fewer parts shows nothing.
    """
    if total < least:
        yield lambda: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda: bar.advance(task)
    else:
        done = 0

        def tell() -> None:
            nonlocal done
            done += 1
            if done * LINES // total > (done - 1) * LINES // total:
                log(f"{what}: {done} of {total}")

        yield tell
