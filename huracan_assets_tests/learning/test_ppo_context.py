"""The context of a bar: what it says, of which bars, and that agents learn to act on it."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
import pytest

from huracan_assets.errors import ContractError
from huracan_assets.learning.market_env import LONG, SHORT, Market, make_market
from huracan_assets.learning.ppo import Learner
from huracan_assets.learning.ppo_context import CONTEXT, CONTEXT_COLUMNS, CONTEXT_UNIT, bar_context, no_context
from huracan_assets.learning.ppo_page import bias_rows
from huracan_assets.learning.ppo_policy import context_bias, flat_votes, play
from huracan_assets.memory.recall import RECALL_SCHEMA, recalled_at
from huracan_assets_tests.learning.ppo_markets import QUICK, SMALL, noise_market, trained

AS_OF = np.array(["2026-01-01T00:15", "2026-01-01T00:30", "2026-01-01T00:45"], "datetime64[us]")
REGIMES = pl.DataFrame(
    {"as_of": AS_OF, "p_trend": [0.5, 0.2, 0.1], "p_range": [0.25, 0.7, 0.1], "p_panic": [0.25, 0.1, 0.8]}
).with_columns(pl.col("as_of").dt.replace_time_zone("UTC"))


def recalled() -> pl.DataFrame:
    """Nothing at the first bar, four trades at the second, twenty at the third: longs that lost and shorts that won."""
    rows = {
        "as_of": REGIMES["as_of"], "neighbours": [0, 4, 20], "same_regime": [None, True, True],
        "win_rate": [None, 1.0, 0.5], "mean_net_bps": [None, 10.0, 0.0], "nearest": [None, 0.1, 0.1],
        "long_neighbours": [0, 4, 10], "long_mean_net_bps": [None, 10.0, -10.0],
        "long_rms_net_bps": [None, 10.0, 20.0], "short_neighbours": [0, 0, 10],
        "short_mean_net_bps": [None, None, 30.0], "short_rms_net_bps": [None, None, 30.0],
    }  # fmt: skip
    return pl.DataFrame(rows, schema=pl.Schema(RECALL_SCHEMA))


def test_it_says_the_regimes_odds_and_how_similar_trades_went() -> None:
    context = bar_context(AS_OF, REGIMES, recalled()) / CONTEXT_UNIT
    assert context.shape == (3, CONTEXT_COLUMNS) == (3, len(CONTEXT))
    np.testing.assert_allclose(context[:, :3], REGIMES.select("p_trend", "p_range", "p_panic").to_numpy(), atol=1e-7)
    assert (context[:2, 3:] == 0).all()  # four trades are too few to say anything
    # S / sqrt(n Q): ten longs of mean -10 and root mean square 20 among twenty, ten shorts that all won alike
    np.testing.assert_allclose(context[2, 3:], [-0.5 / np.sqrt(2), 1 / np.sqrt(2), 1.0], atol=1e-7)
    nothing = recalled_at(recalled().clear(), REGIMES["as_of"])
    assert (bar_context(AS_OF, REGIMES, nothing)[:, 3:] == 0).all()


def test_a_bar_has_the_same_context_alone_and_in_any_order() -> None:
    whole = bar_context(AS_OF, REGIMES, recalled())
    for row in range(3):
        assert (bar_context(AS_OF[row : row + 1], REGIMES, recalled()) == whole[row]).all()
    assert (bar_context(AS_OF[::-1], REGIMES.reverse(), recalled()) == whole[::-1]).all()


@pytest.mark.parametrize("which", ["regimes", "recalled"])
def test_what_lacks_a_bar_is_refused(which: str) -> None:
    parts = {"regimes": REGIMES, "recalled": recalled()}
    with pytest.raises(ContractError, match=f"{which} and bars differ"):
        bar_context(AS_OF, **parts | {which: parts[which][:2]})


def test_a_market_refuses_a_context_that_is_none() -> None:
    market = noise_market(50)
    broken = no_context(50)
    broken[7, 1] = np.inf
    for context in (broken, no_context(49), no_context(50)[:, 1:]):
        with pytest.raises(ContractError, match="make it with bar_context"):
            make_market(market.features, market.next_return_bps, market.cost_bps, None, context)
    other = make_market(market.features, market.next_return_bps, market.cost_bps, None, no_context(50))
    assert other.fingerprint != market.fingerprint


def regime_market(seed: int) -> tuple[Market, float]:
    """A trend pays longs, a range shorts, a panic nobody; the features are noise. And what can be earned."""
    rng = np.random.default_rng(seed)
    regime = rng.integers(0, 3, 1200)
    side = np.array([1.0, -1.0, 0.0])[regime]
    context = no_context(1200)
    context[:, :3] = CONTEXT_UNIT * np.where(np.arange(3) == regime[:, None], 0.9, 0.05)
    features = rng.normal(size=(1200, 4)).astype(np.float32)
    returns = 20.0 * side + rng.normal(0, 5, 1200)
    return make_market(features, returns, np.full(1200, 0.5), None, context), 20.0 * np.abs(side).sum()


@cache
def regime_agents() -> tuple[Learner, ...]:
    settings = QUICK.model_copy(update={"environments": 32, "gamma": 0.5})
    return tuple(trained(regime_market(1)[0], settings, 40_960, seed) for seed in (1, 2))


def test_identity_the_regime_alone_names_the_best_action() -> None:
    unseen, achievable = regime_market(2)
    for agent in regime_agents():
        assert play(agent, unseen).summary()["net_bps"] >= 0.85 * achievable
        bias = context_bias(agent)
        assert bias[:, :2].argmax(axis=0).tolist() == [LONG, SHORT]
        assert (bias[:, 3:] == 0).all()  # the memory was silent and biases nothing
        votes = flat_votes(agent, unseen.features, unseen.context)
        regime = unseen.context[:, :3].argmax(axis=1)
        assert votes[regime == 0].min() > 0.3 and votes[regime == 1].max() < -0.3


def test_the_page_tells_which_regime_biases_which_action() -> None:
    said = {
        (row["context"], row["action"]): [float(row[name]) for name in ("mean", "lowest", "highest")]
        for row in bias_rows(np.stack([context_bias(agent) for agent in regime_agents()]))
    }
    assert list(said) == [(name, action) for name in CONTEXT for action in ("flat", "long", "short")]
    trend, ranging = CONTEXT[:2]
    assert said[trend, "long"][0] > 0 > said[trend, "short"][0]
    assert said[ranging, "short"][0] > 0
    both = [context_bias(agent)[LONG, 0] for agent in regime_agents()]
    assert said[trend, "long"] == pytest.approx([np.mean(both), min(both), max(both)], abs=5.1e-4)


def test_the_critic_sees_the_context_too() -> None:
    """A regime that pays whatever is done is no merit of an action: the value carries it, and the actor stays quiet."""
    learner = trained(noise_market(), SMALL, 2048)
    assert (learner.network.named(learner.network.weights)["critic.context"] != 0).all()
