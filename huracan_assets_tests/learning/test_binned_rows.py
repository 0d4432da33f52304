"""Shared bins: the trees of rows that stand alone, the same for any number of threads, blind to what comes later."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from huracan_assets.learning.binned_rows import BinnedRows
from huracan_assets.learning.lightgbm_model import lightgbm_parameters
from huracan_assets_tests.learning.test_lightgbm_model import SETTINGS, planted

TS = planted(1500)
LABEL = TS.won[:, 0].astype(np.float64)
FIRST, LATER = np.arange(600), np.arange(0, 1200, 2)


def trees(
    features: NDArray[np.float32], rows: NDArray[np.int64], threads: int = 1, edges_from: NDArray[np.int64] = FIRST
) -> str:
    import lightgbm

    parameters: dict[str, Any] = {**lightgbm_parameters(SETTINGS, 3), "num_threads": threads}
    binned = BinnedRows(features, TS.names, edges_from, parameters)
    data = binned.dataset(rows, LABEL[rows], TS.uniqueness[rows])
    return str(lightgbm.train(parameters, data, 15).model_to_string()).partition("\nparameters:")[0]


@pytest.mark.parametrize("rows", [FIRST, LATER], ids=["first", "later"])
def test_one_two_and_four_threads_grow_the_same_trees(rows: NDArray[np.int64]) -> None:
    assert trees(TS.features, rows) == trees(TS.features, rows, 2) == trees(TS.features, rows, 4)


def test_the_first_rows_grow_the_trees_of_a_data_set_of_their_own() -> None:
    import lightgbm

    parameters = lightgbm_parameters(SETTINGS, 3)
    alone = lightgbm.Dataset(
        TS.features[FIRST], LABEL[FIRST], weight=TS.uniqueness[FIRST], feature_name=list(TS.names), params=parameters
    )
    text = str(lightgbm.train(dict(parameters), alone, 15).model_to_string()).partition("\nparameters:")[0]
    assert trees(TS.features, FIRST) == text


def test_no_value_of_a_later_row_moves_an_edge() -> None:
    changed = TS.features.copy()
    changed[1200:] = np.random.default_rng(1).normal(50.0, 30.0, changed[1200:].shape)
    assert trees(changed, LATER) == trees(TS.features, LATER)
    # Edges that have seen the later rows are other edges.
    everything = np.arange(len(TS))
    assert trees(changed, LATER, edges_from=everything) != trees(TS.features, LATER, edges_from=everything)


def test_a_feature_that_was_absent_at_first_is_left_alone() -> None:
    absent = TS.features.copy()
    absent[:600, 0] = np.nan
    assert "split_feature=0" not in trees(absent, LATER)
