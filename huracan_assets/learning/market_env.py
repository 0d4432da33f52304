"""A market to play against: the decision bars of a training segment, many environments at once.

An action names the target position until the next decision bar: flat, long or short; `ppo_reward` says what it
brings. The market shows the same bars whatever is done, since an action moves no price: the rows of a rollout are
drawn first (`MarketEnv.path`) and gathered in one go, and only the account is stepped. Position and bars held are one
integer, the account's state, so that a step is a look-up in a table (`account_steps`), on whatever device.

An episode never terminates. It is truncated after `episode_bars`, before a gap and at the end of the segment; the
value of the bar it was cut at is the learner's to bootstrap. The last bar of an unbroken run is only looked at, never
acted on, so no return that reaches beyond the segment is ever paid out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from huracan_assets.errors import ContractError
from huracan_assets.learning.ppo_context import no_context, refuse_strange_context
from huracan_assets.learning.ppo_observation import ObservationStatistics

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FLAT, LONG, SHORT = 0, 1, 2
TARGETS: Floats = np.array([0.0, 1.0, -1.0])  # the position an action asks for
ACTIONS = len(TARGETS)
ACCOUNT_COLUMNS = ACTIONS + 1  # one-hot position, bars in it


@dataclass(frozen=True)
class Market:
    """The decision bars of a segment.

    Attributes:
        features: (n, f) float32, NaN where a feature is undefined.
        context: (n, CONTEXT_COLUMNS) float32, what is known of the bar beside its features.
        next_return_bps: (n,) log-return of the asset from this bar's fill to the next bar's, less a long's funding.
        cost_bps: (n,) one-way cost of a change of position by one.
        run_end: (n,) the last row of the unbroken run that the row belongs to.
        starts: rows from which at least one step can be made.
        weight: (f,) in [0, 1], how much of each feature is shown.
    """

    features: Singles
    context: Singles
    next_return_bps: Floats
    cost_bps: Floats
    run_end: Ints
    starts: Ints
    weight: Floats

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the content, to tell whether a training is resumed on the market it began on."""
        digest = hashlib.sha256()
        for array in (self.features, self.context, self.next_return_bps, self.cost_bps, self.run_end):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    @cached_property
    def observed(self) -> ObservationStatistics:
        """The statistics of all its features and their weights, the same for every agent that learns here."""
        statistics = replace(ObservationStatistics.empty(self.features.shape[1]), weight=self.weight)
        statistics.update(self.features)
        return statistics

    def return_scale_bps(self) -> float:
        """Standard deviation of the returns that can be earned; 1 where they do not vary."""
        scale = float(np.std(self.next_return_bps[self.starts]))
        return scale if scale > 0 else 1.0


def make_market(
    features: npt.NDArray[np.floating],
    next_return_bps: Floats,
    cost_bps: Floats,
    rows: Ints | None = None,
    context: Singles | None = None,
) -> Market:
    """The market of `rows` (all where None), cut into unbroken runs; without `context` nothing but features is known.

    A run breaks where the next row is not the next bar (`rows` skips one), and where return or cost is not
    finite.

    Raises:
        ContractError: shapes differ, rows are not increasing, a cost is negative, no bar can be played, no
            feature is ever defined, or the context is not finite.
    """
    n = len(features)
    if features.ndim != 2 or next_return_bps.shape != (n,) or cost_bps.shape != (n,):
        raise ContractError(
            f"features {features.shape}, next_return_bps {next_return_bps.shape}, cost_bps {cost_bps.shape} "
            "do not describe the same bars: pass (n, f), (n,) and (n,)"
        )
    known = no_context(n) if context is None else context
    refuse_strange_context(known, n)
    chosen = np.arange(n, dtype=np.int64) if rows is None else np.asarray(rows, dtype=np.int64)
    gaps = np.diff(chosen)
    if (gaps <= 0).any():
        raise ContractError("the rows of a training segment are not strictly increasing: sort them")
    returns, costs = next_return_bps[chosen].astype(np.float64), cost_bps[chosen].astype(np.float64)
    if (costs < 0).any():
        raise ContractError("a cost of trading is negative: check the cost model of the decision bars")
    playable = np.isfinite(returns) & np.isfinite(costs) & np.append(gaps == 1, False)[: len(chosen)]
    starts = np.flatnonzero(playable)
    if not len(starts):
        raise ContractError(f"none of the {len(chosen)} bars of the segment has a known return: widen the window")
    shown = np.ascontiguousarray(features[chosen], np.float32)
    if not np.isfinite(shown).any():
        raise ContractError(f"no feature of the {len(chosen)} bars of the segment is a number: check the features")
    ends = np.flatnonzero(~playable)
    run_end = ends[np.searchsorted(ends, np.arange(len(chosen)))]
    context = np.ascontiguousarray(known[chosen], np.float32)
    return Market(shown, context, returns, costs, run_end, starts, np.ones(shown.shape[1]))


