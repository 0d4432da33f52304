"""Why the models leaned as they did at a decision: what each feature brought, exactly.

Trees by SHAP values (Lundberg & Lee 2017; LightGBM's `pred_contrib`), the line by its own terms, both in log odds. The
model is the mean of two probabilities; the contributions are to the mean of their log odds, which ranks nearly alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.learning.side_model import SideModel, SidePair

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SCHEMA: dict[str, pl.DataType] = {
    "row": pl.Int64(),
    "place": pl.Int32(),  # from 1, the largest contribution of the row first
    "feature": pl.String(),
    "value": pl.Float32(),  # null where undefined
    "contribution": pl.Float64(),  # log odds towards the side's trade paying
}


def explain(pair: SidePair, side: Ints, features: NDArray[np.float32], names: Sequence[str], most: int) -> pl.DataFrame:
    """The `most` features that moved each decision furthest, either way: `SCHEMA`, by row and place.

    Args:
        side: 1 or -1, whose model is asked (m,).
        features: of the decisions (m, f), NaN where undefined, the columns in the order of `names`.
    """
    brought = np.zeros(features.shape)
    for model, asked in zip(pair.sides, (side > 0, side < 0), strict=True):
        if asked.any():
            brought[asked] = contributions(model, features[asked])
    # Equal contributions, most of them zero, keep the order of the columns.
    order = np.argsort(-np.abs(brought), axis=1, kind="stable")[:, :most]
    row = np.repeat(np.arange(len(features)), order.shape[1])
    column = order.ravel()
    told = pl.DataFrame(
        {
            "row": row,
            "place": np.tile(np.arange(1, order.shape[1] + 1), len(features)),
            "feature": np.asarray(names, dtype=object)[column].tolist(),
            "value": pl.Series(features[row, column], dtype=pl.Float32, nan_to_null=True),
            "contribution": brought[row, column],
        },
        schema=SCHEMA,
    )
    return told.filter(pl.col("contribution") != 0.0)


def contributions(model: SideModel, features: NDArray[np.float32]) -> Floats:
    """What each feature adds to the mean of the trees' and the line's log odds (m, f).

    With the trees' expectation and the line's intercept, halved, a row of them sums to that mean.
    """
    from lightgbm import Booster

    trees = np.asarray(Booster(model_str=model.booster).predict(features, pred_contrib=True, num_threads=1), np.float64)
    line = np.column_stack([model.linear.part(column, features[:, column]) for column in range(features.shape[1])])
    return (trees[:, :-1] + line) / 2.0


def mean_contributions(told: pl.DataFrame) -> pl.DataFrame:
    """Of explained decisions, by feature, the most telling first: among the first how often, and how much in the mean.

    Returns:
        `feature, decisions, mean_contribution, mean_size`; means over the decisions that name the feature.
    """
    return (
        told.group_by("feature", maintain_order=True)
        .agg(
            decisions=pl.len(),
            mean_contribution=pl.col("contribution").mean(),
            mean_size=pl.col("contribution").abs().mean(),
        )
        .sort(pl.col("mean_size") * pl.col("decisions"), descending=True, maintain_order=True)
    )
