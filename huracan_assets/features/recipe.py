"""The recipe: every feature, in the order of the columns, and the hash that names this version of it."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from huracan_assets.features import (
    breakout,
    carry,
    compression,
    distribution,
    microstructure,
    momentum,
    relative_strength,
    temporal,
    trend,
    volatility,
    volume,
)
from huracan_assets.features.declaration import Feature
from huracan_assets.market import grid

WARM_UP_DAYS = 3

RECIPE: tuple[Feature, ...] = (
    *momentum.FEATURES,
    *trend.FEATURES,
    *volatility.FEATURES,
    *volume.FEATURES,
    *microstructure.FEATURES,
    *breakout.FEATURES,
    *compression.FEATURES,
    *distribution.FEATURES,
    *relative_strength.FEATURES,
    *temporal.FEATURES,
    *carry.FEATURES,
)

FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in RECIPE)

# Every source file that can change a bit of a feature, in the order in which the hash reads them.
SOURCES: tuple[Path, ...] = (
    Path(grid.__file__),
    *(
        Path(__file__).with_name(f"{name}.py")
        for name in (
            "kernels",
            "moment_kernels",
            "edge",
            "recursions",
            "rolling",
            "events",
            "optional_inputs",
            "window",
            "declaration",
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
            "recipe",
            "compute",
        )
    ),
)


@cache
def recipe_hash() -> str:
    """SHA-256 of WARM_UP_DAYS, the declarations and the text of SOURCES, whatever its line ends."""
    digest = hashlib.sha256()
    digest.update(f"WARM_UP_DAYS={WARM_UP_DAYS}\n".encode())
    for feature in RECIPE:
        digest.update(f"{feature.declaration()}\n".encode())
    for source in SOURCES:
        text = source.read_text(encoding="utf-8")
        digest.update(f"{source.name}\n{text}\n".encode())
    return digest.hexdigest()
