"""One batch of experience: the policy as it stands, played for some bars in many environments.

The rows of a rollout are known before it begins, so the features' share of the actor's first layer is one product for
all of them; the account's share is a look-up in a table of all account states. A bar then costs one hidden layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from huracan_assets.learning.market_env import ACCOUNT_COLUMNS, FLAT, MarketEnv, Path, account_columns, account_steps
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
        accounts: (states, account) the account's columns in each account state.
        steps: (states * actions,) the account state that follows.
    """

    shown: Tensor
    accounts: Tensor
    steps: Tensor

    @classmethod
    def of(cls, features: Singles, statistics: ObservationStatistics, episode_bars: int, device: str) -> Board:
        """The board of a market's `features` (n, f) under frozen `statistics`."""
        import torch

        shown = np.zeros((len(features), features.shape[1] + ACCOUNT_COLUMNS), np.float32)
        shown[:, : features.shape[1]] = statistics.standardise(features)
        arrays = (shown, account_columns(episode_bars), account_steps(episode_bars).reshape(-1))
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
    observations = board.shown.index_select(0, rows)
    accounts, actions, logits = _act(network, board, observations[: T * N], env.state.account, path, rng)
    observations[:, -ACCOUNT_COLUMNS:] = board.accounts.index_select(0, accounts.view(-1))
    values, next_values = _values(network, board, observations, rows, accounts, actions, path)
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
    return Rollout(Experience(observations[: T * N], actions.view(-1), *told), _charts(settled, done))


def _act(
    network: ActorCritic, board: Board, observations: Tensor, account: Ints, path: Path, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Account states (T + 1, N), actions (T, N) and logits (T, actions, N), bar after bar.

    The loop keeps s = sigmoid(2 z) of the hidden units in place of tanh(z) = 2 s - 1; the layer after it is stretched
    to fit. A draw from softmax(logits) is the largest logit with Gumbel noise (Gumbel 1954).
    """
    import torch

    (T, N), h, a, layers = path.truncated.shape, network.hidden, network.outputs, network.layers
    first, f = layers.first[:h], network.inputs - ACCOUNT_COLUMNS
    seen = torch.addmm(layers.first_bias[:h], observations, first.t(), beta=2, alpha=2).view(T, N, h)
    table = 2 * board.accounts @ first[:, f:].t()
    second, third = 4 * layers.actor_second.t(), 2 * layers.actor_third
    second_bias = 2 * (layers.second_bias[:h] - layers.actor_second.sum(1))
    third_bias = (layers.third_bias[:a] - layers.actor_third.sum(1))[:, None]
    with np.errstate(divide="ignore"):
        gumbel = -np.log(-np.log(rng.random((T, a, N), dtype=np.float32)))
    device = observations.device
    noise, kept = torch.from_numpy(gumbel).to(device), torch.from_numpy(~path.truncated).to(device).long()
    accounts, actions = (torch.zeros((bars, N), dtype=torch.long, device=device) for bars in (T + 1, T))
    logits, units = torch.zeros((T, a, N), device=device), torch.zeros((N, h), device=device)
    accounts[0] = torch.from_numpy(account).to(device)
    bars = (part.unbind() for part in (accounts, accounts[1:], seen, logits, noise, actions, kept))
    for stood, stands, layer, answer, luck, action, keep in zip(*bars, strict=False):
        torch.index_select(table, 0, stood, out=units)
        torch.addmm(second_bias, units.add_(layer).sigmoid_(), second, out=layer)
        torch.addmm(third_bias, third, layer.sigmoid_().t(), out=answer)
        torch.argmax(answer + luck, 0, out=action)
        after = board.steps.index_select(0, torch.add(action, stood, alpha=a))
        torch.mul(after, keep, out=stands)
    return accounts, actions, logits


def _values(
    network: ActorCritic,
    board: Board,
    observations: Tensor,
    rows: Tensor,
    accounts: Tensor,
    actions: Tensor,
    path: Path,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """V of what was observed, and V of what each step arrived at, cut episodes included; (T, N) each."""
    import torch

    T, N = path.truncated.shape
    cut = torch.from_numpy(np.flatnonzero(path.truncated)).to(rows.device)
    last = board.shown.index_select(0, rows.index_select(0, cut) + 1)
    before = accounts.view(-1).index_select(0, cut)
    arrived = board.steps.index_select(0, before * network.outputs + actions.view(-1).index_select(0, cut))
    last[:, -ACCOUNT_COLUMNS:] = board.accounts.index_select(0, arrived)
    found = network.values(observations).double().cpu().numpy().reshape(T + 1, N)
    after = found[1:].copy()
    after[path.truncated] = network.values(last).double().cpu().numpy()
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
