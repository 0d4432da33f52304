"""Evidence of a feature: scipy's ranks as oracle, luck gets little, a real signal gets much."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from huracan_assets.learning.feature_evidence import day_t_statistics, gain_multipliers


def test_the_statistic_is_the_t_of_daily_sums_of_rank_times_label() -> None:
    rng = np.random.default_rng(1)
    n, days = 960, 10
    features = rng.integers(0, 20, (n, 3)).astype(np.float32)  # many ties
    features[5:50, 1] = np.nan
    label = rng.random((n, 2))
    day = np.repeat(np.arange(days), n // days)
    found = day_t_statistics(features, label, day)
    for column in range(3):
        known = np.isfinite(features[:, column])
        rank = np.zeros(n)
        rank[known] = (rankdata(features[known, column]) - 0.5) / known.sum() - 0.5
        for side in range(2):
            told = rank * (label[:, side] - label[:, side].mean())
            daily = np.array([told[day == d].sum() for d in range(days)])
            expected = daily.mean() / (daily.std(ddof=1) / np.sqrt(days))
            np.testing.assert_allclose(found[column, side], expected, rtol=1e-9)


def test_luck_earns_little_gain_and_a_signal_nearly_all_of_it() -> None:
    rng = np.random.default_rng(2)
    n, days = 9600, 100
    signal = rng.normal(size=n)
    features = np.column_stack([signal, rng.normal(size=(n, 30))]).astype(np.float32)
    label = (signal + 3.0 * rng.normal(size=n) > 0).astype(float)[:, None]
    gain = gain_multipliers(day_t_statistics(features, label, np.repeat(np.arange(days), 96)), 200.0)
    assert gain[0] > 0.7
    assert gain[1:].max() < 0.1
    assert gain[1:].mean() < 0.02


def test_a_dead_feature_has_no_evidence() -> None:
    features = np.zeros((200, 1), np.float32)
    label = np.random.default_rng(3).random((200, 1))
    assert day_t_statistics(features, label, np.repeat(np.arange(4), 50))[0] == 0.0


def test_no_evidence_is_none_even_where_nobody_doubts() -> None:
    assert gain_multipliers(np.array([0.0, 2.0]), 0.0).tolist() == [0.0, 1.0]
