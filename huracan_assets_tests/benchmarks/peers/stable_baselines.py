"""The market for Stable-Baselines3: the same bars, account, reward and truncation, stepped in numpy.

The peer's PPO is given the engine's network, epochs, minibatch and coefficients. Its environments are one vectorised
object, which is kinder to it than its own `DummyVecEnv`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from huracan_assets.learning.market_env import (
    ACCOUNT_COLUMNS,
    ACTIONS,
    FLAT,
    TARGETS,
    Market,
    account_columns,
    account_steps,
)
from huracan_assets.settings import PPOSettings


class MarketVecEnv(VecEnv):
    """Net P&L, turnover and risk as the engine rewards them; episodes are truncated, never terminated."""

    def __init__(self, market: Market, settings: PPOSettings, scale_bps: float, seed: int) -> None:
        width = market.features.shape[1] + ACCOUNT_COLUMNS
        box = spaces.Box(-np.inf, np.inf, (width,), np.float32)
        super().__init__(settings.environments, box, spaces.Discrete(ACTIONS))
        self.shown = market.observed.standardise(market.features)
        self.market, self.settings, self.scale = market, settings, scale_bps
        self.rng = np.random.default_rng(seed)
        self.columns, self.after = account_columns(settings.episode_bars), account_steps(settings.episode_bars)
        self.asked = np.zeros(self.num_envs, np.int64)
        self.row, self.end, self.account = np.zeros((3, self.num_envs), np.int64)

    def _begin(self, lanes: NDArray[np.int64]) -> None:
        starts = self.market.starts
        row = starts[self.rng.integers(len(starts), size=len(lanes))]
        self.row[lanes], self.account[lanes] = row, 0
        self.end[lanes] = np.minimum(row + self.settings.episode_bars, self.market.run_end[row])

    def _observed(self) -> NDArray[np.float32]:
        return np.concatenate([self.shown[self.row], self.columns[self.account]], axis=1)

    def reset(self) -> NDArray[np.float32]:
        """New episodes everywhere, cut after lengths that are drawn."""
        self._begin(np.arange(self.num_envs))
        length = self.rng.integers(1, self.settings.episode_bars, self.num_envs, endpoint=True)
        self.end = np.minimum(self.row + length, self.end)
        return self._observed()

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Keep the actions."""
        self.asked = actions

    def step_wait(self) -> tuple[Any, Any, Any, list[dict[str, Any]]]:
        """Take them."""
        settings, market, rows = self.settings, self.market, self.row
        held = self.account // (settings.episode_bars + 1)
        position = TARGETS[self.asked]
        gross = position * market.next_return_bps[rows]
        cost = np.abs(position - TARGETS[held]) * market.cost_bps[rows]
        risk = settings.risk_aversion / 2 * (gross / self.scale) ** 2
        reward = (gross - settings.cost_multiple * cost) / self.scale - risk
        self.account = self.after[self.account, self.asked]
        self.row = rows + 1
        cut = self.row == self.end
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if cut.any():
            last, lanes = self._observed(), np.flatnonzero(cut)
            for lane in lanes:
                infos[lane] = {"TimeLimit.truncated": True, "terminal_observation": last[lane]}
            self._begin(lanes)
        return self._observed(), reward.astype(np.float32), cut, infos

    def close(self) -> None:
        """Nothing is open."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Of the one object, for every environment."""
        return [getattr(self, attr_name, None)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Of the one object."""
        setattr(self, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Of the one object, once."""
        return [getattr(self, method_name)(*args, **kwargs)]

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        """Never."""
        return [False] * self.num_envs


def peer(market: Market, settings: PPOSettings, scale_bps: float, seed: int, steps: int) -> PPO:
    """Stable-Baselines3's PPO in front of the market, its learning rate annealed over `steps`."""
    import torch

    return PPO(
        "MlpPolicy",
        MarketVecEnv(market, settings, scale_bps, seed),
        learning_rate=lambda left: settings.learning_rate * left,
        n_steps=settings.rollout_bars,
        batch_size=settings.minibatch,
        n_epochs=settings.epochs,
        gamma=settings.gamma,
        gae_lambda=settings.gae_lambda,
        clip_range=settings.clip,
        clip_range_vf=settings.clip,
        ent_coef=settings.entropy,
        vf_coef=settings.value_coefficient,
        max_grad_norm=settings.max_grad_norm,
        policy_kwargs={
            "net_arch": {"pi": [settings.hidden] * 2, "vf": [settings.hidden] * 2},
            "activation_fn": torch.nn.Tanh,
        },
        device="cpu",
        seed=seed,
    )


def greedy_net_bps(model: PPO, market: Market, settings: PPOSettings, scale_bps: float) -> float:
    """Net bps of the peer's most probable action along the whole of an unbroken market."""
    env = MarketVecEnv(market, settings, scale_bps, 0)
    account, net = 0, 0.0
    for row in market.starts:
        observation = np.concatenate([env.shown[row], env.columns[account]])
        action = int(model.predict(observation, deterministic=True)[0])
        before, position = account // (settings.episode_bars + 1), TARGETS[action]
        net += position * market.next_return_bps[row] - abs(position - TARGETS[before]) * market.cost_bps[row]
        account = 0 if action == FLAT else int(env.after[account, action])
    return float(net)
