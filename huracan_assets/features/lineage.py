"""Which column of which asset a feature reads, from its declaration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from huracan_assets.errors import ContractError
from huracan_assets.features.declaration import Feature
from huracan_assets.features.optional_inputs import OPTIONAL_ASSETS

# An input without a prefix is a candle column of the symbol itself.
ASSETS: Mapping[str, str] = {"benchmark": "candles", "funding": "funding_rates", **OPTIONAL_ASSETS}
COLUMNS: Mapping[str, tuple[str, str]] = {"clock": ("candles", "ts")}
"""Inputs that are no column by name: the clock is read off the candles' own times."""


def source_column(read: str) -> tuple[str, str]:
    """Asset and column of an input, as a declaration names it: `close`, `benchmark.close`, `funding.rate`, `clock`.

    Raises:
        ContractError: the prefix is no asset's.
    """
    if read in COLUMNS:
        return COLUMNS[read]
    prefix, dot, column = read.partition(".")
    if not dot:
        return "candles", read
    if prefix not in ASSETS:
        raise ContractError(f"a feature declares the input {read!r}: {prefix} is none of {', '.join(sorted(ASSETS))}")
    return ASSETS[prefix], column


def lineage(features: Iterable[Feature]) -> dict[str, tuple[tuple[str, str], ...]]:
    """Feature -> the (asset, column) pairs it reads, each once, in the order of its declaration."""
    return {feature.name: tuple(dict.fromkeys(source_column(read) for read in feature.inputs)) for feature in features}


def column_table(features: Iterable[Feature]) -> list[dict[str, object]]:
    """A line a feature for its page: what it is, and whose columns it reads."""
    return [
        {
            "feature": feature.name,
            "family": feature.family,
            "formula": feature.formula,
            "unit": feature.unit,
            "reads": ", ".join(feature.inputs),
            "source": feature.source,
        }
        for feature in features
    ]


def described(feature: Feature) -> str:
    """A column's description: all that its feature declares, in a line."""
    return (
        f"{feature.formula}. Unit: {feature.unit}, from {feature.low:g} to {feature.high:g}. "
        f"Warm-up: {feature.warm_up_minutes} minutes. Reads {', '.join(feature.inputs)}. Source: {feature.source}."
    )
