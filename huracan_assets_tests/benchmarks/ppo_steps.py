"""How fast PPO learns, training included: against Stable-Baselines3, against its own matrix products, on two cores.

One thread, 64 environments, 80 observations, actor and critic of 64 x 64 tanh units each, 4 epochs, minibatches of
512; episodes of 500 bars that are truncated. Before anything is timed, both learn one small task to the same return.
"""

from __future__ import annotations

import subprocess
import sys
import time
from functools import cache

import numpy as np

from huracan_assets.learning.market_env import ACCOUNT_COLUMNS, ACTIONS, Market, make_market
from huracan_assets.learning.ppo import Learner, begin_stage, new_learner, train
from huracan_assets.learning.ppo_context import CONTEXT_COLUMNS
from huracan_assets.learning.ppo_network import ActorCritic, deterministic_torch
from huracan_assets.learning.ppo_policy import play
from huracan_assets.settings import read_settings
from huracan_assets_tests.benchmarks.harness import benchmark

FEATURES = 80 - ACCOUNT_COLUMNS
SETTINGS = read_settings("local").learning.ppo.model_copy(
    update={
        "environments": 64, "rollout_bars": 128, "episode_bars": 500, "hidden": 64, "epochs": 4, "minibatch": 512,
        "drawdown_aversion": 0.0, "hold_charge": 0.0, "curriculum_share": 0.0, "device": "cpu",
    }
)  # fmt: skip
ROLLOUT = SETTINGS.environments * SETTINGS.rollout_bars
UPDATES = 6
MARGIN = 0.05  # of the achievable return, between the two learners
TASK = SETTINGS.model_copy(update={"learning_rate": 1e-3, "rollout_bars": 32, "minibatch": 512})
TASK_STEPS = 65_536


def planted(bars: int, seed: int, features: int = FEATURES) -> tuple[Market, float]:
    """A market whose third feature names the sign of the next return, and what can be earned on it, net."""
    rng = np.random.default_rng(seed)
    shown = rng.normal(size=(bars, features)).astype(np.float32)
    best = np.sign(shown[:, 2])
    market = make_market(shown, 20.0 * best + rng.normal(0, 10, bars), np.full(bars, 1.0))
    turned = np.abs(np.diff(best[:-1], prepend=0)).sum()
    return market, float(best[:-1] @ market.next_return_bps[:-1] - turned)


@cache
def _learner() -> tuple[Learner, Market]:
    market, _ = planted(14_400, 1)
    learner = new_learner(FEATURES, SETTINGS, 1)
    begin_stage(learner, market, 10**9)
    return learner, market


def _own() -> float:
    learner, market = _learner()
    begin = time.perf_counter()
    train(learner, market, UPDATES)
    return UPDATES * ROLLOUT / (time.perf_counter() - begin)


@cache
def _peer() -> object:
    import torch

    from huracan_assets_tests.benchmarks.peers.stable_baselines import peer

    torch.set_num_threads(1)
    market, _ = planted(14_400, 1)
    _learn_equally()
    model = peer(market, SETTINGS, market.return_scale_bps(), 1, 10**9)
    model.learn(ROLLOUT)
    return model


def _others() -> float:
    model = _peer()
    begin = time.perf_counter()
    model.learn(UPDATES * ROLLOUT, reset_num_timesteps=False)  # type: ignore[attr-defined]
    return UPDATES * ROLLOUT / (time.perf_counter() - begin)


def _learn_equally() -> None:
    """Both learners reach the same return on a small task, or there is nothing to compare."""
    from huracan_assets_tests.benchmarks.peers.stable_baselines import greedy_net_bps, peer

    market, achievable = planted(2000, 8, 8)
    learner = new_learner(8, TASK, 1)
    begin_stage(learner, market, TASK_STEPS)
    train(learner, market)
    model = peer(market, TASK, market.return_scale_bps(), 1, TASK_STEPS)
    model.learn(TASK_STEPS)
    own = play(learner, market).summary()["net_bps"] / achievable
    others = greedy_net_bps(model, market, TASK, market.return_scale_bps()) / achievable
    if abs(own - others) > MARGIN or min(own, others) < 0.9:
        raise AssertionError(f"the returns differ: {own:.3f} of the achievable, and {others:.3f} by the peer")


