"""Features in LightGBM's bins, made once for all folds, with edges that only the first of them knows.

A bin edge learned from rows that are judged later would tell the model their range; the rows before the first test
segment may teach every fold, so all of them can share their edges. A `subset` of a set that was binned as a whole could
not: its edges have seen the test rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import lightgbm
    import pyarrow

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class BinnedRows:
    """Rows of features in bins; any of them make a data set of LightGBM's, in the time that copying bins takes."""

    def __init__(
        self, features: NDArray[np.float32], names: Sequence[str], edges_from: Ints, parameters: Mapping[str, Any]
    ) -> None:
        """Learn the edges and put every row into its bins.

        Args:
            features: (n, f), NaN where undefined; values beyond the edges fall into the outermost bins.
            edges_from: the rows that the edges are learned from. A feature that never varies there has one bin, and no
                tree can split on it.
            parameters: LightGBM's, the same for every fit on these rows.
        """
        import lightgbm

        self._parameters = dict(parameters)
        # LightGBM wants labels; those of a fit come with its rows.
        first, every = _table(features[edges_from], names), _table(features, names)
        edges = lightgbm.Dataset(first, np.zeros(len(first)), params=self._parameters)
        self._rows = lightgbm.Dataset(every, np.zeros(len(every)), reference=edges, params=self._parameters)
        self._rows.construct()

    def dataset(self, rows: Ints, label: Floats, weight: Floats) -> lightgbm.Dataset:
        """The data set of some rows, ascending, with their labels and weights (m,)."""
        chosen = self._rows.subset(rows.tolist(), params=self._parameters).construct()
        chosen.set_label(label)
        chosen.set_weight(weight)
        return chosen


def _table(features: NDArray[np.float32], names: Sequence[str]) -> pyarrow.Table:
    """Column by column, as LightGBM bins fastest."""
    import pyarrow

    return pyarrow.table(dict(zip(names, np.ascontiguousarray(features.T), strict=True)))
