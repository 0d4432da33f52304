"""A decision bar as a point in 32 dimensions, so that similar set-ups lie close together in every night and coin.

Each feature is told in units of what is usual for its own coin: its distance from the median of the weeks before, in
robust standard deviations. So a spread of BTC and one of a small coin lie on one scale, and no later bar moves an
earlier point. A random projection with orthonormal columns, drawn from the seed alone, then keeps distances in
expectation (Johnson and Lindenstrauss 1984; Dasgupta and Gupta 2003). Points are comparable only under one map: its
name is a hash of all that it is made of, and stands beside every point.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from huracan_assets.days import MINUTES_PER_DAY
from huracan_assets.errors import ContractError
from huracan_assets.features.feature_version import FeatureVersion
from huracan_assets.resources.lake import content_hash
from huracan_assets.settings import Settings

DIMENSIONS = 32
CLIP = 5.0
"""Standardised values are cut at this many sigmas: one wild feature must not decide a distance."""

IQR_OF_NORMAL = 1.3489795003921634
"""Interquartile range of the standard normal."""

QUARTILES = (0.25, 0.5, 0.75)

NAME_DIGITS = 16
DAYS_A_WEEK = 7
MONDAY_OFFSET = 3  # 1970-01-01 was a Thursday


class SetUpMap(BaseModel):
    """The one map from features to points.

    A week is told in units of the `usual_days` days before its Monday, the calendar's and not the window's, so that a
    bar lands on the same point in whatever night it is embedded. Where less than half of those days is known, there is
    no usual and no point.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: tuple[str, ...]
    recipe_sha256: str
    seed: int
    usual_days: int = Field(ge=2)
    bars_a_day: int = Field(ge=1)

    @classmethod
    def of(cls, version: FeatureVersion, settings: Settings) -> SetUpMap:
        """The map of a night's features."""
        return cls(
            names=version.names,
            recipe_sha256=version.recipe_sha256,
            seed=settings.seed,
            usual_days=settings.memory.usual_days,
            bars_a_day=MINUTES_PER_DAY // settings.decision_minutes,
        )

    @property
    def name(self) -> str:
        """What tells this map from others: features, recipe, seed, and how the usual is measured."""
        made_of = {**self.model_dump(), "dimensions": DIMENSIONS, "clip": CLIP}
        return content_hash(made_of)[:NAME_DIGITS]

    def points(self, bars: pl.DataFrame) -> NDArray[np.float32]:
        """Points of bars, (n, 32); a row of NaN where too little of what was usual is known.

        A row's bits depend on that row and on the bars of the weeks before its own alone.

        Args:
            bars: `as_of`, ascending, and at least the features in `names`, null where undefined; null lands on the
                usual.

        Raises:
            ContractError: a feature is missing, a value is infinite, or the bars are not in order.
        """
        values = self._values(bars)
        day = bars["as_of"].to_numpy().astype("datetime64[D]").astype(np.int64)
        week = (day + MONDAY_OFFSET) // DAYS_A_WEEK
        projection = _projection(len(self.names), self.seed)
        points = np.full((len(values), DIMENSIONS), np.nan, dtype=np.float32)
        for one in np.unique(week):
            monday = one * DAYS_A_WEEK - MONDAY_OFFSET
            usual = values[np.searchsorted(day, monday - self.usual_days) : np.searchsorted(day, monday)]
            if len(usual) >= self.usual_days * self.bars_a_day / 2:
                rows = slice(*np.searchsorted(week, [one, one + 1]))
                points[rows] = _project(values[rows], *_centre_and_scale(usual), projection)
        return points

    def points_at(self, bars: pl.DataFrame, as_of: pl.Series) -> NDArray[np.float32]:
        """Points of some of the bars, (m, 32), in the order of `as_of`.

        Raises:
            ContractError: as `points`, or a time is none of the bars'.
        """
        known, wanted = bars["as_of"].to_numpy(), as_of.to_numpy()
        rows = np.minimum(np.searchsorted(known, wanted), max(0, len(known) - 1))
        if len(wanted) and not (len(known) and (known[rows] == wanted).all()):
            raise ContractError("a set-up stands at a time that is no decision bar: materialise shadow_ledger again")
        return self.points(bars)[rows]

    def _values(self, bars: pl.DataFrame) -> NDArray[np.float64]:
        absent = [name for name in self.names if name not in bars.columns]
        if absent:
            raise ContractError(
                f"the bars lack the features {', '.join(absent[:10])}: materialise decision_bars again by this recipe"
            )
        if not bars["as_of"].is_sorted():
            raise ContractError("set-ups are embedded in the order of time: sort the bars by as_of")
        single = bars.select(pl.col(self.names).cast(pl.Float32))
        values: NDArray[np.float64] = single.to_numpy().astype(np.float64).reshape(bars.height, len(self.names))
        infinite = np.flatnonzero(np.isinf(values).any(axis=0)).tolist()
        if infinite:
            named = ", ".join(self.names[j] for j in infinite)
            raise ContractError(f"infinite values in the features {named}: features are finite or null")
        return values


def _centre_and_scale(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median and robust standard deviation of each column; scale 0 leaves out what was constant or never known."""
    low, centre, high = _quartiles(values)
    known = ~np.isnan(values)
    scale = np.where(high > low, (high - low) / IQR_OF_NORMAL, 0.0)
    # Flags are mostly zero: their quartiles coincide, and the standard deviation is what is left.
    for j in np.flatnonzero((high == low) & known.any(axis=0)):
        column = values[known[:, j], j]
        if column.min() < column.max():
            scale[j] = column.std()
    return centre, scale


def _quartiles(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of what is known of each column, (3, f); 0 of a column that never was. Columns without NaN go all at once."""
    lacking = np.isnan(values).sum(axis=0)
    quartiles = np.zeros((len(QUARTILES), values.shape[1]))
    if (lacking == 0).any():
        quartiles[:, lacking == 0] = np.quantile(values[:, lacking == 0], QUARTILES, axis=0)
    for j in np.flatnonzero((lacking > 0) & (lacking < len(values))):
        quartiles[:, j] = np.quantile(values[~np.isnan(values[:, j]), j], QUARTILES)
    return quartiles


def _project(
    values: NDArray[np.float64],
    centre: NDArray[np.float64],
    scale: NDArray[np.float64],
    projection: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The sum runs over the features in order, without BLAS, whose blocking depends on how many rows there are."""
    points = np.zeros((len(values), DIMENSIONS))
    for j in np.flatnonzero(scale).tolist():
        z = np.clip((values[:, j] - centre[j]) / scale[j], -CLIP, CLIP)
        points += np.where(np.isnan(z), 0.0, z)[:, None] * projection[j]
    return points


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