@benchmark(unit="steps/s", bound=3.0, better="higher", peer=("Stable-Baselines3 PPO", _others))
def ppo_steps() -> float:
    """Environment steps a second, training included."""
    return _own()


def _products() -> float:
    """Steps a second if nothing but the matrix products were computed, of the same shapes and as often."""
    import torch

    inputs, h, b = FEATURES + ACCOUNT_COLUMNS, SETTINGS.hidden, SETTINGS.minibatch
    network = ActorCritic(inputs, h, ACTIONS, CONTEXT_COLUMNS)
    layers, slopes, to = network.layers, network.slopes, network.buffers(b)
    rows, shown = torch.randn(ROLLOUT, inputs), torch.randn(b, inputs)
    lanes, units = torch.randn(SETTINGS.environments, h), torch.randn(ROLLOUT, h)
    by_logits, by_values = torch.randn(ACTIONS, b), torch.randn(b, 1)
    begin = time.perf_counter()
    with deterministic_torch():
        for _ in range(UPDATES):
            rows @ layers.first[:h].t()
            for _ in range(SETTINGS.rollout_bars):
                lanes @ layers.actor_second.t()
                layers.actor_third @ lanes.t()
            rows @ layers.first[h:].t()
            units @ layers.critic_second.t()
            units @ layers.critic_third.t()
            for _ in range(SETTINGS.epochs * ROLLOUT // b):
                torch.mm(shown, layers.first.t(), out=to.both.first)
                torch.mm(to.actor.first, layers.actor_second.t(), out=to.actor.second)
                torch.mm(to.critic.first, layers.critic_second.t(), out=to.critic.second)
                torch.mm(layers.actor_third, to.actor.second.t(), out=to.outputs[:-1])
                torch.mm(layers.critic_third, to.critic.second.t(), out=to.outputs[-1:])
                torch.mm(by_logits, to.actor.second, out=slopes.actor_third)
                torch.mm(by_values.t(), to.critic.second, out=slopes.critic_third)
                torch.mm(by_logits.t(), layers.actor_third, out=to.actor.second_gradient)
                torch.mm(by_values, layers.critic_third, out=to.critic.second_gradient)
                torch.mm(to.actor.second_gradient.t(), to.actor.first, out=slopes.actor_second)
                torch.mm(to.critic.second_gradient.t(), to.critic.first, out=slopes.critic_second)
                torch.mm(to.actor.second_gradient, layers.actor_second, out=to.actor.first_gradient)
                torch.mm(to.critic.second_gradient, layers.critic_second, out=to.critic.first_gradient)
                torch.mm(to.both.first_gradient.t(), shown, out=slopes.first)
    return UPDATES * ROLLOUT / (time.perf_counter() - begin)


@benchmark(unit="steps/s", bound=0.55, better="higher", peer=("its matrix products alone", _products))
def ppo_steps_of_products() -> float:
    """Environment steps a second, training included."""
    return _own()


def _side_by_side(processes: int) -> float:
    """Steps a second of so many processes together."""
    command = [sys.executable, "-m", __name__]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()  # it has warmed up
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    return sum(float(child.communicate()[0]) for child in children)


@benchmark(unit="steps/s", bound=1.8, better="higher", peer=("one process", lambda: _side_by_side(1)))
def ppo_two_processes() -> float:
    """Environment steps a second of two processes together."""
    return _side_by_side(2)


def main() -> None:
    """Warm up, say so, wait for the word, and print the steps a second."""
    _own()
    print("ready", flush=True)
    sys.stdin.readline()
    print(min(_own() for _ in range(3)))


if __name__ == "__main__":
    main()