def account_state(action: Ints, held: Ints, episode_bars: int) -> Ints:
    """The account as one integer: the position held, as an action, and the bars spent in it (0 when flat)."""
    return action * (episode_bars + 1) + np.minimum(held, episode_bars)


def account_columns(episode_bars: int) -> Singles:
    """What the observation says of each account state, (states, ACCOUNT_COLUMNS) within [0, 1]."""
    states = np.arange(ACTIONS * (episode_bars + 1))
    columns = np.zeros((len(states), ACCOUNT_COLUMNS), np.float32)
    columns[states, states // (episode_bars + 1)] = 1.0
    columns[:, ACTIONS] = np.log1p(states % (episode_bars + 1)) / np.log1p(episode_bars)
    return columns


def account_steps(episode_bars: int) -> Ints:
    """The account state after each action in each state, (states, ACTIONS).

    The bar that enters a position is the first spent in it; flat counts none, so that "flat" is one state.
    """
    states = np.arange(ACTIONS * (episode_bars + 1))[:, None]
    before, held = states // (episode_bars + 1), states % (episode_bars + 1)
    action = np.arange(ACTIONS)[None, :]
    after = np.where(action == FLAT, 0, np.where(action == before, held + 1, 1))
    return account_state(np.broadcast_to(action, after.shape), after, episode_bars)


@dataclass
class EnvState:
    """Where the environments stand; all (environments,).

    Attributes:
        row: the bar that is shown.
        end: the bar at which the episode will be cut.
        account: the account's state.
        equity: net P&L of the episode, in units of reward, float64.
        peak: the highest equity of the episode.
        worst: the deepest drawdown below the peak in the episode.
    """

    row: Ints
    end: Ints
    account: Ints
    equity: Floats
    peak: Floats
    worst: Floats


@dataclass(frozen=True)
class Path:
    """The bars of a rollout, `rows` (bars + 1, environments), and whether each step cut the episode.

    Where `truncated[t]` holds, `rows[t] + 1` was the bar it was cut at and `rows[t + 1]` begins another
    episode.
    """

    rows: Ints
    truncated: Bools


class MarketEnv:
    """Environments side by side on one market; every draw comes from the generator passed in."""

    def __init__(self, market: Market, environments: int, episode_bars: int) -> None:
        self.market = market
        self.environments = environments
        self.episode_bars = episode_bars
        zeros = np.zeros(environments)
        whole = zeros.astype(np.int64)
        self.state = EnvState(whole, whole, whole, zeros, zeros, zeros)

    def reset(self, rng: np.random.Generator, starts: Ints) -> None:
        """New episodes everywhere, flat; their first lengths are drawn, lest all are cut at the same step."""
        row = starts[rng.integers(len(starts), size=self.environments)]
        length = rng.integers(1, self.episode_bars, self.environments, endpoint=True)
        zeros = np.zeros(self.environments)
        end = np.minimum(row + length, self.market.run_end[row])
        self.state = EnvState(row, end, zeros.astype(np.int64), zeros, zeros.copy(), zeros.copy())

    def path(self, bars: int, rng: np.random.Generator, starts: Ints) -> Path:
        """The next `bars` bars of every environment; `row` and `end` of the state move to their end.

        Args:
            bars: how many.
            rng: of the draws.
            starts: the rows at which new episodes may begin.
        """
        rows = np.empty((bars + 1, self.environments), np.int64)
        truncated = np.zeros((bars, self.environments), np.bool_)
        row, end, t = self.state.row, self.state.end.copy(), 0
        while t < bars:
            stay = min(int((end - row).min()), bars - t)  # until then no episode is cut
            rows[t : t + stay + 1] = row + np.arange(stay + 1)[:, None]
            row, t = row + stay, t + stay
            cut = row == end
            if cut.any():
                start = starts[rng.integers(len(starts), size=int(cut.sum()))]
                row[cut] = start
                end[cut] = np.minimum(start + self.episode_bars, self.market.run_end[start])
            truncated[t - 1], rows[t] = cut, row
        self.state.row, self.state.end = row, end
        return Path(rows, truncated)
