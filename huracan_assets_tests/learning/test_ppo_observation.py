"""Running statistics against numpy's own on everything seen at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.learning.ppo_observation import CLIP, ObservationStatistics


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_batches_give_the_statistics_of_the_whole(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    batches = [(rng.normal(3, 2, (size, 4)) * [1, 1, 1e3, 1]).astype(np.float32) for size in sizes]
    for batch in batches:
        batch[rng.random(batch.shape) < 0.3] = np.nan
        batch[:, 3] = np.nan
    statistics = ObservationStatistics.empty(4)
    for batch in batches:
        statistics.update(batch)
    whole = np.concatenate(batches).astype(np.float64)
    for feature in range(4):
        seen = whole[np.isfinite(whole[:, feature]), feature]
        assert statistics.count[feature] == len(seen)
        if len(seen):
            assert np.isclose(statistics.mean[feature], seen.mean(), rtol=1e-9, atol=1e-9)
            assert np.isclose(statistics.variance()[feature], seen.var(), rtol=1e-7, atol=1e-9)
    assert statistics.variance()[3] == 1.0


def test_standardised_rows_are_finite_bounded_and_zero_where_undefined() -> None:
    rng = np.random.default_rng(1)
    statistics = ObservationStatistics.empty(2)
    statistics.update(rng.normal(5, 3, (10_000, 2)).astype(np.float32))
    rows = np.array([[np.nan, np.inf], [5.0, 8.0], [1e30, -1e30]], np.float32)
    scaled = statistics.standardise(rows)
    assert scaled.dtype == np.float32
    assert scaled[0].tolist() == [0.0, 0.0]
    assert np.allclose(scaled[1], [0.0, 1.0], atol=0.05)
    assert scaled[2].tolist() == [CLIP, -CLIP]


def test_a_standardised_feature_is_shown_by_its_weight() -> None:
    rng = np.random.default_rng(2)
    whole = ObservationStatistics.empty(3)
    whole.update(rng.normal(5, 3, (1000, 3)).astype(np.float32))
    rows = rng.normal(5, 30, (50, 3)).astype(np.float32)
    shown = replace(whole, weight=np.array([1.0, 0.25, 0.0])).standardise(rows)
    np.testing.assert_array_equal(shown, whole.standardise(rows) * np.array([1.0, 0.25, 0.0], np.float32))
