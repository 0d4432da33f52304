"""The observer's estimate is the conditional mean: no other estimate from the same shares is better."""

from __future__ import annotations

import numpy as np

from huracan_assets.market.synthetic import SHARE_NOISE, SHARE_PER_FLOW
from huracan_assets_tests.experiments.oracle import PERSISTENCE, filtered


def test_the_filter_is_the_conditional_mean_of_a_gaussian() -> None:
    n = 25
    seen = np.random.default_rng(3).standard_normal(n)
    covariance = PERSISTENCE ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    noisy = covariance + np.eye(n) * (SHARE_NOISE / SHARE_PER_FLOW) ** 2
    for t in (0, 1, n - 1):
        known = slice(0, t + 1)
        expected = covariance[t, known] @ np.linalg.solve(noisy[known, known], seen[known])
        np.testing.assert_allclose(filtered(seen)[t], expected, rtol=1e-10)
