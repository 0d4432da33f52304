"""Each trade is explained by the models of its own fold and side, in the ledger's order."""

from __future__ import annotations

import numpy as np
import polars as pl

from huracan_assets.learning.explanation import explain
from huracan_assets.learning.lightgbm_model import train_walk_forward
from huracan_assets.shadow.trade_reasons import MOST, trade_reasons
from huracan_assets_tests.learning.test_lightgbm_model import EMBARGO, SETTINGS, folds_of, planted


def test_a_trade_is_explained_by_the_models_that_were_asked() -> None:
    ts = planted(900)
    folds = folds_of(ts, 2)
    models = train_walk_forward(
        ts, folds, SETTINGS.model_copy(update={"rounds": 5, "fewest_rounds": 2}), 11, EMBARGO
    ).per_fold
    chosen = [(0, folds[0].test[3], 1), (0, folds[0].test[20], -1), (1, folds[1].test[5], -1), (1, folds[1].test[9], 1)]
    fold, rows, side = (np.array(column) for column in zip(*chosen, strict=True))
    as_of = pl.Series("as_of", ts.as_of[rows]).dt.replace_time_zone("UTC")
    ledger = pl.DataFrame([as_of, pl.Series("side", side, pl.Int8), pl.Series("fold", fold, pl.Int32)])
    told = trade_reasons(ledger, ts, models)
    assert told["as_of"].unique(maintain_order=True).to_list() == as_of.to_list()
    for index, row, way in chosen:
        expected = explain(models[index], np.array([way]), ts.features[[row]], ts.names, MOST).drop("row")
        of_trade = told.filter(pl.col("as_of").dt.replace_time_zone(None) == ts.as_of[row].item())
        assert of_trade["side"].unique().to_list() == [way]
        assert of_trade.drop("as_of", "side").equals(expected)
    assert trade_reasons(ledger.clear(), ts, models).is_empty()
