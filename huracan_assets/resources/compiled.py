"""Numba's compiler, and a cache that knows the other files that were compiled into a loop.

Numba keeps a compiled loop until the file that it stands in changes. A step in another file, or a constant that was
imported, is compiled into the loop and not looked at: after an upgrade in place a night would go on with yesterday's
step. So the folder of the cache is named after the content of all files that hold compiled code and of those that they
import from: other sources, another folder.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import config

Loop = TypeVar("Loop", bound=Callable[..., Any])

PACKAGE = Path(__file__).parents[1]
_COMPILES = re.compile(r"^@(njit|kernel|inlined)\b", re.MULTILINE)
_IMPORTS = re.compile(r"^from ([\w.]+) import|^import ([\w.]+)", re.MULTILINE)


def sources(package: Path) -> list[Path]:
    """The files of a package that hold compiled code, and those of it that they import from, sorted."""
    every = {file: file.read_text(encoding="utf-8") for file in package.rglob("*.py")}
    compiled = {file for file, text in every.items() if _COMPILES.search(text)}
    named = {
        package.parent.joinpath(*(one or other).split(".")).with_suffix(".py")
        for file in compiled
        for one, other in _IMPORTS.findall(every[file])
    }
    return sorted(compiled | (named & every.keys()))


def cache_folder(package: Path) -> Path:
    """Where the compiled code of these very sources belongs: in the package, or in the user's cache."""
    told = hashlib.sha256()
    for file in sources(package):
        told.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    owned = package / "__pycache__" if os.access(package, os.W_OK) else Path.home() / ".cache" / package.name
    return owned / f"compiled-{told.hexdigest()[:16]}"


def njit(**options: Any) -> Callable[[Loop], Loop]:
    """`numba.njit` with its cache: a decorator for loops in the subset of Python that it compiles."""
    compiler: Callable[[Loop], Loop] = numba.njit(cache=True, **options)
    return compiler


config.CACHE_DIR = str(cache_folder(PACKAGE))  # type: ignore[attr-defined]
