"""What a feature declares: name, meaning, unit, range, memory, inputs, source, and the function that computes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from huracan_assets.features.kernels import Array
from huracan_assets.features.window import Window

FamilyName = Literal[
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
Compute = Callable[[Window], Array]
HOUSE = "this engine"  # the source of what no paper or standard defines


@dataclass(frozen=True)
class Feature:
    """One column of the features frame.

    Args:
        name: the column.
        family: the file it is declared in; stress tests drop a family at a time.
        formula: how the value comes about; where the field has several definitions, which one is meant.
        unit: bps, fraction, z, ... as a reader would print it.
        low: no value lies below; by construction, or because the formula holds it there and says so.
        high: no value lies above.
        warm_up_minutes: the memory: history before it moves the value by less than 1e-6 of its size.
        inputs: the columns it reads; a candle column, or `<input>.<column>` (`benchmark.close`), or `clock`.
        source: paper, author or standard; `HOUSE` where there is none.
        compute: window -> (n,) float64 over all its minutes, NaN where undefined.
    """

    name: str
    family: FamilyName
    formula: str
    unit: str
    low: float
    high: float
    warm_up_minutes: int
    inputs: tuple[str, ...]
    source: str
    compute: Compute

    def declaration(self) -> str:
        """Everything but the function, as one line of text."""
        values = (self.name, self.family, self.formula, self.unit, self.low, self.high, self.warm_up_minutes)
        return "|".join([*map(repr, values), ",".join(self.inputs), repr(self.source)])


@dataclass(frozen=True)
class Family:
    """The features of one file, in the order in which it declares them."""

    name: FamilyName
    features: list[Feature] = field(default_factory=list)

    def feature(
        self,
        *,
        unit: str,
        low: float,
        high: float,
        warm_up: int,
        inputs: tuple[str, ...],
        source: str = HOUSE,
        name: str = "",
        formula: str = "",
    ) -> Callable[[Compute], Compute]:
        """Declare the function below as a feature; its name and its docstring are the feature's name and formula.

        Args:
            name: of one function that computes several features, that of this one.
            formula: the same.
        """

        def declare(compute: Compute) -> Compute:
            self.features.append(
                Feature(
                    name=name or compute.__name__,
                    family=self.name,
                    formula=formula or " ".join((compute.__doc__ or "").split()).removesuffix("."),
                    unit=unit,
                    low=low,
                    high=high,
                    warm_up_minutes=warm_up,
                    inputs=inputs,
                    source=source,
                    compute=compute,
                )
            )
            return compute

        return declare
