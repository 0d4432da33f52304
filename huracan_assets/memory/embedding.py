"""A decision bar as a point in 32 dimensions, so that similar set-ups lie close together.

Robust standardisation, then a random projection with orthonormal columns, which keeps distances in
expectation (Johnson and Lindenstrauss 1984; Dasgupta and Gupta 2003). The map is stored whole with the trades
that it embedded: points are comparable only under one and the same map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from huracan_assets.errors import ContractError

DIMENSIONS = 32
CLIP = 5.0
"""Standardised values are cut at this many sigmas: one wild feature must not decide a distance."""

IQR_OF_NORMAL = 1.3489795003921634
"""Interquartile range of the standard normal."""

Row = Annotated[tuple[float, ...], Field(min_length=DIMENSIONS, max_length=DIMENSIONS)]


class Embedding(BaseModel):
    """The map from features to a point. `scale` 0 leaves out a feature that was constant when fitted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    projection: tuple[Row, ...]
    seed: int

    @classmethod
    def fit(cls, features: NDArray[np.floating], names: Sequence[str], seed: int) -> Embedding:
        """Fit on a slice that lies wholly before everything the map will be used on.

        A map fitted on later bars tells earlier points how wild the market is going to be.

        Args:
            features: (n, f), NaN where undefined; n of at least two.
            names: the f column names.
            seed: of the projection.

        Raises:
            ContractError: no rows, names that do not match, a name twice, or an infinite value.
        """
        values = _finite_or_nan(features, names)
        if len(values) < 2:
            raise ContractError(f"an embedding cannot be fitted on {len(values)} bars: give a longer slice")
        centre, scale = _centre_and_scale(values)
        return cls(
            names=tuple(names),
            centre=tuple(centre.tolist()),
            scale=tuple(scale.tolist()),
            projection=tuple(tuple(row) for row in _projection(len(names), seed).tolist()),
            seed=seed,
        )

    def transform(self, features: NDArray[np.floating], names: Sequence[str]) -> NDArray[np.float32]:
        """Points of bars, (n, 32).

        A row's bits depend on that row alone, never on how many others are embedded with it: the sum runs
        over the features in order, in double precision, without BLAS, whose blocking depends on the shape.

        Args:
            features: (n, f), NaN where undefined; NaN lands on the feature's centre.
            names: the f column names; features the map does not know are ignored.

        Raises:
            ContractError: a feature of the map is missing, or a value is infinite.
        """
        absent = [name for name in self.names if name not in names]
        if absent:
            raise ContractError(
                f"the stored embedding needs the features {', '.join(absent[:10])}, which these bars lack: "
                "the feature recipe has changed, so replace the remembered ledger before recalling from it"
            )
        values = _finite_or_nan(features, names)
        points = np.zeros((len(values), DIMENSIONS))
        for j, name in enumerate(self.names):
            if self.scale[j] == 0.0:
                continue
            z = np.clip((values[:, list(names).index(name)] - self.centre[j]) / self.scale[j], -CLIP, CLIP)
            points += np.where(np.isnan(z), 0.0, z)[:, None] * np.asarray(self.projection[j])
        return points.astype(np.float32)


def _finite_or_nan(features: NDArray[np.floating], names: Sequence[str]) -> NDArray[np.float64]:
    values = np.asarray(features, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(names) or len(set(names)) != len(names):
        raise ContractError(f"features of shape {values.shape} do not fit {len(set(names))} distinct names")
    infinite = np.flatnonzero(np.isinf(values).any(axis=0)).tolist()
    if infinite:
        named = ", ".join(names[j] for j in infinite)
        raise ContractError(f"infinite values in the features {named}: features are finite or null")
    return values


def _centre_and_scale(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    centre, scale = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for j in range(values.shape[1]):
        column = values[:, j][~np.isnan(values[:, j])]
        if not len(column):
            continue
        low, centre[j], high = np.quantile(column, [0.25, 0.5, 0.75])
        # Flags are mostly zero: their quartiles coincide, and the standard deviation is what is left.
        if high > low:
            scale[j] = (high - low) / IQR_OF_NORMAL
        elif column.min() < column.max():
            scale[j] = column.std()
    return centre, scale


def _projection(features: int, seed: int) -> NDArray[np.float64]:
    """(f, 32): orthonormal columns times sqrt(f / 32), so that squared distances are kept in expectation.

    With 32 features or fewer it is an isometry, and the columns beyond f are zero.
    """
    width = min(features, DIMENSIONS)
    gaussian = np.random.default_rng(seed).standard_normal((features, width))
    q, r = np.linalg.qr(gaussian)
    projection = np.zeros((features, DIMENSIONS))
    # QR leaves the signs to the library; with R's diagonal positive the factor is unique.
    projection[:, :width] = q * np.where(np.diag(r) < 0, -1.0, 1.0) * np.sqrt(features / width)
    return projection
