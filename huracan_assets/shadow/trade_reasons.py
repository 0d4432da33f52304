"""What the models leaned on at each shadow trade: the features that moved its side's score furthest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from huracan_assets.learning.explanation import SCHEMA, explain
from huracan_assets.learning.side_model import SidePair
from huracan_assets.learning.training_set import TrainingSet

MOST = 5  # features a trade; what is further down moved it little


def trade_reasons(ledger: pl.DataFrame, ts: TrainingSet, per_fold: Sequence[SidePair]) -> pl.DataFrame:
    """`as_of`, `side`, then `place, feature, value, contribution` of `explain`, trade by trade in the ledger's order.

    Args:
        ledger: the shadow ledger.
        ts: the rows on which its decisions were taken.
        per_fold: of each fold, the models that were asked there.
    """
    trades = ledger.select("as_of", "side", "fold").with_row_index("trade").with_columns(pl.col("trade").cast(pl.Int64))
    told = [_of_fold(own, ts, per_fold[own["fold"][0]]) for own in trades.partition_by("fold", maintain_order=True)]
    none = pl.DataFrame(schema=SCHEMA).rename({"row": "trade"})
    reasons = pl.concat([none, *told]).sort("trade", "place")
    return trades.select("trade", "as_of", "side").join(reasons, on="trade", maintain_order="left_right").drop("trade")


def _of_fold(trades: pl.DataFrame, ts: TrainingSet, pair: SidePair) -> pl.DataFrame:
    decided = np.asarray(trades["as_of"].dt.replace_time_zone(None).to_numpy(), "datetime64[us]")
    features = ts.features[np.searchsorted(ts.as_of, decided)]
    told = explain(pair, trades["side"].cast(pl.Int64).to_numpy(), features, ts.names, MOST)
    return told.with_columns(trade=trades["trade"].gather(told["row"])).select("trade", *list(SCHEMA)[1:])
