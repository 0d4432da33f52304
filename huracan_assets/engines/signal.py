"""What an engine is: a name, the regimes it suits, and a pure rule from what is known at a bar to a side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.errors import ContractError

Array = NDArray[np.float64]


class Signal(NamedTuple):
    """A view of every bar: `side` (n,) in -1, 0, 1, and `confidence` (n,) in 0..1, 0 without a side."""

    side: NDArray[np.int8]
    confidence: Array


@dataclass(frozen=True)
class Engine:
    """A trading idea.

    Args:
        affinity: how well it suits TREND, RANGE and PANIC, each 0..1.
        rule: (bars, regimes) of equal height and order -> its signal.
    """

    name: str
    affinity: dict[str, float]
    rule: Callable[[pl.DataFrame, pl.DataFrame], Signal]


def columns(bars: pl.DataFrame, names: Sequence[str], engine: str) -> list[Array]:
    """The columns as float64, NaN where null.

    Raises:
        ContractError: one is absent.
    """
    absent = [name for name in names if name not in bars.columns]
    if absent:
        raise ContractError(f"engine {engine} needs {', '.join(absent)}: take bars from the current recipe")
    return [bars[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in names]


def decided(wanted: Array, confidence: Array, allowed: NDArray[np.bool_]) -> Signal:
    """A signal of `wanted`'s sign where it is allowed and everything is known; silence elsewhere."""
    speaks = allowed & ~np.isnan(wanted) & ~np.isnan(confidence) & (wanted != 0)
    side = np.where(speaks, np.sign(np.where(np.isnan(wanted), 0.0, wanted)), 0.0).astype(np.int8)
    return Signal(side, np.where(speaks, np.clip(confidence, 0.0, 1.0), 0.0))
