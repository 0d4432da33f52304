"""One batch of experience: the policy as it stands, played for some bars in many environments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from huracan_assets.learning.market_env import (
    ACCOUNT_COLUMNS,
    FLAT,
    Market,
    MarketEnv,
    Path,
    account_columns,
    account_steps,
)
from huracan_assets.learning.ppo_actions import act
from huracan_assets.learning.ppo_loss import Experience
from huracan_assets.learning.ppo_network import ActorCritic
from huracan_assets.learning.ppo_observation import ObservationStatistics
from huracan_assets.learning.ppo_reward import TERMS, Settlement, gae, settle
from huracan_assets.settings import PPOSettings

if TYPE_CHECKING:
    from torch import Tensor

Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Metrics = dict[str, float]


@dataclass(frozen=True)
class Board:
    """A market as the network sees it, on its device.

    Attributes:
        shown: (n, f + account) standardised features; the account's columns are zero.
        context: (context, n) what is known of the bars beside their features.
        accounts: (states, account) the account's columns in each account state.
        steps: (states * actions,) the account state that follows.
    """

    shown: Tensor
    context: Tensor
    accounts: Tensor
    steps: Tensor

    @classmethod
    def of(cls, market: Market, statistics: ObservationStatistics, episode_bars: int, device: str) -> Board:
        """The board of `market` under frozen `statistics`."""
        import torch

        bars, features = market.features.shape
        shown = np.zeros((bars, features + ACCOUNT_COLUMNS), np.float32)
        shown[:, :features] = statistics.standardise(market.features)
        context = np.ascontiguousarray(market.context.T)
        arrays = (shown, context, account_columns(episode_bars), account_steps(episode_bars).reshape(-1))
        return cls(*(torch.from_numpy(array).to(device) for array in arrays))


@dataclass(frozen=True)
class Rollout:
    """One batch of experience, flattened over (bars, environments) in that order, on the network's device."""

    rows: Experience
    charts: Metrics


def collect(
    network: ActorCritic,
    board: Board,
    env: MarketEnv,
    starts: Ints,
    rng: np.random.Generator,
    scale_bps: float,
    settings: PPOSettings,
) -> Rollout:
    """Play `rollout_bars` bars with the policy as it stands; must run without gradients.

    Args:
        network: the policy and its critic.
        board: the market of `env` as the network sees it.
        env: where the environments stand; moves on.
        starts: rows at which new episodes may begin.
        rng: of every draw.
        scale_bps: the unit of reward.
        settings: PPO's.
    """
    import torch

    T, N = settings.rollout_bars, settings.environments
    path = env.path(T, rng, starts)
    rows = torch.from_numpy(path.rows.reshape(-1)).to(board.shown.device)
    observations, context = board.shown.index_select(0, rows), board.context.index_select(1, rows)
    seen = observations[: T * N], context[:, : T * N].contiguous()
    accounts, actions, logits = act(network, board.accounts, board.steps, *seen, env.state.account, path.truncated, rng)
    observations[:, -ACCOUNT_COLUMNS:] = board.accounts.index_select(0, accounts.view(-1))  # and so in what was seen
    values, next_values = _values(network, board, observations, context, rows, accounts, actions, path)
    chosen = torch.log_softmax(logits, dim=1).gather(1, actions[:, None])[:, 0]
    env.state.account = accounts[T].cpu().numpy().copy()
    done = actions.cpu().numpy()
    settled = settle(env.market, path, done, accounts[:T].cpu().numpy(), env.state, scale_bps, settings)
    advantages = gae(settled.reward, values, next_values, path.truncated, settings.gamma, settings.gae_lambda)
    value, advantage, returned = (
        torch.from_numpy(array.reshape(-1).astype(np.float32)).to(rows.device)
        for array in (values, advantages, advantages + values)
    )
    told = chosen.reshape(-1), value, advantage, returned
    return Rollout(Experience(*seen, actions.view(-1), *told), _charts(settled, done))


def _values(
    network: ActorCritic,
    board: Board,
    observations: Tensor,
    context: Tensor,
    rows: Tensor,
    accounts: Tensor,
    actions: Tensor,
    path: Path,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """V of what was observed, and V of what each step arrived at, cut episodes included; (T, N) each."""
    import torch

    T, N = path.truncated.shape
    cut = torch.from_numpy(np.flatnonzero(path.truncated)).to(rows.device)
    ends = rows.index_select(0, cut) + 1
    last = board.shown.index_select(0, ends)
    before = accounts.view(-1).index_select(0, cut)
    arrived = board.steps.index_select(0, before * network.outputs + actions.view(-1).index_select(0, cut))
    last[:, -ACCOUNT_COLUMNS:] = board.accounts.index_select(0, arrived)
    found = network.values(observations, context).double().cpu().numpy().reshape(T + 1, N)
    after = found[1:].copy()
    known = board.context.index_select(1, ends)
    after[path.truncated] = network.values(last, known).double().cpu().numpy()
    return found[:T], after


def _charts(settled: Settlement, actions: Ints) -> Metrics:
    """Means over the rollout: reward and its terms, net and cost of a bar, share of bars with a trade, a position."""
    terms = settled.terms.mean(axis=(1, 2)).tolist()
    return {
        "charts/reward": float(settled.reward.mean()),
        **{f"charts/reward_{name}": value for name, value in zip(TERMS, terms, strict=True)},
        "charts/net_bps": float((settled.gross_bps - settled.cost_bps).mean()),
        "charts/cost_bps": float(settled.cost_bps.mean()),
        "charts/trade_rate": float(settled.changed.mean()),
        "charts/exposure": float((actions != FLAT).mean()),
    }
