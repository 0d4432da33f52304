"""PPO: that it learns what can be learned and nothing else, the same way each time, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from huracan_assets.errors import ContractError, SettingsError
from huracan_assets.learning.market_env import make_market
from huracan_assets.learning.ppo import begin_stage, new_learner, train
from huracan_assets.learning.ppo_checkpoint import save
from huracan_assets.learning.ppo_network import deterministic_torch
from huracan_assets.learning.ppo_policy import play
from huracan_assets.learning.ppo_reward import TERMS
from huracan_assets_tests.learning.ppo_markets import QUICK, SMALL, noise_market, planted, trained, votes_on


def test_identity_the_feature_names_the_best_action() -> None:
    """The twin of the identity environments of SB3: no costs, the feature is the answer."""
    rng = np.random.default_rng(7)
    answer = rng.integers(-1, 2, 600)
    returns = np.where(answer == 0, 0, answer * 10.0)
    market = make_market(answer[:, None].astype(np.float32), returns, np.where(answer == 0, 5.0, 0.0))
    settings = QUICK.model_copy(update={"environments": 32, "gamma": 0.5})
    result = play(trained(market, settings, 32_768), market)
    assert (result.gross_bps.sum() - result.cost_bps.sum()) >= 0.9 * np.abs(returns[:-1]).sum()


def test_a_planted_edge_is_captured_out_of_sample() -> None:
    market, _ = planted(2000, 8, 20.0, 1.0)
    learner = trained(market, QUICK, 32_768)
    unseen, mean = planted(2000, 9, 20.0, 1.0)
    best = np.sign(mean[:-1])
    achievable = best @ unseen.next_return_bps[:-1] - np.abs(np.diff(best, prepend=0)).sum()
    assert play(learner, unseen).summary()["net_bps"] >= 0.9 * achievable
    assert (np.sign(votes_on(learner, unseen.features)) == np.sign(mean)).mean() > 0.9


def test_on_shuffled_returns_with_fees_it_hardly_trades() -> None:
    market, _ = planted(4000, 10, 20.0, 6.5)
    shuffled = np.random.default_rng(11).permutation(market.next_return_bps)
    learner = trained(make_market(market.features, shuffled, market.cost_bps), QUICK, 65_536)
    fresh = np.random.default_rng(12).permutation(market.next_return_bps)
    summary = play(learner, make_market(market.features, fresh, market.cost_bps)).summary()
    assert summary["trade_rate"] < 0.02
    assert summary["net_bps"] >= -summary["cost_bps"] - 1e-9


def test_training_twice_gives_the_same_bytes_and_another_seed_others() -> None:
    market = noise_market()
    first, second, other = (save([trained(market, SMALL, 1536, seed)]) for seed in (1, 1, 2))
    assert first == second != other


def test_nothing_global_leaks() -> None:
    market = noise_market()
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    trained(market, SMALL, 512)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads and torch.are_deterministic_algorithms_enabled() == strict
    with deterministic_torch():
        assert torch.get_num_threads() == 1 and torch.are_deterministic_algorithms_enabled()
    torch.set_deterministic_debug_mode("warn")
    with deterministic_torch():
        assert torch.get_deterministic_debug_mode() == 2  # an error, not a warning
    assert torch.get_deterministic_debug_mode() == 1
    torch.set_deterministic_debug_mode("default")


def test_torchs_compiler_is_not_loaded() -> None:
    """It takes as long as torch itself, and nothing here is compiled by it."""
    code = (
        "import sys; from huracan_assets.learning.ppo_network import deterministic_torch\n"
        "with deterministic_torch(): pass\n"
        "sys.exit('torch._inductor' in sys.modules or 'torch' not in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_undefined_features_do_not_poison() -> None:
    rng = np.random.default_rng(13)
    market = noise_market()
    features = market.features.copy()
    features[rng.random(features.shape) < 0.3] = np.nan
    features[:, 1] = np.nan
    features[40] = np.inf
    learner = trained(make_market(features, market.next_return_bps, market.cost_bps), SMALL, 1536)
    assert torch.isfinite(learner.network.weights).all()
    votes = votes_on(learner, np.full((3, 4), np.nan, np.float32))
    assert np.isfinite(votes).all() and (np.abs(votes) <= 1).all()


def test_metrics_bear_cleanrls_names_and_the_rate_anneals() -> None:
    market = noise_market()
    learner = new_learner(4, SMALL, 1)
    begin_stage(learner, market, 4 * 512)
    heard: list[dict[str, float]] = []
    curve = train(learner, market, progress=heard.append)
    assert heard == curve and [row["global_step"] for row in curve] == [512, 1024, 1536, 2048]
    for name in (
        "policy_loss",
        "value_loss",
        "entropy",
        "old_approx_kl",
        "approx_kl",
        "clipfrac",
        "explained_variance",
    ):
        assert all(np.isfinite(row[f"losses/{name}"]) for row in curve)
    rates = [row["charts/learning_rate"] for row in curve]
    assert np.allclose(rates, SMALL.learning_rate * np.array([1, 0.75, 0.5, 0.25]))


def test_each_stage_has_the_statistics_of_its_own_rows() -> None:
    learner, rng = new_learner(4, SMALL, 1), np.random.default_rng(21)
    for level, bars in ((0.0, 200), (5.0, 320)):
        features = rng.normal(level, 1.0 + level, (bars, 4)).astype(np.float32)
        features[rng.random(features.shape) < 0.1] = np.nan
        begin_stage(learner, make_market(features, rng.normal(0, 25, bars), np.full(bars, 6.5)), 512)
        exact = features.astype(np.float64)
        np.testing.assert_allclose(learner.observation.mean, np.nanmean(exact, axis=0), rtol=1e-9)
        np.testing.assert_allclose(learner.observation.variance(), np.nanvar(exact, axis=0), rtol=1e-9)
        assert learner.observation.count.tolist() == np.isfinite(features).sum(axis=0).tolist()


def test_a_stage_is_needed_and_must_fit() -> None:
    learner = new_learner(4, SMALL, 1)
    with pytest.raises(ContractError, match="begin_stage"):
        train(learner, noise_market())
    with pytest.raises(ContractError, match="features"):
        begin_stage(learner, noise_market(features=5), 512)
    begin_stage(learner, noise_market(), 512)
    with pytest.raises(ContractError, match="begin_stage"):
        train(learner, noise_market(seed=9))


def test_every_term_of_the_reward_is_reported_and_they_add_up() -> None:
    learner = new_learner(4, SMALL.model_copy(update={"hold_bars": 1}), 1)
    begin_stage(learner, noise_market(), 1024)
    for row in train(learner, noise_market()):
        parts = [row[f"charts/reward_{name}"] for name in TERMS]
        assert row["charts/reward"] == pytest.approx(sum(parts))
        assert min(abs(part) for part in parts) > 0  # at the start everything is traded and paid for


def test_the_first_stage_climbs_from_easy_to_hard_and_later_ones_meet_all() -> None:
    market = noise_market()
    learner = new_learner(4, SMALL.model_copy(update={"curriculum_share": 0.25}), 1)
    for wanted in ([0, 0, 1, 1, 2, 2, 2, 2], [2] * 8):
        begin_stage(learner, market, 8 * 512)
        assert [row["charts/level"] for row in train(learner, market)] == wanted


def test_weights_that_are_no_numbers_end_the_training() -> None:
    market = noise_market()
    learner = new_learner(4, SMALL, 1)
    begin_stage(learner, market, 512)
    learner.network.weights[3] = float("nan")
    with pytest.raises(ContractError, match="no longer numbers after 512 steps"):
        train(learner, market)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match="set it to cpu"):
        new_learner(4, SMALL.model_copy(update={"device": "cuda"}), 1)


@pytest.mark.parametrize("returns", [np.zeros(300), np.full(300, -40.0), np.tile([4e5, -4e5], 150)])
def test_a_market_that_stands_still_only_falls_or_is_absurd_leaves_numbers(returns: np.ndarray) -> None:
    market = make_market(np.ones((300, 4), np.float32), returns, np.full(300, 6.5))
    learner = new_learner(4, SMALL, 1)
    begin_stage(learner, market, 4 * 512)
    assert all(np.isfinite(list(row.values())).all() for row in train(learner, market))
    assert np.isfinite(votes_on(learner, market.features)).all()


def test_an_agent_that_knows_one_action_only_can_go_on_learning() -> None:
    learner, market = new_learner(4, SMALL, 1), noise_market()
    learner.network.layers.third_bias[:3] = torch.tensor([-300.0, 300.0, -300.0])
    begin_stage(learner, market, 2 * 512)
    curve = train(learner, market)
    assert curve[0]["charts/exposure"] == 1.0
    assert all(np.isfinite(list(row.values())).all() for row in curve)
    assert votes_on(learner, market.features[:5]).tolist() == pytest.approx([1.0] * 5)
