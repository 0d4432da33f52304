"""How the loops of the simulator are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from huracan_assets.resources.compiled import njit


def kernel(loop: Callable[..., Any]) -> Any:
    """A loop that writes into arrays made by its caller.

    It counts no references (numba's `_nrt`): arrays in named tuples are counted at each read, and that takes four
    times as long as the simulation itself. Such a loop can make no array.
    """
    return njit(_nrt=False)(loop)


def inlined(step: Callable[..., Any]) -> Any:
    """A step of such a loop, compiled into it."""
    return njit(forceinline=True, _nrt=False)(step)
