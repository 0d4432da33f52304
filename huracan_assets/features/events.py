"""Observations that come when they come: funding, open interest, order books, sentiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.features.kernels import Array

Times = NDArray[np.datetime64]


@dataclass(frozen=True)
class Events:
    """Observations of one kind, sorted by `ts`; each is known from its own instant on.

    Args:
        ts: (k,) the instants observed, `datetime64[us]`.
        known_at: (k,) from when on each was known, `datetime64[us]`.
        values: name -> (k,) float64, NaN where the observation lacks it.
    """

    ts: Times
    known_at: Times
    values: Mapping[str, Array]

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, columns: Mapping[str, pl.Expr]) -> Events:
        """The rows of a frame with `ts` and, where they are known later than that, `known_at`.

        Args:
            columns: name -> how the value is read from a row; what is not finite counts as absent.
        """
        known = "known_at" if "known_at" in frame.columns else "ts"
        table = frame.select(pl.col("ts"), pl.col(known).alias("known_at"), **columns)
        values = {name: table[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in columns}
        return cls(
            ts=_times(table["ts"]),
            known_at=_times(table["known_at"]),
            values={name: np.where(np.isfinite(value), value, np.nan) for name, value in values.items()},
        )

    def newest(self, at: Times) -> NDArray[np.intp]:
        """(n,) which observation is the newest of those known at each of `at`, which rises; -1 where none is."""
        by_knowledge = np.argsort(self.known_at, kind="stable")
        newest = np.concatenate([[-1], np.maximum.accumulate(by_knowledge)])
        begins = np.searchsorted(at, self.known_at[by_knowledge], side="left")
        return np.repeat(newest, np.diff(np.concatenate([[0], begins, [len(at)]])))

    def value(self, name: str, at: Times, age: np.timedelta64) -> Array:
        """(n,) the newest value known at each of `at`, NaN once it is `age` old."""
        newest = self.newest(at)
        ends = np.append(self.ts + age, np.datetime64(0, "us"))  # the last is for those without any
        return np.where(at < ends[newest], np.append(self.values[name], np.nan)[newest], np.nan)


def _times(column: pl.Series) -> Times:
    return column.dt.replace_time_zone(None).cast(pl.Datetime("us")).to_numpy()
