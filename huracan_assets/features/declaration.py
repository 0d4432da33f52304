"""What a feature declares: name, meaning, unit, range, memory, inputs, and the function that computes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from huracan_assets.features.kernels import Array
from huracan_assets.features.window import Window

Family = Literal[
    "momentum",
    "trend",
    "volatility",
    "volume",
    "microstructure",
    "breakout",
    "compression",
    "distribution",
    "relative_strength",
    "temporal",
    "carry",
]


@dataclass(frozen=True)
class Feature:
    """One column of the features frame.

    Args:
        name: the column.
        family: the file it is declared in; stress tests drop a family at a time.
        formula: how the value comes about, in one line.
        unit: bps, fraction, z, ... as a reader would print it.
        low: no value lies below; by construction, or because the formula holds it there and says so.
        high: no value lies above.
        warm_up_minutes: the memory: history before it moves the value by less than 1e-6 of its size.
        inputs: the columns it reads; a candle column, or `benchmark.<column>`, `funding.rate`, `clock`.
        compute: window -> (n,) float64 over all its minutes, NaN where undefined.
    """

    name: str
    family: Family
    formula: str
    unit: str
    low: float
    high: float
    warm_up_minutes: int
    inputs: tuple[str, ...]
    compute: Callable[[Window], Array]

    def declaration(self) -> str:
        """Everything but the function, as one line of text."""
        values = (self.name, self.family, self.formula, self.unit, self.low, self.high, self.warm_up_minutes)
        return "|".join([*map(repr, values), ",".join(self.inputs)])
