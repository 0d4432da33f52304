"""The weights of what is shown against loops over bars and blocks, and on planted features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from huracan_assets.learning.market_env import Market, make_market
from huracan_assets.learning.ppo_evidence import BLOCK_BARS, TAILS, weigh

PRIOR, AHEAD = 50.0, 8


def drawn(seed: int, bars: int, gaps: float) -> Market:
    """Features, one of them with holes and one constant, and returns with gaps."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(bars, 4)).astype(np.float32)
    features[rng.random(bars) < 0.2, 1] = np.nan
    features[:, 3] = 7.0
    returns = np.where(rng.random(bars) < gaps, np.nan, 5.0 * np.nan_to_num(features[:, 0]) + rng.normal(0, 25, bars))
    return make_market(features, returns, np.full(bars, 6.5))


def expected_weights(market: Market) -> list[float]:
    """By the definition, a bar after the other."""
    rows, earned = [], []
    for row in range(len(market.features)):
        following = market.next_return_bps[row : row + AHEAD]
        if len(following) == AHEAD and np.isfinite(following).all() and row + AHEAD < len(market.features):
            rows.append(row)
            earned.append(following.sum())
    label = np.clip(earned, -TAILS * np.std(earned), TAILS * np.std(earned))
    label = label - label.mean()
    counted = []
    for feature in range(market.features.shape[1]):
        value = market.features[rows, feature]
        known = np.isfinite(value)
        rank = np.zeros(len(rows))
        rank[known] = (rankdata(value[known]) - 0.5) / known.sum() - 0.5
        blocks: dict[int, float] = {}
        for place, row in enumerate(rows):
            blocks[row // BLOCK_BARS] = blocks.get(row // BLOCK_BARS, 0.0) + rank[place] * label[place]
        sums = np.array(list(blocks.values()))
        spread = sums.std(ddof=1) if len(sums) > 1 else 0.0
        t = sums.mean() / spread * np.sqrt(len(sums)) if spread > 0.0 else 0.0
        counted.append(t**2 / (t**2 + PRIOR))
    return [one / max(counted) for one in counted]


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), bars=st.integers(3 * BLOCK_BARS, 8 * BLOCK_BARS), gaps=st.sampled_from([0.0, 0.01]))
def test_a_weight_is_the_evidence_over_that_of_the_best(seed: int, bars: int, gaps: float) -> None:
    market = drawn(seed, bars, gaps)
    np.testing.assert_allclose(weigh(market, PRIOR, AHEAD).weight, expected_weights(market), rtol=1e-7, atol=1e-12)


def test_what_leads_the_returns_is_shown_whole_and_noise_hardly() -> None:
    rng = np.random.default_rng(3)
    bars = 60 * BLOCK_BARS
    features = rng.normal(size=(bars, 40)).astype(np.float32)
    returns = 6.0 * np.sign(features[:, 17]) + rng.normal(0, 25, bars)
    weight = weigh(make_market(features, returns, np.full(bars, 6.5)), PRIOR, AHEAD).weight
    assert weight[17] == 1.0
    assert np.delete(weight, 17).max() < 0.25
    assert np.median(weight) < 0.02


@pytest.mark.parametrize("returns", [np.zeros(3 * BLOCK_BARS), np.where(np.arange(3 * BLOCK_BARS) % 5, 1.0, np.nan)])
def test_without_evidence_every_feature_is_shown_whole(returns: np.ndarray) -> None:
    features = np.random.default_rng(1).normal(size=(len(returns), 3)).astype(np.float32)
    market = make_market(features, returns, np.full(len(returns), 6.5))
    assert weigh(market, PRIOR, AHEAD).weight.tolist() == market.weight.tolist() == [1.0, 1.0, 1.0]
