"""How the command line prints; loads nothing but rich, for every command starts with it."""

from __future__ import annotations

import os
import sys

from rich.console import Console

WIDTH_WITHOUT_TERMINAL = 140


def console() -> Console:
    """A console that never folds a table to nothing where there is no terminal."""
    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else WIDTH_WITHOUT_TERMINAL
    return Console(width=width, highlight=False)


def say(text: str, to: Console | None = None) -> None:
    """Print plain text as it is, its lines as long as they are."""
    (to or Console(highlight=False, soft_wrap=True)).print(text, markup=False)
